"""A slope below zero for each channel, behind a core."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from ...sim.ops.prelu import PReLU
from .core import Pointwise, delay, elements, shape_of
from .layout import Layout
from .role import PointwiseRole


class PReLUPointwise(Pointwise):
    """The product and the choice in one cycle."""

    def __init__(self, name: str, op: PReLU, layout: Layout) -> None:
        super().__init__(name, layout, op.output_type)
        self.op = op

    def about(self) -> str:
        return "Every element: as it is from 0 on, times its channel's slope below."

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        xs = elements(self.i_tdata, self.layout.type)
        results = [self._element(m, x, k, int(self.op.slope[k % len(self.op.slope)])) for k, x in enumerate(xs)]
        m.d.comb += [self.o_tvalid.eq(delay(m, self.i_tvalid, self.latency, "valid")), self.o_tdata.eq(Cat(*results))]
        return m

    def _element(self, m: Module, x: Value, k: int, slope: int) -> Value:
        whole, product = self.op.shifts
        register = Signal(shape_of(self.op.output_type), name=f"y_{k}", reset_less=True)
        as_it_is = x << whole
        below = (x * Const(slope)) << product if slope else Const(0)
        m.d.sync += register.eq(Mux(x[-1], below, as_it_is) if self.op.input_type.signed else as_it_is)
        return register


ROLE = PointwiseRole(PReLUPointwise)
