"""Fewer pixels in a beat, more beats: where a layer needs less speed, it gets less hardware."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from amaranth.hdl import Array, Module, Mux, Signal

from .core import Core, Timing
from .layout import Layout


class NarrowCore(Core):
    """Sends each beat in parts, the lowest lanes first; parts that hold only void lanes are not sent."""

    def __init__(self, name: str, layout: Layout, lanes: int) -> None:
        super().__init__(name, (layout,), replace(layout, lanes=lanes))
        self.parts = layout.lanes // lanes

    def _part_count(self) -> int:
        """Parts sent in the last beat of a row; the others send all."""
        per_row = self.output.beats_per_row
        return per_row - (self.inputs[0].layout.beats_per_row - 1) * self.parts

    latency = 1

    def steps(self) -> Timing:
        layout = self.inputs[0].layout
        row = np.zeros(self.output.beats_per_row, dtype=bool)
        row[self.parts - 1 :: self.parts] = True
        row[-1] = True
        consumes = np.tile(row, layout.height)
        every = np.ones(len(consumes), dtype=bool)
        return Timing((consumes,), every, every.astype(np.int64), needs=(every,))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        port, per_row = self.inputs[0], self.inputs[0].layout.beats_per_row
        part, beat = Signal(range(self.parts), name="part"), Signal(range(per_row), name="beat")
        step, last = Signal(name="step"), Signal(name="last")
        final = Mux(beat == per_row - 1, self._part_count() - 1, self.parts - 1)
        width = self.output.bits
        choices = [port.tdata[k * width : (k + 1) * width] for k in range(self.parts)]
        m.d.comb += [
            step.eq(port.tvalid & self.m_room),
            last.eq(part == final),
            port.tready.eq(self.m_room & last),
            self.m_reserve.eq(step),
            self.m_tvalid.eq(step),
            self.m_tdata.eq(Array(choices)[part]),
        ]
        with m.If(step):
            m.d.sync += part.eq(Mux(last, 0, part + 1))
            with m.If(last):
                m.d.sync += beat.eq(Mux(beat == per_row - 1, 0, beat + 1))
        return m
