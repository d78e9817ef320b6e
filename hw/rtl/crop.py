"""Rows, columns and channels of an image: the other beats are taken and dropped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal

from ...sim.ops.crop import Crop
from .core import Core, Timing
from .layout import Layout


class CropCore(Core):
    """One beat in each step. Columns are cut only where a beat is one pixel; else all of them stay."""

    latency = 2

    def __init__(self, name: str, op: Crop, layout: Layout) -> None:
        height, width, channels = (stop - start for start, stop in (op.rows, op.columns, op.channels))
        super().__init__(name, (layout,), replace(layout, height=height, width=width, channels=channels))
        self.op = op

    def steps(self) -> Timing:
        layout, (left, right) = self.inputs[0].layout, self.op.columns
        row, beat = np.divmod(np.arange(layout.beats), layout.beats_per_row)
        column_ok = (left <= beat) & (beat < right) if layout.lanes == 1 else np.ones(layout.beats, dtype=bool)
        emits = (self.op.rows[0] <= row) & (row < self.op.rows[1]) & column_ok
        return Timing((np.ones(layout.beats, dtype=bool),), emits, np.ones(layout.beats, dtype=np.int64))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        port, op, layout = self.inputs[0], self.op, self.inputs[0].layout
        beats = layout.beats_per_row
        beat, row = Signal(range(beats), name="beat"), Signal(range(layout.height), name="row")
        inside, step = Signal(name="kept"), Signal(name="step")
        columns_ok = (beat >= op.columns[0]) & (beat < op.columns[1]) if layout.lanes == 1 else True
        m.d.comb += inside.eq((row >= op.rows[0]) & (row < op.rows[1]) & columns_ok)
        m.d.comb += [port.tready.eq(self.m_room | ~inside), step.eq(port.tready & port.tvalid)]
        m.d.comb += self.m_reserve.eq(step & inside)
        with m.If(step):
            m.d.sync += beat.eq(Mux(beat == beats - 1, 0, beat + 1))
            with m.If(beat == beats - 1):
                m.d.sync += row.eq(Mux(row == layout.height - 1, 0, row + 1))
        pixel, width = layout.channels * layout.type.width, layout.type.width
        start, stop = (place * width for place in op.channels)
        parts = [port.tdata[lane * pixel + start : lane * pixel + stop] for lane in range(layout.lanes)]
        m.d.sync += [self.m_tvalid.eq(step & inside), self.m_tdata.eq(Cat(*parts))]
        return m


def lanes(op: Crop, layout: Layout) -> int:
    """Pixels in a beat: one where columns are cut."""
    return layout.lanes if op.columns == (0, layout.width) else 1


def core(name: str, op: Crop, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> CropCore:
    return CropCore(name, op, layouts[0])
