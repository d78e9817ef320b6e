"""Line buffers and the step controller that every window operator shares; the geometry says when a step emits."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from ...sim.fixed import Fixed
from .core import NOTE, Core, Timing, elements, noted
from .geometry import Geometry
from .layout import Layout
from .sharing import hold


class WindowCore(Core):
    """Forms the windows; a subclass computes on them in ``compute``.

    ``reuse``: cycles for which a window stays. ``fill``: what stands outside the image.
    """

    def __init__(
        self, name: str, geometry: Geometry, channels: int, output_type: Fixed, reuse: int = 1, fill: int = 0
    ) -> None:
        self.geometry, self.reuse, self.fill = geometry, reuse, fill
        output = Layout(geometry.height, geometry.width, channels, geometry.lanes, output_type)
        super().__init__(name, (geometry.layout,), output)

    @property
    def compute_latency(self) -> int:
        """Cycles from a window to the result's register."""
        raise NotImplementedError

    def compute(
        self, m: Module, start: Value, windows: list[list[list[Value]]], masks: list[list[Value]]
    ) -> tuple[Value, Value]:
        """(valid, data) from ``windows[lane][tap][channel]``.

        ``masks[lane][tap]`` is 1 where the tap lies in the image.
        """
        raise NotImplementedError

    @property
    def latency(self) -> int:
        return 1 + self.compute_latency + 1

    def steps(self) -> Timing:
        emits = self.geometry.emits()
        consumes = np.arange(self.geometry.steps) < self.geometry.layout.beats
        return Timing((consumes,), emits, np.where(emits, self.reuse, 1))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        step, emit = Signal(name="step"), Signal(name="emit")
        row, beat = self._control(m, step, emit)
        taps = self._line_buffers(m, step)
        history = self._history(m, step, taps)
        start = Signal()
        m.d.sync += start.eq(emit)
        windows, masks = self._windows(m, step, history, row, beat)
        valid, data = self.compute(m, start, windows, masks)
        m.d.comb += [self.m_tvalid.eq(valid), self.m_tdata.eq(data), self.m_reserve.eq(emit)]
        return m

    def _control(self, m: Module, step: Signal, emit: Signal) -> tuple[Signal, Signal]:
        """When a step is taken and whether it emits; returns the output's row and beat counters, in input units."""
        g, port = self.geometry, self.inputs[0]
        noted(step, "A step takes a beat, or pushes on behind the last; it emits where a wanted window ends.")
        per_row = g.layout.beats_per_row
        count = Signal(range(g.steps), name="step_count")
        row, beat = Signal(range(g.steps // per_row + 2), name="row"), Signal(range(per_row), name="beat")
        warm = Signal(init=g.warm_up == 0)
        emits, flushing, idle, last = (
            Signal(name="emits"),
            Signal(name="flushing"),
            Signal(name="idle"),
            Signal(name="last"),
        )
        m.d.comb += [
            emits.eq(warm & self._on_grid(row, beat)),
            flushing.eq(count >= g.layout.beats),
            port.tready.eq(idle & (self.m_room | ~emits) & ~flushing),
            step.eq(idle & (self.m_room | ~emits) & (port.tvalid | flushing)),
            emit.eq(step & emits),
            last.eq(count == g.steps - 1),
        ]
        with m.If(step):
            m.d.sync += count.eq(Mux(last, 0, count + 1))
            with m.If(last):
                m.d.sync += [row.eq(0), beat.eq(0), warm.eq(g.warm_up == 0)]
            with m.Elif(~warm):
                m.d.sync += warm.eq(count == g.warm_up - 1)
            with m.Elif(beat == per_row - 1):
                m.d.sync += [beat.eq(0), row.eq(row + 1)]
            with m.Else():
                m.d.sync += beat.eq(beat + 1)
        m.d.comb += idle.eq(hold(m, emit, self.reuse))
        return row, beat

    def _on_grid(self, row: Signal, beat: Signal) -> Value:
        g = self.geometry
        rows_on = modulo_is_zero(row, g.strides[0], g.height * g.strides[0])
        beats_on = modulo_is_zero(beat, g.every, g.layout.beats_per_row)
        return rows_on & beats_on & (row < g.height * g.strides[0]) & (beat < g.out_beats * g.every)

    def _line_buffers(self, m: Module, step: Signal) -> list[Value]:
        """The beat of each kernel row, the oldest first."""
        g = self.geometry
        taps: list[Value] = [self.inputs[0].tdata]
        for k in range(g.kernel[0] - 1):
            taps.append(line_buffer(m, step, taps[-1], g.dilation[0] * g.layout.beats_per_row, f"line_{k}"))
        return taps[::-1]

    def _history(self, m: Module, step: Signal, taps: list[Value]) -> list[list[Value]]:
        """For each kernel row, its newest beats (newest first) as registers that a step moves on."""
        g = self.geometry
        beats = 1 - (g.last_lane - (g.columns - 1)) // g.layout.lanes
        history = []
        for k, tap in enumerate(taps):
            registers = [Signal(len(tap), name=f"row_{k}_beat_{b}", reset_less=True) for b in range(beats)]
            noted(registers[0], f"The window's row {k}, its newest beat first.")
            with m.If(step):
                m.d.sync += [new.eq(old) for new, old in zip(registers, [tap, *registers])]
            history.append(registers)
        return history

    def _windows(
        self, m: Module, step: Signal, history: list[list[Value]], row: Signal, beat: Signal
    ) -> tuple[list[list[list[Value]]], list[list[Value]]]:
        g = self.geometry
        row_ok = self._inside(m, step, row, g.edge_rows(), g.first_row, g.last_row, "row_inside")
        column_ok = self._inside(m, step, beat, g.edge_columns(), g.first_beat, g.last_beat, "column_inside")
        windows, masks = [], []
        taps: dict[tuple[int, int], list[Value]] = {}
        flags: dict[tuple[int, int], Value] = {}
        for lane in range(g.lanes):
            columns = [lane * g.strides[1] + c * g.dilation[1] for c in range(g.kernel[1])]
            places = [(k, c) for k in range(g.kernel[0]) for c in columns]
            for k, c in places:
                if (k, c) not in taps:
                    flags[k, c] = self._both(m, row_ok.get(k), column_ok.get(c), f"inside_{k}_{c}")
                    taps[k, c] = self._tap(m, history[k], c, flags[k, c], f"tap_{k}_{c}")
            windows.append([taps[place] for place in places])
            masks.append([flags[place] for place in places])
        return windows, masks

    def _both(self, m: Module, row: Value | None, column: Value | None, name: str) -> Value:
        """Whether row and column lie in the image; each is None where it always does."""
        if row is None or column is None:
            return Const(1) if row is column else column if row is None else row
        flag = Signal(name=name)
        m.d.comb += flag.eq(row & column)
        return flag

    def _inside(
        self, m: Module, step: Signal, counter: Signal, which: list[int], first: Any, last: Any, name: str
    ) -> dict[int, Value]:
        """Registers that say, for the window just formed, whether row or column ``k`` lies in the image."""
        flags: dict[int, Value] = {}
        for k in which:
            flag = Signal(name=f"{name}_{k}", reset_less=True)
            with m.If(step):
                m.d.sync += flag.eq((counter >= first(k)) & (counter <= last(k)) if last(k) >= 0 else 0)
            flags[k] = flag
        return flags

    def _tap(self, m: Module, beats: list[Value], column: int, inside: Value, name: str) -> list[Value]:
        """The channels of one place of the window, ``fill`` where it lies outside the image."""
        g = self.geometry
        back, lane = divmod(g.last_lane - (g.columns - 1) + column, g.layout.lanes)
        width = g.layout.channels * g.layout.type.width
        pixel = beats[-back][lane * width : (lane + 1) * width]
        tap = Signal(width, name=name)
        if name == "tap_0_0":
            noted(tap, f"The window's places by row and column, all channels; {self.fill} outside of the image.")
        raw = self.fill & ((1 << g.layout.type.width) - 1)
        fill = Const(sum(raw << k for k in range(0, width, g.layout.type.width)), width)
        m.d.comb += tap.eq(pixel if isinstance(inside, Const) else Mux(inside, pixel, fill))
        return elements(tap, g.layout.type)


def modulo_is_zero(counter: Signal, modulus: int, limit: int) -> Value:
    """Whether a counter below ``limit`` is a multiple of the modulus."""
    if modulus == 1:
        return Const(1)
    if modulus & (modulus - 1) == 0:
        return counter[: modulus.bit_length() - 1] == 0
    hits = [counter == k for k in range(0, limit, modulus)]
    return Cat(*hits).any()


def line_buffer(m: Module, step: Signal, data: Value, depth: int, name: str) -> Value:
    """``data`` as it was ``depth`` steps ago."""
    if depth == 1:
        register = Signal(len(data), name=name, reset_less=True)
        with m.If(step):
            m.d.sync += register.eq(data)
        return register
    about = {NOTE: f"Line buffer: a beat comes out {depth} steps later."}
    memory = Memory(shape=len(data), depth=depth, init=[], attrs=about)
    m.submodules[name] = memory
    write, read = memory.write_port(), memory.read_port()
    address = Signal(range(depth), name=f"{name}_address")
    following = Signal(range(depth), name=f"{name}_following")
    m.d.comb += [
        following.eq(Mux(address == depth - 1, 0, address + 1)),
        read.addr.eq(following),
        write.addr.eq(address),
    ]
    m.d.comb += [write.data.eq(data), write.en.eq(step), read.en.eq(step)]
    with m.If(step):
        m.d.sync += address.eq(following)
    return read.data
