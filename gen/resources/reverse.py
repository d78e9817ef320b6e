"""A sequence kept and sent from its last step."""

from __future__ import annotations

from ...hw.rtl.reverse import ReverseCore
from .cost import Resources, adder, counter, kept, registers
from .formulas import counts


@counts(ReverseCore)
def _(core: ReverseCore) -> Resources:
    beats, bits = core.output.beats, core.output.bits
    control = counter(beats) * 2 + counter(core.output.beats_per_row) + adder((beats - 1).bit_length())
    return control + kept(beats, bits) + registers(bits + core.latency)
