"""Several streams taken beat by beat together, and the entrance of a stream that has no core."""

from __future__ import annotations

from dataclasses import replace
from math import gcd
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed
from .core import Core, Timing, delay, elements
from .layout import Layout


class JoinCore(Core):
    """A step takes one beat of every input; a subclass's ``combine`` makes a pixel's channels from the inputs' pixels.

    An input of one pixel beside larger ones is held for the whole frame and taken with its last beat.
    """

    stages = 0
    """Cycles of ``combine``."""

    def __init__(self, name: str, inputs: tuple[Layout, ...], output: Layout) -> None:
        super().__init__(name, inputs, output)
        self.held = held(inputs)
        for layout, waits in zip(inputs, self.held):
            if not waits and (layout.height, layout.width, layout.lanes) != (output.height, output.width, output.lanes):
                raise BitsmithError(
                    f"an input of {layout.height} x {layout.width} pixels meets one of {output.height} x "
                    f"{output.width}; they must be equal, or one of them 1 x 1"
                )

    def combine(self, m: Module, parts: list[list[Value]], name: str) -> list[Value]:
        """The output's channels, ``stages`` cycles later, from ``parts[input][channel]`` of one pixel."""
        raise NotImplementedError

    @property
    def latency(self) -> int:
        return 2 + self.stages

    def steps(self) -> Timing:
        every = np.ones(self.output.beats, dtype=bool)
        last = np.arange(self.output.beats) == self.output.beats - 1
        consumes = tuple(last if waits else every for waits in self.held)
        return Timing(consumes, every, every.astype(np.int64), needs=(every,) * len(self.inputs))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        step = Signal()
        m.d.comb += step.eq(Cat(self.m_room, *(port.tvalid for port in self.inputs)).all())
        ready = step if len(self.inputs) > 1 else self.m_room
        last = self._last(m, step) if any(self.held) else Const(1)
        m.d.comb += [port.tready.eq(ready & last if waits else ready) for port, waits in zip(self.inputs, self.held)]
        m.d.comb += self.m_reserve.eq(step)
        data = Cat(*self._pixels(m))
        m.d.sync += [self.m_tvalid.eq(delay(m, step, self.stages, "valid")), self.m_tdata.eq(data)]
        return m

    def _last(self, m: Module, step: Signal) -> Signal:
        """High in the frame's last step."""
        beats = self.output.beats
        count, last = Signal(range(beats), name="count"), Signal(name="last")
        m.d.comb += last.eq(count == beats - 1)
        with m.If(step):
            m.d.sync += count.eq(Mux(last, 0, count + 1))
        return last

    def _pixels(self, m: Module) -> list[Value]:
        pixels = []
        for lane in range(self.output.lanes):
            parts = [
                self._channels(port.tdata, port.layout, 0 if waits else lane)
                for port, waits in zip(self.inputs, self.held)
            ]
            for c, value in enumerate(self.combine(m, parts, f"{lane}")):
                out = Signal(self.output.type.width, name=f"next_{lane}_{c}")
                m.d.comb += out.eq(value)
                pixels.append(out)
        return pixels

    def _channels(self, data: Value, layout: Layout, lane: int) -> list[Value]:
        return elements(data, layout.type)[lane * layout.channels : (lane + 1) * layout.channels]


class ElementwiseCore(JoinCore):
    """One function of the inputs' elements; an input of one channel meets every channel of the others."""

    def __init__(self, name: str, inputs: tuple[Layout, ...], output_type: Fixed) -> None:
        channels = max(layout.channels for layout in inputs)
        if not {layout.channels for layout in inputs} <= {1, channels}:
            found = ", ".join(str(layout.channels) for layout in inputs)
            raise BitsmithError(f"inputs of {found} channels meet; they must have equally many, or one")
        super().__init__(name, inputs, replace(whole(inputs), channels=channels, type=output_type))

    def element(self, m: Module, values: list[Value], name: str) -> Value:
        """The result, ``stages`` cycles later, from one element of each input."""
        raise NotImplementedError

    def combine(self, m: Module, parts: list[list[Value]], name: str) -> list[Value]:
        channels = range(self.output.channels)
        return [self.element(m, [part[c % len(part)] for part in parts], f"{name}_{c}") for c in channels]


class EntranceCore(JoinCore):
    """One register and a buffer."""

    def combine(self, m: Module, parts: list[list[Value]], name: str) -> list[Value]:
        return parts[0]


def entrance(name: str, layout: Layout) -> EntranceCore:
    """Where an input goes to several layers, or to a layer that has no core of its own."""
    return EntranceCore(name, (layout,), layout)


def whole(layouts: tuple[Layout, ...]) -> Layout:
    """The first of the largest images: as the output is."""
    return max(layouts, key=lambda layout: layout.height * layout.width)


def held(layouts: tuple[Layout, ...]) -> tuple[bool, ...]:
    """Which inputs are one pixel beside a larger image."""
    image = whole(layouts)
    pixels = [layout.height * layout.width for layout in layouts]
    return tuple(n == 1 < image.height * image.width for n in pixels)


def common_lanes(layouts: tuple[Layout, ...]) -> tuple[int, ...]:
    """How many pixels of each input a join takes at once: the most into which every beat can be cut, one of a held."""
    waits = held(layouts)
    lanes = gcd(*(layout.lanes for layout, alone in zip(layouts, waits) if not alone))
    return tuple(1 if alone else lanes for alone in waits)
