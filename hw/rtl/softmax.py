"""Softmax by two tables, over the channels of each pixel."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Signal, Value

from ...sim.fixed import Fixed, IntArray
from ...sim.ops.softmax import Softmax
from .core import OfPixels, delay, shape_of
from .layout import Layout
from .max_pool2d import larger
from .requantize import requantize
from .role import PointwiseRole
from .tree import reduce_tree, tree_stages


class SoftmaxPointwise(OfPixels):
    """The five steps of sim.ops.softmax, each behind a register."""

    def __init__(self, name: str, op: Softmax, layout: Layout) -> None:
        super().__init__(name, layout, op.output_type)
        self.op = op
        self.stages = tree_stages(layout.channels)
        self.latency = (2 if op.stable else 1) * self.stages + 6

    def _pixel(self, m: Module, xs: list[Value], k: int) -> Value:
        op = self.op
        if op.stable:
            top = reduce_tree(m, xs, larger, f"max_{k}", named=True)
            xs = [top - delay(m, x, self.stages, f"x_{k + c}") for c, x in enumerate(xs)]
        exps = [self._exp(m, x, f"{k + c}") for c, x in enumerate(xs)]
        total = reduce_tree(m, exps, lambda a, b: a + b, f"sum_{k}")
        rounding = (op.sum_rounding, op.sum_overflow)
        address = requantize(m, total, op.exp_type.fraction, op.sum_type, *rounding, f"sum_address_{k}")
        reciprocal = look_up(m, address, op.reciprocal_table, op.reciprocal_type, f"reciprocal_{k}")
        return Cat(*[self._output(m, e, reciprocal, f"{k + c}") for c, e in enumerate(exps)])

    def _exp(self, m: Module, difference: Value, name: str) -> Value:
        op = self.op
        exact = Signal(difference.shape(), name=f"difference_{name}")
        m.d.comb += exact.eq(difference)
        rounding = (op.difference_rounding, op.difference_overflow)
        address = requantize(m, exact, op.input_type.fraction, op.difference_type, *rounding, f"address_{name}")
        return look_up(m, address, op.exp_table, op.exp_type, f"exp_{name}")

    def _output(self, m: Module, exp: Value, reciprocal: Value, name: str) -> Value:
        op = self.op
        waited = delay(m, exp, self.stages + 2, f"exp_{name}_wait")
        product = Signal(len(exp) + len(reciprocal), name=f"product_{name}", reset_less=True)
        out = Signal(shape_of(op.output_type), name=f"y_{name}", reset_less=True)
        m.d.sync += product.eq(waited * reciprocal)
        fraction = op.exp_type.fraction + op.reciprocal_type.fraction
        m.d.sync += out.eq(requantize(m, product, fraction, op.output_type, op.rounding, op.overflow, f"next_{name}"))
        return out


def look_up(m: Module, address: Value, entries: IntArray, type_: Fixed, name: str) -> Value:
    """The table's entry, two cycles later."""
    register = Signal(len(address), name=f"{name}_address", reset_less=True)
    out = Signal(shape_of(type_), name=name, reset_less=True)
    table = Array([Const(int(entry), shape_of(type_)) for entry in entries])
    m.d.sync += [register.eq(address), out.eq(table[register])]
    return out


ROLE = PointwiseRole(SoftmaxPointwise)
