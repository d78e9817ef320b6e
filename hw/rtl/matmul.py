"""The product of two streams of rows: the right one is kept in a memory, and each row of the left one meets it."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from ...sim.interval import exact_product
from ...sim.ops.matmul import Matmul
from .core import Core, Timing, delay, elements, shape_of
from .layout import Layout
from .role import Sharing, StreamRole, one_pixel
from .sharing import hold, phases
from .tree import adder_tree, tree_stages


class MatmulCore(Core):
    """First the rows of the right operand are taken in, one in each step; then each step takes a row of the left one,
    stays for ``reuse`` cycles, and emits a row of the result.

    In each of these phases so many rows are read at once as have their multipliers: row s stands in the bank s mod
    ``banks`` at the place s // banks, so that the phase is the address. Sequences side by side have places of their
    own, one behind the other.
    """

    def __init__(self, name: str, op: Matmul, layouts: tuple[Layout, Layout], reuse: int) -> None:
        left = layouts[0]
        super().__init__(name, layouts, Layout(left.height, left.width, op.heads * op.columns, 1, op.output_type))
        self.op, self.rows, self.reuse = op, left.height * left.width, reuse
        self.sequences = left.width if op.interleaved else 1
        self.held = op.held * self.sequences
        """Rows that are taken in."""
        self.banks = op.held // reuse
        self.depth = reuse * self.sequences
        """Places of a bank."""
        self.terms = op.size if op.transposed else self.banks
        """Products that are added at once."""
        self.sums = op.heads * (self.banks if op.transposed else op.size)
        """Sums of them in a phase."""

    @property
    def arithmetic(self) -> int:
        """Cycles from a phase to its sums: two for the memory, two for the products, and the tree."""
        return 4 + tree_stages(self.terms)

    @property
    def latency(self) -> int:
        return self.arithmetic + self.reuse - 1 + int(self.reuse > 1) + 1

    def steps(self) -> Timing:
        left = np.arange(self.held + self.rows) >= self.held
        return Timing((left, ~left), left, np.where(left, self.reuse, 1).astype(np.int64))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        left, right = self.inputs
        filled, step, write = Signal(name="filled"), Signal(name="step"), Signal(name="write")
        may = hold(m, step, self.reuse)
        m.d.comb += [left.tready.eq(filled & self.m_room & may), step.eq(left.tready & left.tvalid)]
        m.d.comb += [right.tready.eq(~filled & may), write.eq(right.tready & right.tvalid), self.m_reserve.eq(step)]
        last_held = self._last(m, write, self.held, "held")
        last_row = self._last(m, step, self.rows, "rows")
        with m.If(last_held | last_row):
            m.d.sync += filled.eq(last_held)
        phase, busy = phases(m, step, self.reuse)
        words = self._memory(m, right.tdata, write, self._place(m, step, phase))
        row = Signal(left.layout.bits, name="row", reset_less=True)
        with m.If(step):
            m.d.sync += row.eq(left.tdata)
        products = self._products(m, self._factors(m, row, phase), words)
        totals = [adder_tree(m, terms, self.output.type, f"sum_{k}") for k, terms in enumerate(products)]
        live = delay(m, busy, self.arithmetic, "live")
        at = delay(m, phase, self.arithmetic, "at") if self.reuse > 1 else phase
        self._send(m, totals, live, at)
        return m

    def _last(self, m: Module, step: Value, steps: int, name: str) -> Signal:
        """High in the last of so many steps."""
        count, last = Signal(range(steps), name=f"{name}_count"), Signal(name=f"{name}_last")
        m.d.comb += last.eq(step & (count == steps - 1))
        with m.If(step):
            m.d.sync += count.eq(Mux(last, 0, count + 1))
        return last

    def _sequence(self, m: Module, step: Value, name: str) -> tuple[Value, Value]:
        """Where the places of the step's sequence begin, and whether it is the last."""
        if self.sequences == 1:
            return Const(0), Const(1)
        begin, last = Signal(range(self.depth), name=f"{name}_begin"), Signal(name=f"{name}_sequences_end")
        m.d.comb += last.eq(begin == self.depth - self.reuse)
        with m.If(step):
            m.d.sync += begin.eq(Mux(last, 0, begin + self.reuse))
        return begin, last

    def _place(self, m: Module, step: Signal, phase: Value) -> Value:
        """The address of a phase; that of the sequence stays for all phases of its step."""
        begin, _ = self._sequence(m, step, "read")
        if self.reuse == 1 or self.sequences == 1:
            return begin + phase
        kept = Signal(begin.shape(), name="read_kept")
        with m.If(step):
            m.d.sync += kept.eq(begin)
        return Mux(step, begin, kept) + phase

    def _memory(self, m: Module, data: Value, write: Value, address: Value) -> list[list[Value]]:
        """The rows of a phase, two cycles later: ``[bank][channel]``."""
        layout, banks, reuse = self.inputs[1].layout, self.banks, self.reuse
        begin, whole = self._sequence(m, write, "write")
        bank, place = Signal(range(banks), name="bank"), Signal(range(reuse), name="place")
        end = Signal(name="bank_end")
        m.d.comb += end.eq(bank == banks - 1)
        with m.If(write & whole):
            m.d.sync += bank.eq(Mux(end, 0, bank + 1))
            if reuse > 1:
                with m.If(end):
                    m.d.sync += place.eq(Mux(place == reuse - 1, 0, place + 1))
        found = []
        for k in range(banks):
            into = Signal(name=f"bank_{k}_write")
            m.d.comb += into.eq(write & (bank == k))
            word = self._bank(m, data, into, begin + place, address, k)
            values = []
            for c, value in enumerate(elements(word, layout.type)):
                values.append(Signal(shape_of(layout.type), name=f"held_{k}_{c}"))
                m.d.comb += values[-1].eq(value)
            found.append(values)
        return found

    def _bank(self, m: Module, data: Value, write: Value, place: Value, address: Value, k: int) -> Value:
        """One bank's memory, with registers in front of both ports; of one word a register."""
        given, into = Signal(len(data), name=f"bank_{k}_data", reset_less=True), Signal(name=f"bank_{k}_into")
        m.d.sync += [given.eq(data), into.eq(write)]
        if self.depth == 1:
            word = Signal(len(data), name=f"bank_{k}_word", reset_less=True)
            with m.If(into):
                m.d.sync += word.eq(given)
            return word
        m.submodules[f"bank_{k}"] = memory = Memory(shape=len(data), depth=self.depth, init=[])
        writes, reads = memory.write_port(), memory.read_port()
        bits = range(self.depth)
        where = Signal(bits, name=f"bank_{k}_place", reset_less=True)
        asked = Signal(bits, name=f"bank_{k}_asked", reset_less=True)
        m.d.sync += [where.eq(place), asked.eq(address)]
        m.d.comb += [writes.addr.eq(where), writes.data.eq(given), writes.en.eq(into)]
        m.d.comb += [reads.addr.eq(asked), reads.en.eq(1)]
        return reads.data

    def _factors(self, m: Module, row: Signal, phase: Value) -> list[list[Value]]:
        """What the rows of a phase are multiplied by, two cycles later: of each head a value for each term."""
        op, kind = self.op, self.inputs[0].layout.type
        values = elements(row, kind)
        heads = [values[h * op.terms : (h + 1) * op.terms] for h in range(op.heads)]
        turn = phase if op.transposed or self.reuse == 1 else delay(m, phase, 1, "turn")
        found = []
        for h, head in enumerate(heads):
            taken = []
            for k in range(self.terms):
                choices = [head[k]] if op.transposed else head[k :: self.banks]
                factor = Signal(shape_of(kind), name=f"factor_{h}_{k}", reset_less=True)
                m.d.sync += factor.eq(choices[0] if len(choices) == 1 else Array(choices)[turn])
                taken.append(factor)
            found.append(taken)
        return found

    def _products(self, m: Module, factors: list[list[Value]], words: list[list[Value]]) -> list[list[Value]]:
        """The products of each sum, two cycles later; sums head by head."""
        op = self.op
        found = []
        for h, head in enumerate(factors):
            for n in range(self.sums // op.heads):
                rights = (
                    words[n][h * op.size : (h + 1) * op.size]
                    if op.transposed
                    else [word[h * op.size + n] for word in words]
                )
                found.append([self._product(m, *pair, f"{h}_{n}_{k}") for k, pair in enumerate(zip(head, rights))])
        return found

    def _product(self, m: Module, left: Value, right: Value, name: str) -> Value:
        x = Signal(left.shape(), name=f"left_{name}", reset_less=True)
        y = Signal(right.shape(), name=f"right_{name}", reset_less=True)
        product = Signal(shape_of(exact_product(*self.op.input_types)), name=f"product_{name}", reset_less=True)
        m.d.sync += [x.eq(left), y.eq(right), product.eq(x * y)]
        return product

    def _send(self, m: Module, totals: list[Value], live: Value, phase: Value) -> None:
        """The row's beat: the sums of the one phase, those of all phases side by side, or added up."""
        kind = shape_of(self.output.type)
        if self.reuse == 1:
            sent = [Signal(kind, name=f"y_{k}") for k in range(len(totals))]
            m.d.comb += [y.eq(total) for y, total in zip(sent, totals)]
            m.d.comb += [self.m_tdata.eq(Cat(*sent)), self.m_tvalid.eq(live)]
            return
        last = Signal(name="last_phase")
        m.d.comb += last.eq(live & (phase == self.reuse - 1))
        m.d.comb += self.m_tvalid.eq(delay(m, last, 1, "valid"))
        if self.op.transposed:
            m.d.comb += self.m_tdata.eq(Cat(*self._side_by_side(m, totals, live)))
            return
        kept = [Signal(kind, name=f"y_{k}", reset_less=True) for k in range(len(totals))]
        with m.If(live):
            m.d.sync += [y.eq(Mux(phase == 0, total, y + total)) for y, total in zip(kept, totals)]
        m.d.comb += self.m_tdata.eq(Cat(*kept))

    def _side_by_side(self, m: Module, totals: list[Value], live: Value) -> list[Value]:
        """The sums of all phases, those of the last one newest, in the order of the rows that they belong to."""
        op, kind, sums = self.op, shape_of(self.output.type), range(len(totals))
        kept = [[Signal(kind, name=f"y_{p}_{k}", reset_less=True) for k in sums] for p in range(self.reuse)]
        with m.If(live):
            for p, row in enumerate(kept):
                m.d.sync += [y.eq(z) for y, z in zip(row, kept[p + 1] if p + 1 < self.reuse else totals)]
        return [kept[s // self.banks][h * self.banks + s % self.banks] for h in range(op.heads) for s in range(op.held)]


def legal(op: Matmul, strategy: str, layout: Layout) -> list[int]:
    """The parts that the kept rows can be taken in."""
    return [n for n in range(1, op.held + 1) if op.held % n == 0]


def core(name: str, op: Matmul, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> MatmulCore:
    """With the left operand's layout alone, as the planner asks for a reuse factor, the right one's follows."""
    front = (op.held, layouts[0].width) if op.interleaved else (1, op.held)
    right = Layout(*front, op.heads * op.size, 1, op.input_types[1])
    return MatmulCore(name, op, (layouts[0], layouts[1] if len(layouts) > 1 else right), reuse)


ROLE = StreamRole(core, lanes=one_pixel, sharing=Sharing(legal))
