"""Every pixel several times along its row, and the row kept in a memory for the rows below."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from ...sim.ops.up_sampling2d import UpSampling2D
from .core import Core, Timing
from .layout import Layout
from .role import StreamRole


class UpSamplingCore(Core):
    """An input beat gives ``parts`` output beats. A row passes through and is written; its repetitions are read."""

    latency = 3

    def __init__(self, name: str, op: UpSampling2D, layout: Layout) -> None:
        (rows, columns) = op.factors
        height, width = layout.height * rows, layout.width * columns
        super().__init__(name, (layout,), Layout(height, width, layout.channels, layout.lanes, layout.type))
        self.rows, self.columns, self.parts = rows, columns, columns

    @property
    def last_parts(self) -> int:
        """Output beats of a row's last input beat, which may be partly void."""
        return self.output.beats_per_row - (self.inputs[0].layout.beats_per_row - 1) * self.parts

    def steps(self) -> Timing:
        row, beat = np.divmod(np.arange(self.output.beats), self.output.beats_per_row)
        needs, every = row % self.rows == 0, np.ones(self.output.beats, dtype=bool)
        last = (beat % self.parts == self.parts - 1) | (beat == self.output.beats_per_row - 1)
        return Timing((needs & last,), every, every.astype(np.int64), needs=(needs,))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        port, beats = self.inputs[0], self.inputs[0].layout.beats_per_row
        part, beat = Signal(range(self.parts), name="part"), Signal(range(beats), name="beat")
        row, step, last = Signal(range(self.rows), name="row"), Signal(name="step"), Signal(name="last")
        first = Signal(name="first")
        final = Mux(beat == beats - 1, self.last_parts - 1, self.parts - 1)
        m.d.comb += [first.eq(row == 0), last.eq(part == final), step.eq(self.m_room & (port.tvalid | ~first))]
        m.d.comb += [port.tready.eq(self.m_room & first & last), self.m_reserve.eq(step)]
        with m.If(step):
            m.d.sync += part.eq(Mux(last, 0, part + 1))
            with m.If(last):
                m.d.sync += beat.eq(Mux(beat == beats - 1, 0, beat + 1))
                with m.If(beat == beats - 1):
                    m.d.sync += row.eq(Mux(row == self.rows - 1, 0, row + 1))
        data = self._kept(m, beat, step, first)
        there, chosen = Signal(name="there"), Signal(range(self.parts), name="chosen", reset_less=True)
        m.d.sync += [there.eq(step), chosen.eq(part), self.m_tvalid.eq(there)]
        alike = len({self.shown(part, lane) for part in range(self.parts) for lane in range(self.output.lanes)}) == 1
        parts = [self._part(data, k) for k in range(self.parts)]
        m.d.sync += self.m_tdata.eq(parts[0] if alike else Array(parts)[chosen])
        return m

    def _kept(self, m: Module, beat: Value, step: Value, first: Value) -> Value:
        """The input beat of a step, a cycle later: from the port, or from the memory of the row."""
        port = self.inputs[0]
        passed = Signal(len(port.tdata), name="passed", reset_less=True)
        m.d.sync += passed.eq(port.tdata)
        if self.rows == 1:
            return passed
        m.submodules.kept = memory = Memory(shape=len(port.tdata), depth=port.layout.beats_per_row, init=[])
        write, read = memory.write_port(), memory.read_port()
        fresh = Signal(name="fresh", reset_less=True)
        m.d.comb += [write.addr.eq(beat), write.data.eq(port.tdata), write.en.eq(step & first)]
        m.d.comb += [read.addr.eq(beat), read.en.eq(step)]
        m.d.sync += fresh.eq(first)
        return Mux(fresh, passed, read.data)

    def shown(self, part: int, lane: int) -> int:
        """Which pixel of the input's beat stands in a lane of an output beat."""
        return (part * self.output.lanes + lane) // self.columns

    def _part(self, data: Value, part: int) -> Value:
        pixel = self.output.bits // self.output.lanes
        places = (self.shown(part, lane) for lane in range(self.output.lanes))
        return Cat(*(data[place * pixel : (place + 1) * pixel] for place in places))


def core(name: str, op: UpSampling2D, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> UpSamplingCore:
    return UpSamplingCore(name, op, layouts[0])


ROLE = StreamRole(core)
