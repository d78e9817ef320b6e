"""The product of several streams."""

from __future__ import annotations

from itertools import accumulate

from amaranth.hdl import Module, Signal, Value

from ...sim.interval import exact_product
from ...sim.ops.multiply import Multiply
from .core import delay, shape_of
from .join import ElementwiseCore
from .layout import Layout
from .role import JoinRole


class MultiplyCore(ElementwiseCore):
    """Factors in registers, then a product in each cycle, the last in the output's register."""

    def __init__(self, name: str, op: Multiply, layouts: tuple[Layout, ...]) -> None:
        super().__init__(name, layouts, op.output_type)
        self.stages = len(layouts) - 1
        self.types = list(accumulate(op.input_types, exact_product))
        """Of the first factor, and of the products up to each other one."""

    def element(self, m: Module, values: list[Value], name: str) -> Value:
        factors = [delay(m, value, max(k, 1), f"factor_{name}_{k}") for k, value in enumerate(values)]
        found = factors[0]
        for k, factor in enumerate(factors[1:], 1):
            product = Signal(shape_of(self.types[k]), name=f"product_{name}_{k}")
            m.d.comb += product.eq(found * factor)
            found = delay(m, product, 1, f"product_{name}_{k}_kept") if k < self.stages else product
        return found


ROLE = JoinRole(MultiplyCore)
