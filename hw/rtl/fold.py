"""A whole frame folded into one value per channel, beat by beat: what the global pools share."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from ...sim.fixed import Fixed
from .core import Core, Timing, delay, elements, shape_of
from .layout import Layout
from .tree import reduce_tree, tree_stages


class FoldCore(Core):
    """Takes a beat a cycle; ``combine`` folds its lanes (void ones are ``neutral``) into a register per channel."""

    after = 0  # cycles of ``finish``

    def __init__(self, name: str, layout: Layout, fold_type: Fixed, output_type: Fixed, neutral: int) -> None:
        super().__init__(name, (layout,), Layout(1, 1, layout.channels, 1, output_type))
        self.fold_type, self.neutral = fold_type, neutral

    def combine(self, a: Value, b: Value) -> Value:
        raise NotImplementedError

    def finish(self, m: Module, folded: Value, channel: int) -> Value:
        """From the register to the output, in ``after`` cycles."""
        return folded

    @property
    def latency(self) -> int:
        return tree_stages(self.inputs[0].layout.lanes) + 1 + self.after + 1

    def steps(self) -> Timing:
        beats = self.inputs[0].layout.beats
        return Timing((np.ones(beats, bool),), np.arange(beats) == beats - 1, np.ones(beats, dtype=np.int64))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        port, layout = self.inputs[0], self.inputs[0].layout
        row, beat, step = (
            Signal(range(layout.height), name="row"),
            Signal(range(layout.beats_per_row), name="beat"),
            Signal(name="step"),
        )
        row_end, last = beat == layout.beats_per_row - 1, Signal(name="last")
        m.d.comb += [last.eq(row_end & (row == layout.height - 1)), port.tready.eq(self.m_room | ~last)]
        m.d.comb += [step.eq(port.tready & port.tvalid), self.m_reserve.eq(step & last)]
        with m.If(step):
            m.d.sync += beat.eq(Mux(row_end, 0, beat + 1))
            with m.If(row_end):
                m.d.sync += row.eq(Mux(last, 0, row + 1))
        stages = tree_stages(layout.lanes)
        live, first = delay(m, step, stages, "live"), delay(m, (row == 0) & (beat == 0), stages, "first")
        results = [self._channel(m, c, row_end, live, first) for c in range(layout.channels)]
        m.d.comb += [
            self.m_tdata.eq(Cat(*results)),
            self.m_tvalid.eq(delay(m, step & last, stages + 1 + self.after, "valid")),
        ]
        return m

    def _channel(self, m: Module, channel: int, row_end: Value, live: Value, first: Value) -> Value:
        layout = self.inputs[0].layout
        lanes = elements(self.inputs[0].tdata, layout.type)[channel :: layout.channels]
        valid = layout.width - (layout.beats_per_row - 1) * layout.lanes
        neutral = Const(self.neutral, shape_of(layout.type))
        lanes = [lane if k < valid else Mux(row_end, neutral, lane) for k, lane in enumerate(lanes)]
        folded = reduce_tree(m, lanes, self.combine, f"beat_{channel}", named=True)
        register = Signal(shape_of(self.fold_type), name=f"fold_{channel}", reset_less=True)
        with m.If(live):
            m.d.sync += register.eq(Mux(first, folded, self.combine(register, folded)))
        out = Signal(self.output.type.width, name=f"out_{channel}")
        m.d.comb += out.eq(self.finish(m, register, channel))
        return out
