"""Vectors kept and sent at every step."""

from __future__ import annotations

from ...hw.rtl.repeat_vector import RepeatVectorCore
from .cost import Resources, counter, kept, logic, registers
from .formulas import counts


@counts(RepeatVectorCore)
def _(core: RepeatVectorCore) -> Resources:
    beats, bits = core.output.beats_per_row, core.output.bits
    control = counter(beats) + counter(core.output.height) + registers(core.latency)
    return control + kept(beats, bits) + registers(2 * bits) + logic(bits)
