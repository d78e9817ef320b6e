"""The sum of several streams."""

from __future__ import annotations

from ...hw.rtl.add import AddCore
from .cost import Resources, adder
from .formulas import counts
from .join import handshake


@counts(AddCore)
def _(core: AddCore) -> Resources:
    return handshake(core) + adder(core.output.bits) * (len(core.inputs) - 1)
