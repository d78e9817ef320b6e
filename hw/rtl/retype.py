"""Values rounded to a type of their own, lane by lane, behind a core: never stalling, one cycle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value

from ...sim.fixed import Fixed
from ...sim.ops.retype import Retype
from .core import Pointwise, delay, elements, noted, shape_of
from .layout import Layout
from .requantize import requantize
from .role import PointwiseRole


class RetypePointwise(Pointwise):
    """Every lane's value is cut and rounded to its own type: mostly wires.

    Where the types differ from pixel to pixel, a counter of the frame's beats picks one.
    """

    def __init__(self, name: str, op: Retype, layout: Layout) -> None:
        super().__init__(name, layout, op.output_type)
        if op.per_pixel:
            self.output = replace(self.output, own=tuple(op.types[kind] for kind in op.kinds))
        self.op = op
        self.kinds = lane_kinds(op, layout)

    def about(self) -> str:
        op = self.op
        return (
            f"Every element: rounding {op.rounding.value} and overflow {op.overflow.value} to a type of its "
            f"own; {len(op.types)} different ones."
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        beat = self._beat(m)
        results = [self._element(m, x, k, beat) for k, x in enumerate(elements(self.i_tdata, self.layout.type))]
        m.d.comb += [self.o_tvalid.eq(delay(m, self.i_tvalid, self.latency, "valid")), self.o_tdata.eq(Cat(*results))]
        return m

    def _beat(self, m: Module) -> Signal | None:
        """Which beat of its frame comes next; None where all have the same types."""
        if len(self.kinds) == 1:
            return None
        beat = noted(Signal(range(len(self.kinds)), name="beat"), "Which beat of its frame comes next.")
        with m.If(self.i_tvalid):
            m.d.sync += beat.eq(Mux(beat == len(self.kinds) - 1, 0, beat + 1))
        return beat

    def _element(self, m: Module, x: Value, k: int, beat: Signal | None) -> Value:
        """The register of one lane's value, in the output's type."""
        used = [int(kind) for kind in np.unique(self.kinds[:, k])]
        choices = [self._rounded(m, x, self.op.types[kind], f"{k}_{n}") for n, kind in enumerate(used)]
        found = choices[0]
        if len(choices) > 1:
            assert beat is not None
            choice = Signal(range(len(choices)), name=f"choice_{k}")
            turns = [Const(used.index(int(kind)), choice.shape()) for kind in self.kinds[:, k]]
            m.d.comb += choice.eq(Array(turns)[beat])
            found = Array(choices)[choice]
        register = Signal(shape_of(self.op.output_type), name=f"y_{k}", reset_less=True)
        m.d.sync += register.eq(found)
        return register

    def _rounded(self, m: Module, x: Value, type_: Fixed | None, name: str) -> Value:
        op, whole = self.op, shape_of(self.op.output_type)
        if type_ is None:
            return Const(0, whole)
        own = requantize(m, x, op.input_type.fraction, type_, op.rounding, op.overflow, f"next_{name}")
        wide = Signal(whole, name=f"wide_{name}")
        m.d.comb += wide.eq(own << (op.output_type.fraction - type_.fraction))
        return wide


def lane_kinds(op: Retype, layout: Layout) -> Any:
    """(beats, elements): the kind of each lane's type, beat by beat; one row where every beat has the same.

    A void lane has whatever type its lane has in the first beat.
    """
    index = layout.index()
    kinds = op.kinds_of((layout.height, layout.width, layout.channels)).ravel()
    table = np.where(index >= 0, kinds[np.maximum(index, 0)], kinds[np.maximum(index[0], 0)])
    return table[:1] if (table == table[0]).all() else table


ROLE = PointwiseRole(RetypePointwise)
