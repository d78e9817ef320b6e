"""The mean of several streams: adder tree, then the exact division."""

from __future__ import annotations

from amaranth.hdl import Module, Value

from ...sim.ops.average import Average
from .divide import LATENCY, divide
from .join import ElementwiseCore
from .layout import Layout
from .role import JoinRole
from .tree import reduce_tree, tree_stages


class AverageCore(ElementwiseCore):
    def __init__(self, name: str, op: Average, layouts: tuple[Layout, ...]) -> None:
        super().__init__(name, layouts, op.output_type)
        self.op = op
        self.stages = tree_stages(len(layouts)) + LATENCY

    def element(self, m: Module, values: list[Value], name: str) -> Value:
        aligned = [value << shift for value, shift in zip(values, self.op.shifts)]
        total = reduce_tree(m, aligned, lambda a, b: a + b, f"sum_{name}")
        return divide(m, total, self.op.division, self.op.to.type, self.op.to.overflow, f"mean_{name}")


ROLE = JoinRole(AverageCore)
