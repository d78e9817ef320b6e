"""A tensor gathered into one beat, and a vector sent in many: for reshapes that a change of names cannot do."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal

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
