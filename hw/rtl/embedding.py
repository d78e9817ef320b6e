"""A table of vectors, behind a core: an index comes, its row follows two cycles later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Signal, Value

from ...sim.ops.embedding import Embedding
from .core import Pointwise, delay, elements, shape_of
from .layout import Layout
from .role import PointwiseRole


class EmbeddingPointwise(Pointwise):
    """Every pixel's index is registered, and then each channel of its row."""

    latency = 2

    def __init__(self, name: str, op: Embedding, layout: Layout) -> None:
        super().__init__(name, layout, op.table_type)
        self.op = op
        self.output = replace(self.output, channels=op.table.shape[1])
        self.o_tdata = Signal(self.output.bits)

    def about(self) -> str:
        return f"Every pixel is an index into a table of {len(self.op.table)} rows of {self.output.channels} values."

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        rows = [self._row(m, x, k) for k, x in enumerate(elements(self.i_tdata, self.layout.type))]
        m.d.comb += self.o_tvalid.eq(delay(m, self.i_tvalid, self.latency, "valid"))
        m.d.comb += self.o_tdata.eq(Cat(*(value for row in rows for value in row)))
        return m

    def _row(self, m: Module, x: Value, k: int) -> list[Value]:
        index = Signal(self.op.input_type.width, name=f"index_{k}", reset_less=True)
        m.d.sync += index.eq(x)
        shape, found = shape_of(self.op.table_type), []
        for c, column in enumerate(self.op.entries.T):
            register = Signal(shape, name=f"y_{k}_{c}", reset_less=True)
            m.d.sync += register.eq(Array([Const(int(entry), shape) for entry in column])[index])
            found.append(register)
        return found


ROLE = PointwiseRole(EmbeddingPointwise)
