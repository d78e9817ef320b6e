"""Mean of the image, per channel: a sum over the frame, then the exact division."""

from __future__ import annotations

from amaranth.hdl import Module, Value

from ...sim.fixed import Fixed
from ...sim.ops.global_average_pool2d import GlobalAveragePool2D
from .divide import LATENCY, divide
from .fold import FoldCore
from .layout import Layout
from .role import StreamRole


class GlobalAveragePoolCore(FoldCore):
    after = LATENCY

    def __init__(self, name: str, op: GlobalAveragePool2D, layout: Layout) -> None:
        self.op, self.count = op, layout.height * layout.width
        sums = Fixed.holding(layout.type.raw_min * self.count, layout.type.raw_max * self.count, layout.type.fraction)
        super().__init__(name, layout, sums, op.output_type, 0)

    def combine(self, a: Value, b: Value) -> Value:
        return a + b

    def finish(self, m: Module, folded: Value, channel: int) -> Value:
        op = self.op
        return divide(m, folded, op.division(self.count), op.output_type, op.overflow, f"mean_{channel}")


def core(
    name: str, op: GlobalAveragePool2D, layouts: tuple[Layout, ...], strategy: str, reuse: int
) -> GlobalAveragePoolCore:
    return GlobalAveragePoolCore(name, op, layouts[0])


ROLE = StreamRole(core)
