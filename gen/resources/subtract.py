"""The difference of two streams."""

from __future__ import annotations

from ...hw.rtl.subtract import SubtractCore
from .cost import Resources, adder
from .formulas import counts
from .join import handshake


@counts(SubtractCore)
def _(core: SubtractCore) -> Resources:
    return handshake(core) + adder(core.output.bits)
