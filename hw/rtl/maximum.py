"""The largest of several streams."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Value

from ...sim.join import Join
from .join import ElementwiseCore
from .layout import Layout
from .role import JoinRole
from .tree import reduce_tree, tree_stages


class MaximumCore(ElementwiseCore):
    """Two by two, a register every few levels; the last is the output's."""

    def __init__(self, name: str, op: Join, layouts: tuple[Layout, ...]) -> None:
        super().__init__(name, layouts, op.output_type)
        self.shifts = op.shifts
        self.stages = tree_stages(len(layouts)) - 1

    def pick(self, a: Value, b: Value) -> Value:
        """One of two."""
        return Mux(a > b, a, b)

    def element(self, m: Module, values: list[Value], name: str) -> Value:
        aligned = [value << shift for value, shift in zip(values, self.shifts)]
        return reduce_tree(m, aligned, self.pick, f"picked_{name}", kept=False)


ROLE = JoinRole(MaximumCore)
