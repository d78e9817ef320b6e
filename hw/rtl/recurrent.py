"""A streaming recurrent layer: sequences side by side share one pipeline, so that it never waits for itself.

Beats come step by step, within a step sequence by sequence. While one sequence's new state is on its way through the
pipeline, the others' steps enter. A sequence's next step may enter ``recurrence`` cycles after the one before; with at
least that many cycles' worth of sequences the arithmetic is always busy, with fewer it waits at the end of each step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Mux, ResetSignal, Signal, Value
from amaranth.lib.memory import Memory

from ...sim.recurrent import Recurrent
from .cell import Cell
from .core import Core, Timing, delay, elements
from .layout import Layout
from .requantize import requantize
from .role import Sharing, StreamRole, any_part, beats
from .sharing import hold


class RecurrentCore(Core):
    """``inputs``: gate inputs (steps, sequences, gates * units), then the initial states (1, sequences, units).

    Each lane has a cell of its own; a word of the state memory holds the states of one beat's sequences.
    """

    def __init__(self, name: str, op: Recurrent, inputs: tuple[Layout, ...], cell: Cell, channels: int) -> None:
        gates = inputs[0]
        steps = gates.height if op.return_sequences else 1
        super().__init__(name, inputs, Layout(steps, gates.width, channels, gates.lanes, op.output_type))
        self.op, self.cell, self.reuse = op, cell, cell.reuse
        self.probe_data = {
            key: Signal(gates.lanes * len(signal), name=f"trace_{key}_tdata")
            for key, (signal, _) in cell.probes.items()
        }
        self.probe_valid = {key: Signal(name=f"trace_{key}_tvalid") for key in cell.probes}

    # times ----------------------------------------------------------------------------------------

    @property
    def latency(self) -> int:
        return 1 + self.cell.latency + 1

    @property
    def recurrence(self) -> int:
        """Cycles from a sequence's step to its next: the state is written, then read."""
        return 1 + self.cell.state_latency + 1

    @property
    def wait(self) -> int:
        """Cycles that the arithmetic waits after each step's last beat."""
        return max(0, self.recurrence - self.inputs[0].layout.beats_per_row * self.reuse)

    @property
    def utilization(self) -> float:
        """The part of a frame's cycles in which the arithmetic takes up work, in steady state."""
        cost = self.steps().cost
        return float(self.reuse * len(cost) / cost.sum())

    def steps(self) -> Timing:
        gates = self.inputs[0].layout
        beats, row = gates.beats, gates.beats_per_row
        cost = np.full(beats, self.reuse, dtype=np.int64)
        cost[row - 1 : beats - 1 : row] += self.wait
        first = np.arange(beats) < row
        emits = np.ones(beats, dtype=bool) if self.op.return_sequences else np.arange(beats) >= beats - row
        return Timing((np.ones(beats, dtype=bool), *(first for _ in self.inputs[1:])), emits, cost)

    # modules --------------------------------------------------------------------------------------

    def ports(self) -> list[Signal]:
        return [*super().ports(), *self.probe_data.values(), *self.probe_valid.values()]

    def kernels(self) -> dict[str, Any]:
        functions = {module.name: module for module in self.cell.functions.values()}
        return {self.cell.name: self.cell, **self.cell.kernels(), **functions}

    def repeated(self) -> list[str]:
        return [*super().repeated(), *(module.name for module in self.cell.functions.values())]

    def probes(self) -> Mapping[str, tuple[Signal, Signal, Layout]]:
        """(data, valid, layout) of every tensor inside of a step."""
        gates, types = self.inputs[0].layout, self.op.internals()
        found = {}
        for key, data in self.probe_data.items():
            width = len(data) // gates.lanes // types[key].width
            layout = Layout(gates.height, gates.width, width, gates.lanes, types[key])
            found[key] = data, self.probe_valid[key], layout
        return found

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        step, emit = Signal(name="step"), Signal(name="emit")
        beat, first = self._control(m, step, emit)
        start = Signal(name="start")
        x = Signal(len(self.inputs[0].tdata), name="x", reset_less=True)
        m.d.sync += start.eq(step)
        with m.If(step):
            m.d.sync += x.eq(self.inputs[0].tdata)
        states, news = Signal(self._word, name="old_states"), Signal(self._word, name="new_states")
        self._memory(m, step, beat, first, states, news)
        outputs = self._cells(m, start, x, states, news)
        live = delay(m, emit, 1 + self.cell.latency, "live")
        m.d.comb += [self.m_tvalid.eq(live), self.m_tdata.eq(Cat(*outputs)), self.m_reserve.eq(emit)]
        self._probe_valids(m, start)
        return m

    def _control(self, m: Module, step: Signal, emit: Signal) -> tuple[Signal, Signal]:
        """When a step is taken and whether it emits; returns the beat of the row, and whether that is the first row."""
        gates = self.inputs[0].layout
        row_beats, rows = gates.beats_per_row, gates.height
        beat, row = Signal(range(row_beats), name="beat"), Signal(range(rows), name="row")
        first, last, ends, emits = (Signal(name=n) for n in ("first", "last", "ends", "emits"))
        m.d.comb += [first.eq(row == 0), last.eq(row == rows - 1), ends.eq(beat == row_beats - 1)]
        m.d.comb += emits.eq(1 if self.op.return_sequences else last)
        idle = hold(m, step, self.reuse, ends & ~last, self.wait)
        given = Cat(*(port.tvalid for port in self.inputs[1:])).all() if self.inputs[1:] else Const(1)
        ready = idle & (self.m_room | ~emits)
        m.d.comb += [step.eq(ready & self.inputs[0].tvalid & (given | ~first)), emit.eq(step & emits)]
        m.d.comb += self.inputs[0].tready.eq(ready & (given | ~first))
        m.d.comb += [port.tready.eq(step & first) for port in self.inputs[1:]]
        with m.If(step):
            m.d.sync += beat.eq(Mux(ends, 0, beat + 1))
            with m.If(ends):
                m.d.sync += row.eq(Mux(last, 0, row + 1))
        return beat, first

    @property
    def _word(self) -> int:
        """Bits of the states of one beat."""
        return self.inputs[0].layout.lanes * self.cell.state_bits

    def _memory(self, m: Module, step: Signal, beat: Signal, first: Signal, states: Signal, news: Signal) -> None:
        """``states`` of the beat just taken; ``news`` are written when they are there."""
        depth = self.inputs[0].layout.beats_per_row
        m.submodules.states = memory = Memory(shape=self._word, depth=depth, init=[])
        write, read = memory.write_port(), memory.read_port()
        place = Signal(range(depth), name="place")
        m.d.comb += [read.addr.eq(beat), read.en.eq(step), write.data.eq(news), write.addr.eq(place)]
        m.d.comb += write.en.eq(delay(m, step, 1 + self.cell.state_latency, "written"))
        with m.If(write.en):
            m.d.sync += place.eq(Mux(place == depth - 1, 0, place + 1))
        fresh, initial = Signal(name="fresh", reset_less=True), Signal(self._word, name="given", reset_less=True)
        with m.If(step):
            m.d.sync += fresh.eq(first)
            if len(self.inputs) > 1:
                m.d.sync += initial.eq(Cat(*self._initial(m)))
        m.d.comb += states.eq(Mux(fresh, initial if len(self.inputs) > 1 else 0, read.data))

    def _initial(self, m: Module) -> list[Value]:
        """The initial states, rounded as a state is: lane by lane, one state behind the other."""
        values: list[Value] = []
        for lane in range(self.inputs[0].layout.lanes):
            for port, cast in zip(self.inputs[1:], self.op.state_casts()):
                for k, value in enumerate(self._lane(port.tdata, port.layout, lane)):
                    name = f"given_{port.tdata.name}_{lane}_{k}"
                    fraction = port.layout.type.fraction
                    values.append(requantize(m, value, fraction, cast.type, cast.rounding, cast.overflow, name))
        return values

    def _lane(self, data: Value, layout: Layout, lane: int) -> list[Value]:
        return elements(data, layout.type)[lane * layout.channels : (lane + 1) * layout.channels]

    def _cells(self, m: Module, start: Signal, x: Signal, states: Signal, news: Signal) -> list[Signal]:
        """The outputs of each lane's cell."""
        outputs, lanes = [], self.inputs[0].layout.lanes
        probes: dict[str, list[Signal]] = {key: [] for key in self.cell.probes}
        for lane in range(lanes):
            mine = [signal.word_select(lane, len(signal) // lanes) for signal in (x, states, news)]
            out = Signal(len(self.cell.o), name=f"lane_{lane}_output")
            new = Signal(self.cell.state_bits, name=f"lane_{lane}_state")
            m.d.comb += mine[2].eq(new)
            ports = {"i_start": start, "i_x": mine[0], "i_h": mine[1], "o_o": out, "o_h_next": new}
            for key, (signal, _) in self.cell.probes.items():
                probes[key].append(Signal(len(signal), name=f"lane_{lane}_{key}"))
                ports[f"o_{signal.name}"] = probes[key][-1]
            m.submodules[f"lane_{lane}"] = Instance(self.cell.name, i_clk=ClockSignal(), i_rst=ResetSignal(), **ports)
            outputs.append(out)
        m.d.comb += [self.probe_data[key].eq(Cat(*signals)) for key, signals in probes.items()]
        return outputs

    def _probe_valids(self, m: Module, start: Signal) -> None:
        valid, cycle = start, 0
        for key, (_, at) in sorted(self.cell.probes.items(), key=lambda item: item[1][1]):
            valid, cycle = delay(m, valid, at - cycle, f"valid_{key}"), at
            m.d.comb += self.probe_valid[key].eq(valid)


def recurrent_role(
    make: Callable[[str, Any, tuple[Layout, ...], str, int], Core], legal: Callable[[Any, str, Layout], list[int]]
) -> StreamRole:
    """Of every recurrent layer: as few sequences at once as keep up, each step in the reuse factor's cycles."""
    sharing = Sharing(legal, part="recurrent")
    return StreamRole(make, lanes=any_part, frame_steps=beats, sharing=sharing, recurrent=True)
