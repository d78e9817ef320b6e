"""Vectors side by side kept in a memory and sent once for every step."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.memory import Memory

from ...sim.ops.repeat_vector import RepeatVector
from .core import Core, Timing
from .layout import Layout
from .role import StreamRole
from .sharing import hold


class RepeatVectorCore(Core):
    """The first row passes through and is written; every later row is read.

    ``pace``: cycles from one beat to the next, so that it runs no further ahead than its reader wants.
    """

    latency = 3

    def __init__(self, name: str, op: RepeatVector, layout: Layout, pace: int) -> None:
        side_by_side = Layout(op.steps, layout.width, layout.channels, layout.lanes, layout.type)
        alone = Layout(1, op.steps, layout.channels, 1, layout.type)
        super().__init__(name, (layout,), side_by_side if op.interleaved else alone)
        self.rows, self.pace = op.steps, pace

    def steps(self) -> Timing:
        beats, row = self.output.beats, self.inputs[0].layout.beats
        every = np.ones(beats, dtype=bool)
        return Timing((np.arange(beats) < row,), every, np.full(beats, self.pace))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        port, row_beats, rows = self.inputs[0], self.inputs[0].layout.beats, self.rows
        beat, row = Signal(range(row_beats), name="beat"), Signal(range(rows), name="row")
        first, step, ready = Signal(name="first"), Signal(name="step"), Signal(name="ready")
        m.d.comb += [first.eq(row == 0), ready.eq(self.m_room & hold(m, step, self.pace))]
        m.d.comb += [step.eq(ready & (port.tvalid | ~first)), port.tready.eq(ready & first), self.m_reserve.eq(step)]
        with m.If(step):
            m.d.sync += beat.eq(Mux(beat == row_beats - 1, 0, beat + 1))
            with m.If(beat == row_beats - 1):
                m.d.sync += row.eq(Mux(row == rows - 1, 0, row + 1))
        m.submodules.kept = memory = Memory(shape=len(port.tdata), depth=row_beats, init=[])
        write, read = memory.write_port(), memory.read_port()
        fresh, passed = Signal(name="fresh", reset_less=True), Signal(len(port.tdata), name="passed", reset_less=True)
        m.d.comb += [write.addr.eq(beat), write.data.eq(port.tdata), write.en.eq(step & first)]
        m.d.comb += [read.addr.eq(beat), read.en.eq(step)]
        there = Signal(name="there")
        m.d.sync += [there.eq(step), fresh.eq(first), passed.eq(port.tdata), self.m_tvalid.eq(there)]
        m.d.sync += self.m_tdata.eq(Mux(fresh, passed, read.data))
        return m


def core(name: str, op: RepeatVector, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> RepeatVectorCore:
    return RepeatVectorCore(name, op, layouts[0], reuse)


def pace(op: RepeatVector, layout: Layout, interval: int) -> int:
    """The frame's beats spread over the interval."""
    return max(1, interval // (layout.beats * op.steps))


ROLE = StreamRole(core, whole_vector=True, pace=pace, repeats=True)
