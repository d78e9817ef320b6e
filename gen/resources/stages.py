"""A stage and the buffers behind it."""

from __future__ import annotations

from ...hw.rtl.fifo import DEEP
from ..rtl.stages import PlannedStage
from .cost import Resources, counter, memory, total
from .formulas import count


def of_stage(stage: PlannedStage) -> Resources:
    """A core with what follows it, without its buffer."""
    return count(stage.core) + total(count(module) for module in stage.pointwise)


def of_fifo(bits: int, depth: int) -> Resources:
    """A buffer: two counters for its level and credits, two pointers, and its places."""
    level = 2 * depth.bit_length()
    if depth == 1:
        return Resources(lut=level + 3, ff=level + bits)
    control = Resources(lut=2 * level + 3, ff=level) + counter(depth) * 2
    if depth <= DEEP:
        return control + memory(depth, bits, registered=False)
    return control + memory(depth, bits, registered=True) + Resources(lut=bits, ff=bits)
