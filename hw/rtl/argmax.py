"""The first largest value's index, or "rejected" where it is below a threshold that can change at run time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from ...sim.fixed import Fixed
from ...sim.ops.argmax import Argmax
from .core import Pointwise, delay, elements, shape_of
from .layout import Layout
from .role import PointwiseRole
from .tree import reduce_tree, tree_stages


class ArgmaxPointwise(Pointwise):
    """A tree that carries value and index; ``threshold`` is read in the cycle in which the largest value is known."""

    def __init__(self, name: str, op: Argmax, layout: Layout) -> None:
        super().__init__(name, layout, Fixed.holding(0, layout.channels, 0))
        self.output = replace(self.output, channels=1)
        self.o_tdata = Signal(self.output.bits)
        self.op = op
        self.threshold = Signal(shape_of(op.input_type))
        self.latency = tree_stages(layout.channels) + 1

    def ports(self) -> list[Signal]:
        return [*super().ports(), self.threshold]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        values = elements(self.i_tdata, self.layout.type)
        width = self.output.type.width
        pairs: list[Value] = [Cat(Const(k, width), value) for k, value in enumerate(values)]

        def first_larger(a: Value, b: Value) -> Value:
            return Mux(self._value(b, width) > self._value(a, width), b, a)

        best = reduce_tree(m, pairs, first_larger, "best", named=True)
        out = Signal(width, name="y", reset_less=True)
        m.d.sync += out.eq(Mux(self._value(best, width) < self.threshold, self.layout.channels, best[:width]))
        m.d.comb += [self.o_tdata.eq(out), self.o_tvalid.eq(delay(m, self.i_tvalid, self.latency, "valid"))]
        return m

    def _value(self, pair: Value, width: int) -> Value:
        value = pair[width:]
        return value.as_signed() if self.layout.type.signed else value


ROLE = PointwiseRole(ArgmaxPointwise)
