"""The logarithm of a softmax by two tables, over the channels of each pixel."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value

from ...sim.ops.log_softmax import LogSoftmax
from ...sim.table import ADDRESS_OVERFLOW, ADDRESS_ROUNDING
from .core import OfPixels, delay, shape_of
from .layout import Layout
from .max_pool2d import larger
from .requantize import requantize
from .role import PointwiseRole
from .softmax import look_up
from .tree import reduce_tree, tree_stages

_WAYS = (ADDRESS_ROUNDING, ADDRESS_OVERFLOW)


class LogSoftmaxPointwise(OfPixels):
    """The five steps of sim.ops.log_softmax, each behind a register."""

    def __init__(self, name: str, op: LogSoftmax, layout: Layout) -> None:
        super().__init__(name, layout, op.output_type)
        self.op = op
        self.stages = tree_stages(layout.channels)
        self.wait = self.stages + 4
        """Cycles from a difference to the logarithm of the sum that it is part of."""
        self.latency = self.stages + self.wait + 2

    def _pixel(self, m: Module, xs: list[Value], k: int) -> Value:
        op = self.op
        top = reduce_tree(m, xs, larger, f"max_{k}", named=True)
        differences = [self._difference(m, top, x, f"{k + c}") for c, x in enumerate(xs)]
        exps = [self._exp(m, d, f"{k + c}") for c, d in enumerate(differences)]
        total = reduce_tree(m, exps, lambda a, b: a + b, f"sum_{k}")
        address = requantize(m, total, op.exp_type.fraction, op.sum_type, *_WAYS, f"sum_address_{k}")
        log = look_up(m, address, op.log_table, op.log_type, f"log_{k}")
        return Cat(*[self._output(m, d, log, f"{k + c}") for c, d in enumerate(differences)])

    def _difference(self, m: Module, top: Value, x: Value, name: str) -> Signal:
        out = Signal(shape_of(self.op.exact_difference), name=f"difference_{name}")
        m.d.comb += out.eq(top - delay(m, x, self.stages, f"x_{name}"))
        return out

    def _exp(self, m: Module, difference: Signal, name: str) -> Value:
        op = self.op
        address = requantize(m, difference, op.input_type.fraction, op.difference_type, *_WAYS, f"address_{name}")
        return look_up(m, address, op.exp_table, op.exp_type, f"exp_{name}")

    def _output(self, m: Module, difference: Value, log: Value, name: str) -> Value:
        op, exact = self.op, self.op.exact_type
        waited = delay(m, difference, self.wait, f"difference_{name}_wait")
        total = Signal(shape_of(exact), name=f"total_{name}", reset_less=True)
        out = Signal(shape_of(op.output_type), name=f"y_{name}", reset_less=True)
        left = waited << (exact.fraction - op.input_type.fraction)
        right = log << (exact.fraction - op.log_type.fraction)
        m.d.sync += total.eq(-(left + right))
        rounded = requantize(m, total, exact.fraction, op.output_type, op.rounding, op.overflow, f"next_{name}")
        m.d.sync += out.eq(rounded)
        return out


ROLE = PointwiseRole(LogSoftmaxPointwise)
