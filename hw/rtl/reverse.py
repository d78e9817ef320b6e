"""A sequence kept in a memory and sent from its last step to its first."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.memory import Memory

from ...sim.ops.reverse import Reverse
from .core import Core, Timing
from .layout import Layout
from .role import StreamRole


class ReverseCore(Core):
    """A frame is written, then read: it takes twice its beats."""

    latency = 3

    def __init__(self, name: str, op: Reverse, layout: Layout) -> None:
        super().__init__(name, (layout,), layout)
        self.row_beats = layout.beats_per_row if op.interleaved else 1

    def steps(self) -> Timing:
        beats = self.output.beats
        writing = np.arange(2 * beats) < beats
        return Timing((writing,), ~writing, np.ones(2 * beats, dtype=np.int64))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        port, beats, row_beats = self.inputs[0], self.output.beats, self.row_beats
        count, beat = Signal(range(beats), name="count"), Signal(range(row_beats), name="beat")
        base = Signal(range(beats), name="base", init=(beats - row_beats))
        reading, step, last = Signal(name="reading"), Signal(name="step"), Signal(name="last")
        m.d.comb += [last.eq(count == beats - 1), step.eq(Mux(reading, self.m_room, port.tvalid))]
        m.d.comb += [port.tready.eq(~reading), self.m_reserve.eq(step & reading)]
        with m.If(step):
            m.d.sync += [count.eq(Mux(last, 0, count + 1)), reading.eq(reading ^ last)]
        with m.If(step & reading):
            m.d.sync += beat.eq(Mux(beat == row_beats - 1, 0, beat + 1))
            with m.If(beat == row_beats - 1):
                m.d.sync += base.eq(Mux(last, beats - row_beats, base - row_beats))
        m.submodules.kept = memory = Memory(shape=len(port.tdata), depth=beats, init=[])
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [write.addr.eq(count), write.data.eq(port.tdata), write.en.eq(step & ~reading)]
        m.d.comb += [read.addr.eq(base + beat), read.en.eq(step & reading)]
        there = Signal(name="there")
        m.d.sync += [there.eq(step & reading), self.m_tvalid.eq(there), self.m_tdata.eq(read.data)]
        return m


def lanes(op: Reverse, layout: Layout) -> list[int]:
    """Pixels in a beat: steps of one sequence come one by one."""
    return [layout.lanes if op.interleaved else 1]


def core(name: str, op: Reverse, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> ReverseCore:
    return ReverseCore(name, op, layouts[0])


ROLE = StreamRole(core, lanes=lanes)
