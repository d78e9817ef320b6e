"""A scale and an offset per channel, behind a core."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal, Value

from ...sim.ops.batch_norm import BatchNorm
from .core import Pointwise, delay, elements, shape_of
from .layout import Layout
from .role import PointwiseRole


class BatchNormPointwise(Pointwise):
    """Product, then offset: two cycles."""

    latency = 2

    def __init__(self, name: str, op: BatchNorm, layout: Layout) -> None:
        super().__init__(name, layout, op.accumulator.type)
        self.op = op

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        xs = elements(self.i_tdata, self.layout.type)
        results = [self._element(m, x, k, k % len(self.op.scale)) for k, x in enumerate(xs)]
        m.d.comb += [self.o_tvalid.eq(delay(m, self.i_tvalid, 2, "valid")), self.o_tdata.eq(Cat(*results))]
        return m

    def _element(self, m: Module, x: Value, k: int, channel: int) -> Value:
        accumulator = self.op.accumulator
        scaled = x * Const(int(self.op.scale[channel]))
        product = Signal(scaled.shape(), name=f"product_{k}", reset_less=True)
        register = Signal(shape_of(accumulator.type), name=f"y_{k}", reset_less=True)
        offset = Const(int(self.op.offset[channel]) << accumulator.bias_shift)
        m.d.sync += [product.eq(scaled), register.eq((product << accumulator.product_shift) + offset)]
        return register


ROLE = PointwiseRole(BatchNormPointwise)
