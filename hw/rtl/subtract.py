"""The difference of two streams."""

from __future__ import annotations

from amaranth.hdl import Module, Value

from ...sim.ops.subtract import Subtract
from .join import ElementwiseCore
from .layout import Layout
from .role import JoinRole


class SubtractCore(ElementwiseCore):
    def __init__(self, name: str, op: Subtract, layouts: tuple[Layout, ...]) -> None:
        super().__init__(name, layouts, op.output_type)
        self.shifts = op.shifts

    def element(self, m: Module, values: list[Value], name: str) -> Value:
        (a, b), (left, right) = values, self.shifts
        return (a << left) - (b << right)


ROLE = JoinRole(SubtractCore)
