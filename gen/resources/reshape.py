"""A tensor gathered into one beat, and a vector sent in many."""

from __future__ import annotations

from ...hw.rtl.reshape import CollectCore, SpreadCore
from .cost import Resources, counter, multiplexer, registers
from .formulas import counts


@counts(CollectCore)
def _(core: CollectCore) -> Resources:
    layout = core.inputs[0].layout
    return counter(layout.beats) + registers(layout.beats * layout.bits + 1)


@counts(SpreadCore)
def _(core: SpreadCore) -> Resources:
    return counter(core.output.beats) + multiplexer(core.output.beats, core.output.bits)
