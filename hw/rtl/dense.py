"""Streaming dense layer: each beat is multiplied by its own weights as it comes, nothing waits for the whole vector."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from ...sim.fixed import IntArray
from ...sim.ops.dense import Dense
from .adder_graph import AdderGraph, solve_each
from .adders import emit_graph, stage_of
from .core import Core, Timing, delay, elements, shape_of
from .layout import Layout
from .matrix import check_reuse
from .role import Sharing, StreamRole
from .sharing import hold, phase_split, phases, rom, split, take_rows
from .tree import adder_tree, tree_stages


class DenseCore(Core):
    """``reuse`` cycles for each beat (the layer's reuse factor is that times the beats of a frame).

    The outputs' accumulators start from the bias and leave after the last beat.
    """

    def __init__(self, name: str, op: Dense, layout: Layout, reuse: int, logic_multipliers: bool) -> None:
        accumulator = op.accumulator
        outputs = op.kernel.shape[1]
        super().__init__(name, (layout,), Layout(1, 1, outputs, 1, accumulator.type))
        self.op, self.reuse, self.logic_multipliers = op, reuse, logic_multipliers
        self.rows, self.columns = split(outputs, reuse)

    @property
    def stages(self) -> int:
        return tree_stages(self.inputs[0].layout.elements // self.rows)

    @property
    def latency(self) -> int:
        return 1 + self.reuse + 2 + self.stages + 1

    def steps(self) -> Timing:
        beats = self.inputs[0].layout.beats
        return Timing((np.ones(beats, dtype=bool),), np.arange(beats) == beats - 1, np.full(beats, self.reuse))

    def weights(self) -> IntArray:
        """(beats * reuse, inputs taken at once, outputs made at once); void lanes have weight 0."""
        layout = self.inputs[0].layout
        index = layout.index()
        kernel = np.where(index[:, :, None] >= 0, self.op.kernel[np.maximum(index, 0)], 0)
        beats, inputs, outputs = kernel.shape
        blocks = kernel.reshape(beats, self.rows, inputs // self.rows, self.columns, outputs // self.columns)
        return blocks.transpose(0, 3, 1, 2, 4).reshape(beats * self.reuse, inputs // self.rows, outputs // self.columns)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        beat, start, last_beat, x = self._accept(m)
        phase, busy = phases(m, start, self.reuse)
        column, row = phase_split(m, phase, self.rows, self.columns)
        address = Signal(range(self.inputs[0].layout.beats * self.reuse))
        with m.If(busy):
            end = address == self.inputs[0].layout.beats * self.reuse - 1
            m.d.sync += address.eq(Mux(end, 0, address + 1))
        later = 2 + self.stages
        first = delay(m, busy & (beat == 0) & (row == 0), later, "first")
        live = delay(m, busy, later, "live")
        chosen = delay(m, column, later, "column")
        taken = self._take(m, x, row)
        words = self.weights()
        for n in range(words.shape[2]):
            terms = [self._product(m, value, words[:, k, n], address, f"{k}_{n}") for k, value in enumerate(taken)]
            self._accumulate(m, adder_tree(m, terms, self.output.type, f"sum_{n}"), first, live, chosen, n)
        done = busy & (phase == self.reuse - 1) & last_beat
        m.d.comb += self.m_tvalid.eq(delay(m, done, later + 1, "valid"))
        return m

    def _accept(self, m: Module) -> tuple[Signal, Signal, Signal, Signal]:
        """Takes a beat, holds it for ``reuse`` cycles.

        Returns its number, the start pulse, whether it is the last, its data.
        """
        port, beats = self.inputs[0], self.inputs[0].layout.beats
        count, beat = Signal(range(beats), name="next_beat"), Signal(range(beats), name="beat")
        start, step, idle, last, last_beat = (
            Signal(name="start"),
            Signal(name="step"),
            Signal(name="idle"),
            Signal(name="last"),
            Signal(name="last_beat"),
        )
        x = Signal(len(port.tdata), name="x", reset_less=True)
        m.d.comb += [
            last.eq(count == beats - 1),
            port.tready.eq(idle & (self.m_room | ~last)),
            step.eq(port.tready & port.tvalid),
        ]
        m.d.comb += self.m_reserve.eq(step & last)
        m.d.sync += start.eq(step)
        with m.If(step):
            m.d.sync += [count.eq(Mux(last, 0, count + 1)), beat.eq(count), last_beat.eq(last), x.eq(port.tdata)]
        m.d.comb += idle.eq(hold(m, step, self.reuse))
        return beat, start, last_beat, x

    def _take(self, m: Module, x: Signal, row: Value) -> list[Value]:
        return take_rows(m, elements(x, self.inputs[0].layout.type), row, self.rows, "x")

    def _product(self, m: Module, x: Value, words: IntArray, address: Value, name: str) -> Value:
        weight = rom(m, [int(w) for w in words], address, f"weight_{name}")
        product = Signal(len(x) + len(weight) + 1, name=f"product_{name}", reset_less=True)
        m.d.sync += product.eq(logic_product(x, weight) if self.logic_multipliers else x * weight)
        return product.as_signed() << self.op.accumulator.product_shift

    def _accumulate(self, m: Module, total: Value, first: Value, live: Value, chosen: Value, n: int) -> None:
        at_once = self.op.kernel.shape[1] // self.columns
        width = self.output.type.width
        for c in range(self.columns):
            index = c * at_once + n
            register = Signal(shape_of(self.output.type), name=f"y_{index}", reset_less=True)
            bias = int(self.op.bias[index]) << self.op.accumulator.bias_shift
            with m.If(live & (chosen == c)):
                m.d.sync += register.eq(Mux(first, Const(bias, shape_of(self.output.type)), register) + total)
            m.d.comb += self.m_tdata[index * width : (index + 1) * width].eq(register)


class DenseGraphCore(Core):
    """A vector in one beat through a graph of adders, which knows every input's own type: one cycle a vector."""

    def __init__(self, name: str, op: Dense, layout: Layout) -> None:
        super().__init__(name, (layout,), Layout(1, 1, op.kernel.shape[1], 1, op.accumulator.type))
        assert layout.own is not None
        self.op, self.own = op, layout.own
        self.bounds = tuple((0, 0) if t is None else (t.raw_min, t.raw_max) for t in layout.own)

    @cached_property
    def graph(self) -> AdderGraph:
        """The kernel on each input without the zeros below its own type."""
        shifts = np.array([0 if t is None else self.op.input_type.fraction - t.fraction for t in self.own])
        alive = np.array([t is not None for t in self.own])
        return solve_each(np.where(alive[:, None], self.op.kernel << shifts[:, None], 0), self.bounds)

    @property
    def stages(self) -> int:
        """Registers between the inputs' and the outputs': the bias is one adder more."""
        return stage_of(max(self.graph.depths(), default=0) + 1)

    @property
    def latency(self) -> int:
        return 3 + self.stages

    def steps(self) -> Timing:
        return Timing((np.ones(1, dtype=bool),), np.ones(1, dtype=bool), np.ones(1, dtype=np.int64))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        port, stages, op = self.inputs[0], self.stages, self.op
        step, x = Signal(name="step"), [self._input(m, k, value) for k, value in enumerate(self._values())]
        m.d.comb += [step.eq(port.tvalid & self.m_room), port.tready.eq(self.m_room), self.m_reserve.eq(step)]
        sums = emit_graph(m, self.graph, x, self.bounds, stages)
        results = []
        for k, total in enumerate(sums):
            bias = Const(int(op.bias[k]) << op.accumulator.bias_shift, shape_of(self.output.type))
            register = Signal(shape_of(self.output.type), name=f"y_{k}", reset_less=True)
            m.d.sync += register.eq((total << op.accumulator.product_shift) + bias)
            results.append(register)
        m.d.comb += [self.m_tdata.eq(Cat(*results)), self.m_tvalid.eq(delay(m, step, stages + 2, "valid"))]
        return m

    def _values(self) -> list[Value]:
        return elements(self.inputs[0].tdata, self.op.input_type)

    def _input(self, m: Module, k: int, value: Value) -> Value:
        """The register of one input, in the bits of its own type."""
        own = self.own[k]
        if own is None:
            return Const(0, 1)
        register = Signal(shape_of(own), name=f"x_{k}", reset_less=True)
        m.d.sync += register.eq(value >> (self.op.input_type.fraction - own.fraction))
        return register


def logic_product(x: Value, weight: Value) -> Value:
    """``x * weight`` (signed) as a sum of shifted copies: adders and no DSP block."""
    terms: list[Value] = [Mux(weight[k], x << k, 0) for k in range(len(weight) - 1)]
    total: Value = Const(0, 1)
    for term in terms:
        total = total + term
    return total - Mux(weight[-1], x << (len(weight) - 1), 0)


def reuse_factors(op: Dense, strategy: str, layout: Layout) -> list[int]:
    """Legal reuse factors: each beat may take any divisor of its products in cycles.

    ``latency`` takes one, and so does the graph of adders that knows each input's own type.
    """
    products = layout.elements * op.kernel.shape[1]
    once = strategy == "latency" or _is_graph(strategy, layout)
    cycles = [1] if once else [r for r in range(1, products + 1) if products % r == 0]
    return [layout.beats * r for r in cycles]


def core(name: str, op: Dense, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> DenseCore | DenseGraphCore:
    layout = layouts[0]
    check_reuse(reuse, strategy, reuse_factors(op, strategy, layout))
    if _is_graph(strategy, layout):
        return DenseGraphCore(name, op, layout)
    logic = strategy == "distributed_arithmetic"
    return DenseCore(name, op, layout, reuse // layout.beats, logic_multipliers=logic)


def _is_graph(strategy: str, layout: Layout) -> bool:
    """Whether the layer is a graph of adders: behind own types that all come in one beat."""
    return strategy == "distributed_arithmetic" and layout.own is not None and layout.beats == layout.lanes == 1


ROLE = StreamRole(core, sharing=Sharing(reuse_factors), projects=True)
