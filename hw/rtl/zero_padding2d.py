"""Zeros around an image: rows and columns that come out and were never taken in."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value

from ...sim.ops.zero_padding2d import ZeroPadding2D
from .core import Core, Timing
from .layout import Layout
from .role import StreamRole


class ZeroPaddingCore(Core):
    """A beat out in each step. A frame begins when its first beat is there; what lies behind the image waits for none.

    With ``left`` no multiple of the lanes every row is shifted by wires: the upper lanes wait for the next beat.
    """

    latency = 2

    def __init__(self, name: str, op: ZeroPadding2D, layout: Layout) -> None:
        (top, bottom), (left, right) = op.padding
        height, width = top + layout.height + bottom, left + layout.width + right
        super().__init__(name, (layout,), Layout(height, width, layout.channels, layout.lanes, layout.type))
        self.rows, self.left = (top, top + layout.height), left
        self.skipped, self.shift = divmod(left, layout.lanes)
        self.beats = (self.skipped, self.skipped + layout.beats_per_row)

    def steps(self) -> Timing:
        row, beat = np.divmod(np.arange(self.output.beats), self.output.beats_per_row)
        needs = (row < self.rows[1]) & (beat < self.beats[1])
        every = np.ones(self.output.beats, dtype=bool)
        taken = needs & (row >= self.rows[0]) & (beat >= self.beats[0])
        return Timing((taken,), every, every.astype(np.int64), needs=(needs,))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        port, out = self.inputs[0], self.output
        row, beat = Signal(range(out.height), name="row"), Signal(range(out.beats_per_row), name="beat")
        step, waits, taken = Signal(name="step"), Signal(name="waits"), Signal(name="taken")
        m.d.comb += waits.eq((row < self.rows[1]) & (beat < self.beats[1]))
        m.d.comb += taken.eq(waits & (row >= self.rows[0]) & (beat >= self.beats[0]))
        m.d.comb += [step.eq(self.m_room & (port.tvalid | ~waits)), port.tready.eq(self.m_room & taken)]
        m.d.comb += self.m_reserve.eq(step)
        with m.If(step):
            m.d.sync += beat.eq(Mux(beat == out.beats_per_row - 1, 0, beat + 1))
            with m.If(beat == out.beats_per_row - 1):
                m.d.sync += row.eq(Mux(row == out.height - 1, 0, row + 1))
        m.d.sync += [self.m_tvalid.eq(step), self.m_tdata.eq(Cat(*self._lanes(m, row, beat, step & taken)))]
        return m

    def _lanes(self, m: Module, row: Value, beat: Value, taken: Value) -> list[Value]:
        """The pixels of an output beat, zero outside of the image."""
        layout, data = self.inputs[0].layout, self.inputs[0].tdata
        pixel, kept = layout.channels * layout.type.width, (layout.lanes - self.shift) * layout.channels
        upper = Signal(self.shift * pixel, name="upper", reset_less=True)
        with m.If(taken):
            m.d.sync += upper.eq(data[kept * layout.type.width :])
        shifted, row_ok, pixels = Cat(upper, data), Signal(name="row_in_image"), []
        m.d.comb += row_ok.eq((row >= self.rows[0]) & (row < self.rows[1]))
        for lane in range(layout.lanes):
            first, end = (max(0, -((lane - c) // layout.lanes)) for c in (self.left, self.left + layout.width))
            ok = Signal(name=f"in_image_{lane}")
            m.d.comb += ok.eq(row_ok & (beat >= first) & (beat < end))
            pixels.append(Mux(ok, shifted[lane * pixel : (lane + 1) * pixel], 0))
        return pixels


def core(name: str, op: ZeroPadding2D, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> ZeroPaddingCore:
    return ZeroPaddingCore(name, op, layouts[0])


ROLE = StreamRole(core)
