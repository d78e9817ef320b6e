"""The scalar product of two streams: the products of a beat in a tree, the beats of a vector in an accumulator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value

from ...sim.interval import exact_product
from ...sim.ops.dot import Dot
from .core import Core, InPort, Timing, delay, elements, shape_of
from .join import whole
from .layout import Layout
from .role import JoinRole
from .tree import adder_tree, tree_stages


class DotCore(Core):
    """Takes a beat a cycle. Of ``interleaved`` vectors each pixel is one.

    Both inputs come in the same beats, or one comes in a single beat: it is held until the other's last, and each beat
    meets its own part of it.
    """

    def __init__(self, name: str, op: Dot, layouts: tuple[Layout, ...]) -> None:
        self.op, self.image = op, whole(layouts)
        """As the input of most beats comes."""
        one = Layout(1, 1, 1, 1, op.output_type)
        output = replace(self.image, channels=1, type=op.output_type) if op.interleaved else one
        super().__init__(name, layouts, output)
        self.held = tuple(layout.with_type(self.image.type) != self.image for layout in layouts)
        self.beats = 1 if op.interleaved else self.image.beats
        """So many are added up."""
        self.terms = self.image.elements // output.lanes
        """Products that are added at once."""

    @property
    def latency(self) -> int:
        return 3 + tree_stages(self.terms) + 1

    def steps(self) -> Timing:
        every = np.ones(self.image.beats, dtype=bool)
        last = np.arange(1, self.image.beats + 1) % self.beats == 0
        consumes = tuple(last if held else every for held in self.held)
        return Timing(consumes, last, every.astype(np.int64), needs=(every, every))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        step, last = Signal(name="step"), Signal(name="last")
        count = Signal(range(self.beats), name="count")
        m.d.comb += [last.eq(count == self.beats - 1), self.m_reserve.eq(step & last)]
        m.d.comb += step.eq(Cat(port.tvalid for port in self.inputs).all() & (self.m_room | ~last))
        m.d.comb += [port.tready.eq(step & last if held else step) for port, held in zip(self.inputs, self.held)]
        with m.If(step):
            m.d.sync += count.eq(Mux(last, 0, count + 1))
        products = self._products(m, count, self._row_end(m, step, last))
        stages = 2 + tree_stages(self.terms)
        live, first = delay(m, step, stages, "live"), delay(m, count == 0, stages, "first")
        results = []
        for lane in range(self.output.lanes):
            terms = products[lane * self.terms : (lane + 1) * self.terms]
            total = adder_tree(m, terms, self.output.type, f"sum_{lane}")
            register = Signal(shape_of(self.output.type), name=f"dot_{lane}", reset_less=True)
            with m.If(live):
                m.d.sync += register.eq(total if self.beats == 1 else Mux(first, total, register + total))
            results.append(register)
        m.d.comb += [self.m_tdata.eq(Cat(*results)), self.m_tvalid.eq(delay(m, step & last, stages + 1, "valid"))]
        return m

    def _products(self, m: Module, count: Signal, row_end: Value) -> list[Value]:
        """Of each element of a beat, two cycles later; void lanes give 0."""
        a, b = (self._factors(m, port, count) for port in self.inputs)
        valid = self.image.width - (self.image.beats_per_row - 1) * self.image.lanes
        products: list[Value] = []
        for k, (left, right) in enumerate(zip(a, b)):
            void = self.beats > 1 and k // self.image.channels >= valid
            x, y = (
                Signal.like(left, name=f"left_{k}", reset_less=True),
                Signal(right.shape(), name=f"right_{k}", reset_less=True),
            )
            product = Signal(shape_of(exact_product(*self.op.input_types)), name=f"product_{k}", reset_less=True)
            m.d.sync += [x.eq(Mux(row_end, 0, left) if void else left), y.eq(right), product.eq(x * y)]
            products.append(product)
        return products

    def _factors(self, m: Module, port: InPort, count: Signal) -> list[Value]:
        """The elements that belong to the beat; those of a vector that is held stand at its places."""
        layout, values = port.layout, elements(port.tdata, port.layout.type)
        if layout.with_type(self.image.type) == self.image:
            return values
        nothing = Const(0, shape_of(layout.type))
        for k, value in enumerate(values):
            values[k] = Signal(shape_of(layout.type), name=f"{port.tdata.name}_{k}")
            m.d.comb += values[k].eq(value)
        return [
            Array([values[k] if k >= 0 else nothing for k in map(int, place)])[count] for place in self.image.index().T
        ]

    def _row_end(self, m: Module, step: Signal, last: Signal) -> Value:
        """High in the last beat of each row, where lanes may be void."""
        per_row = self.image.beats_per_row
        if self.image.height == 1:
            return last
        if per_row == 1:
            return Const(1)
        beat, end = Signal(range(per_row), name="beat"), Signal(name="row_end")
        m.d.comb += end.eq(beat == per_row - 1)
        with m.If(step):
            m.d.sync += beat.eq(Mux(end, 0, beat + 1))
        return end


def gathered(layouts: tuple[Layout, ...]) -> tuple[bool, ...]:
    """A vector that comes in other beats than the one of most beats must come in one."""
    image = whole(layouts)
    return tuple((x.height, x.width, x.channels) != (image.height, image.width, image.channels) for x in layouts)


ROLE = JoinRole(DotCore, whole_vectors=gathered)
