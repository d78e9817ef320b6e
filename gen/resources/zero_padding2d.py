"""Zeros around an image."""

from __future__ import annotations

from ...hw.rtl.zero_padding2d import ZeroPaddingCore
from .cost import Resources, counter, logic, registers
from .formulas import counts


@counts(ZeroPaddingCore)
def _(core: ZeroPaddingCore) -> Resources:
    """Counters, where the image lies in them, and the registers of a beat and of the lanes that wait for the next."""
    control = counter(core.output.beats_per_row) + counter(core.output.height) + logic(4)
    waiting = core.shift * core.output.bits // core.output.lanes
    return control + registers(core.output.bits + waiting + 1)
