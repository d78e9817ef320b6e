"""What the global pools share: the control of a fold."""

from __future__ import annotations

from ...hw.rtl.fold import FoldCore
from .cost import Resources, counter, registers


def control(core: FoldCore) -> Resources:
    layout = core.inputs[0].layout
    return counter(layout.height) + counter(layout.beats_per_row) + registers(3 * core.latency)
