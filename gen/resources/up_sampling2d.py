"""Every pixel several times."""

from __future__ import annotations

from ...hw.rtl.up_sampling2d import UpSamplingCore
from .cost import Resources, counter, kept, multiplexer, registers, total
from .formulas import counts


@counts(UpSamplingCore)
def _(core: UpSamplingCore) -> Resources:
    """Counters, the row's memory, and a choice among the input's pixels; lanes that always show the same are one."""
    layout, pixel = core.inputs[0].layout, core.output.bits // core.output.lanes
    control = counter(core.parts) + counter(core.rows) + registers(4)
    if core.rows > 1 or core.last_parts < core.parts:
        control += counter(layout.beats_per_row)
    lanes = {tuple(core.shown(part, lane) for part in range(core.parts)) for lane in range(core.output.lanes)}
    sources = 2 if core.rows > 1 else 1  # the port and the memory
    data = total(multiplexer(sources * len(set(shown)), pixel) + registers(pixel) for shown in lanes)
    row = kept(layout.beats_per_row, layout.bits) if core.rows > 1 else Resources()
    return control + data + registers(layout.bits) + row
