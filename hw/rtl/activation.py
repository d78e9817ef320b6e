"""Element-wise functions with one rounding, behind a core: never stalling, one cycle (two by table)."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value

from ...sim.ops.activation import Activation, Kind
from ...sim.table import ADDRESS_OVERFLOW, ADDRESS_ROUNDING
from .core import Pointwise, delay, elements, shape_of
from .layout import Layout
from .requantize import requantize
from .role import PointwiseRole


class ActivationPointwise(Pointwise):
    """Every element of a beat at once."""

    def __init__(self, name: str, op: Activation, layout: Layout) -> None:
        super().__init__(name, layout, op.output_type)
        self.op = op
        self.latency = 2 if op.kind is Kind.TABLE else 1

    def about(self) -> str:
        op = self.op
        if op.kind is Kind.TABLE:
            return f"Every element is looked up in a table of {len(op.table)} entries."
        return f"Every element: {op.kind.value}, then rounding {op.rounding.value} and overflow {op.overflow.value}."

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        element = self._by_table if self.op.kind is Kind.TABLE else self._exact
        results = [element(m, x, k) for k, x in enumerate(elements(self.i_tdata, self.layout.type))]
        m.d.comb += [self.o_tvalid.eq(delay(m, self.i_tvalid, self.latency, "valid")), self.o_tdata.eq(Cat(*results))]
        return m

    def _exact(self, m: Module, x: Value, k: int) -> Value:
        op = self.op
        exact = Signal(shape_of(op.exact_type), name=f"exact_{k}")
        m.d.comb += exact.eq(self._clipped(self._function(x)))
        out = requantize(m, exact, op.exact_fraction, op.output_type, op.rounding, op.overflow, f"next_{k}")
        register = Signal(out.shape(), name=f"y_{k}", reset_less=True)
        m.d.sync += register.eq(out)
        return register

    def _function(self, x: Value) -> Value:
        op = self.op
        up = op.exact_fraction - op.input_type.fraction
        plain = x << up
        if op.kind is Kind.RELU:
            return Mux(x[-1], 0, plain) if op.input_type.signed else plain
        if op.kind is Kind.THRESHOLDED_RELU:
            return Mux(plain < op.aligned(op.offset), 0, plain)
        if op.kind is Kind.ABSOLUTE:
            return _absolute(x) << up if op.input_type.signed else plain
        if op.kind is Kind.LINEAR:
            return plain
        scaled = (x * Const(op.slope.raw)) << (up - op.slope.fraction)
        if op.kind is Kind.LEAKY_RELU:
            return Mux(x[-1], scaled, plain) if op.input_type.signed else plain
        return scaled + Const(op.aligned(op.offset))

    def _clipped(self, value: Value) -> Value:
        op = self.op
        if op.lower is not None:
            value = Mux(value < op.aligned(op.lower), op.aligned(op.lower), value)
        if op.upper is not None:
            value = Mux(value > op.aligned(op.upper), op.aligned(op.upper), value)
        return value

    def _by_table(self, m: Module, x: Value, k: int) -> Value:
        op = self.op
        assert op.table_type is not None
        found = requantize(
            m, x, op.input_type.fraction, op.table_type, ADDRESS_ROUNDING, ADDRESS_OVERFLOW, f"address_{k}"
        )
        address = Signal(op.table_type.width, name=f"address_{k}_register", reset_less=True)
        register = Signal(shape_of(op.output_type), name=f"y_{k}", reset_less=True)
        entries = Array([Const(int(entry), shape_of(op.output_type)) for entry in op.table])
        m.d.sync += [address.eq(found), register.eq(entries[address])]
        return register


def _absolute(x: Value) -> Value:
    """The magnitude of a signed number: one adder."""
    sign = x[-1]
    return (x.as_unsigned() ^ sign.replicate(len(x))) + sign


ROLE = PointwiseRole(ActivationPointwise, whole_vector=False)
