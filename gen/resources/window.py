"""Control, line buffers and windows: what every operator on windows costs before its arithmetic."""

from __future__ import annotations

from ...hw.rtl.window import WindowCore
from .cost import Resources, counter, logic, memory, registers


def window(core: WindowCore) -> Resources:
    """Control, line buffers and the registers that hold the windows; masks where there is padding."""
    g = core.geometry
    depth = g.dilation[0] * g.layout.beats_per_row
    line = memory(depth, g.layout.bits, registered=True) + counter(depth) if depth > 1 else registers(g.layout.bits)
    beats = 1 - (g.last_lane - (g.columns - 1)) // g.layout.lanes
    control = counter(g.steps) + counter(g.layout.height) + counter(g.layout.beats_per_row) + logic(12)
    rows, columns = g.edge_rows(), g.edge_columns()
    masked = sum(
        k in rows or lane * g.strides[1] + c * g.dilation[1] in columns
        for lane in range(g.lanes)
        for k in range(g.kernel[0])
        for c in range(g.kernel[1])
    )
    edges = logic(masked * g.layout.channels * g.layout.type.width) + Resources(4, 1) * (len(rows) + len(columns))
    hold = counter(core.reuse) if core.reuse > 1 else Resources()
    return control + hold + line * (g.kernel[0] - 1) + registers(g.kernel[0] * beats * g.layout.bits) + edges
