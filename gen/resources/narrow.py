"""Beats in parts."""

from __future__ import annotations

from ...hw.rtl.narrow import NarrowCore
from .cost import Resources, counter, multiplexer
from .formulas import counts


@counts(NarrowCore)
def _(core: NarrowCore) -> Resources:
    control = counter(core.parts) + counter(core.inputs[0].layout.beats_per_row)
    return control + multiplexer(core.parts, core.output.bits)
