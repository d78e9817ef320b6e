"""Reshapes that a change of names cannot do: a tensor gathered into one beat, a vector sent in many, other beats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value

from .core import Core, Timing
from .layout import Layout


class CollectCore(Core):
    """All beats of a frame side by side as one vector; void lanes are left out."""

    def __init__(self, name: str, layout: Layout) -> None:
        values = layout.height * layout.width * layout.channels
        super().__init__(name, (layout,), Layout(1, 1, values, 1, layout.type))

    latency = 2

    def steps(self) -> Timing:
        beats = self.inputs[0].layout.beats
        return Timing((np.ones(beats, bool),), np.arange(beats) == beats - 1, np.ones(beats, dtype=np.int64))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        port, layout = self.inputs[0], self.inputs[0].layout
        count, step, last = Signal(range(layout.beats), name="count"), Signal(name="step"), Signal(name="last")
        shift = Signal(layout.beats * layout.bits, reset_less=True)
        m.d.comb += [last.eq(count == layout.beats - 1), port.tready.eq(self.m_room | ~last)]
        m.d.comb += [step.eq(port.tready & port.tvalid), self.m_reserve.eq(step & last)]
        m.d.sync += self.m_tvalid.eq(step & last)
        with m.If(step):
            m.d.sync += [count.eq(Mux(last, 0, count + 1)), shift.eq(Cat(shift, port.tdata)[layout.bits :])]
        m.d.comb += self.m_tdata.eq(Cat(*self._in_order(shift)))
        return m

    def _in_order(self, shift: Signal) -> list[Any]:
        layout = self.inputs[0].layout
        places = np.argsort(layout.index().ravel(), kind="stable")[int((layout.index() < 0).sum()) :]
        width = layout.type.width
        return [shift[int(p) * width : (int(p) + 1) * width] for p in places]


class SpreadCore(Core):
    """A vector's beat sent as the beats of an image."""

    def __init__(self, name: str, layout: Layout, output: Layout) -> None:
        super().__init__(name, (layout,), output)

    latency = 1

    def steps(self) -> Timing:
        beats = self.output.beats
        consumes = np.arange(beats) == beats - 1
        every = np.ones(beats, dtype=bool)
        return Timing((consumes,), every, every.astype(np.int64), needs=(every,))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        port, out = self.inputs[0], self.output
        count, step, last = Signal(range(out.beats), name="count"), Signal(name="step"), Signal(name="last")
        width = out.type.width
        beats = [
            Cat(*[port.tdata[k * width : (k + 1) * width] if k >= 0 else Const(0, width) for k in map(int, row)])
            for row in out.index()
        ]
        m.d.comb += [
            last.eq(count == out.beats - 1),
            step.eq(port.tvalid & self.m_room),
            port.tready.eq(self.m_room & last),
        ]
        m.d.comb += [self.m_reserve.eq(step), self.m_tvalid.eq(step), self.m_tdata.eq(Array(beats)[count])]
        with m.If(step):
            m.d.sync += count.eq(Mux(last, 0, count + 1))
        return m


@dataclass(frozen=True)
class Refill:
    """A step of a ``RefillCore``: values kept before it, taken in, sent, and kept behind it."""

    before: int
    taken: int
    sent: int

    @property
    def behind(self) -> int:
        return self.before + self.taken - self.sent


class RefillCore(Core):
    """The values of a stream in the same order in beats of another size: no more is kept than the next beat needs.

    A step takes a beat where too little is kept for the next one to send, and sends one where that is enough. Void
    lanes are neither kept nor counted. Values are moved in words of as many as divide all beats.
    """

    latency = 2

    def __init__(self, name: str, layout: Layout, output: Layout) -> None:
        super().__init__(name, (layout,), output)
        ins, outs = _counts(layout), _counts(output)
        self.word = gcd(*ins, *outs)
        self.schedule = list(_refills(layout, output))
        self.places = max(step.behind for step in self.schedule) // self.word
        """Words that are kept."""

    def steps(self) -> Timing:
        consumes = np.array([step.taken > 0 for step in self.schedule])
        emits = np.array([step.sent > 0 for step in self.schedule])
        return Timing((consumes,), emits, np.ones(len(emits), dtype=np.int64))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        port, word = self.inputs[0], self.word
        level = Signal(range(self.places + 1), name="level")
        step, take, send = Signal(name="step"), Signal(name="take"), Signal(name="send")
        given = self._count(m, port.layout, step & take, "given")
        wanted = self._count(m, self.output, step & send, "wanted")
        there = Signal(range(self.places + _counts(port.layout)[0] // word + 1), name="there")
        m.d.comb += [take.eq(level < wanted), there.eq(level + Mux(take, given, 0)), send.eq(there >= wanted)]
        m.d.comb += [port.tready.eq(take & (self.m_room | ~send)), self.m_reserve.eq(step & send)]
        m.d.comb += step.eq((port.tvalid | ~take) & (self.m_room | ~send))
        kept = [Signal(word * port.layout.type.width, name=f"kept_{k}", reset_less=True) for k in range(self.places)]
        words = self._joined(m, kept, level, take)
        sent = Cat(words)[: self.output.bits]
        m.d.sync += [self.m_tvalid.eq(step & send), self.m_tdata.eq(sent)]
        with m.If(step):
            m.d.sync += level.eq(there - Mux(send, wanted, 0))
            for k in range(self.places):
                m.d.sync += kept[k].eq(Mux(send, self._behind(words, k, wanted), words[k]))
        return m

    def _count(self, m: Module, layout: Layout, step: Value, name: str) -> Value:
        """Words in the next beat: fewer in a row's last where lanes are void."""
        full, last = (count // self.word for count in _counts(layout))
        if full == last:
            return Const(full)
        beat, end = Signal(range(layout.beats_per_row), name=f"{name}_beat"), Signal(name=f"{name}_end")
        m.d.comb += end.eq(beat == layout.beats_per_row - 1)
        with m.If(step):
            m.d.sync += beat.eq(Mux(end, 0, beat + 1))
        return Mux(end, last, full)

    def _joined(self, m: Module, kept: list[Signal], level: Signal, take: Signal) -> list[Value]:
        """What is kept and, behind it, what is taken in."""
        bits = self.word * self.output.type.width
        data = self.inputs[0].tdata
        fresh = [data[k : k + bits] for k in range(0, _counts(self.inputs[0].layout)[0] * self.output.type.width, bits)]
        most = max(step.before + step.taken for step in self.schedule) // self.word
        joined = []
        for k in range(max(most, _counts(self.output)[0] // self.word)):
            value: Value = kept[k] if k < self.places else Const(0, bits)
            for start in self.starts:
                if 0 <= k - start < len(fresh):
                    value = Mux(take & (level == start), fresh[k - start], value)
            word = Signal(bits, name=f"word_{k}")
            m.d.comb += word.eq(value)
            joined.append(word)
        return joined

    @property
    def starts(self) -> list[int]:
        """Behind how many words a beat may be taken in."""
        return sorted({step.before // self.word for step in self.schedule if step.taken})

    def _behind(self, words: list[Value], k: int, wanted: Value) -> Value:
        """The word that is in this place when a beat was sent."""
        full, last = (count // self.word for count in _counts(self.output))
        after, short = (words[k + n] if k + n < len(words) else words[k] for n in (full, last))
        return after if full == last else Mux(wanted == full, after, short)


def refilled(layout: Layout, height: int, width: int, channels: int) -> Layout:
    """The layout of another shape: as many values at once where that is no more pixels, and one pixel at least."""
    lanes = min(layout.lanes, width, max(1, layout.elements // channels))
    return Layout(height, width, channels, lanes, layout.type)


def _counts(layout: Layout) -> tuple[int, int]:
    """Values in a row's beats, and in its last."""
    valid = layout.width - (layout.beats_per_row - 1) * layout.lanes
    first = layout.elements if layout.beats_per_row > 1 else valid * layout.channels
    return first, valid * layout.channels


def _refills(layout: Layout, output: Layout) -> Iterator[Refill]:
    """All steps of a frame."""
    ins, outs = (
        [*[full] * (x.beats_per_row - 1), last] * x.height for x in (layout, output) for full, last in [_counts(x)]
    )
    given, kept = iter(ins), 0
    for wanted in outs:
        while kept < wanted:
            taken = next(given)
            found = Refill(kept, taken, wanted if kept + taken >= wanted else 0)
            yield found
            kept = found.behind
            if found.sent:
                break
        else:
            yield Refill(kept, 0, wanted)
            kept -= wanted
