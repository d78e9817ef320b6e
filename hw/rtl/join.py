"""Several streams taken beat by beat together, and the entrance of a stream that has no core."""

from __future__ import annotations

from dataclasses import replace
from math import gcd
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed
from .core import Core, Timing, delay, elements
from .layout import Layout


class JoinCore(Core):
    """A step takes one beat of every input; a subclass's ``combine`` makes a pixel's channels from the inputs' pixels.

    An input of one pixel, or one pixel a row, beside larger ones is held for the frame or the row. Which inputs fit
    together ``fitting`` says, and brings them there.
    """

    stages = 0
    """Cycles of ``combine``."""

    def __init__(self, name: str, inputs: tuple[Layout, ...], output: Layout) -> None:
        super().__init__(name, inputs, output)
        self.single = tuple(layout.width < output.width for layout in inputs)
        self.serves = tuple(output.beats // layout.beats for layout in inputs)
        """How many of the output's beats each beat of an input is there for."""

    def combine(self, m: Module, parts: list[list[Value]], name: str) -> list[Value]:
        """The output's channels, ``stages`` cycles later, from ``parts[input][channel]`` of one pixel."""
        raise NotImplementedError

    @property
    def latency(self) -> int:
        return 2 + self.stages

    def steps(self) -> Timing:
        every = np.ones(self.output.beats, dtype=bool)
        done = np.arange(1, self.output.beats + 1)
        consumes = tuple(done % serves == 0 for serves in self.serves)
        return Timing(consumes, every, every.astype(np.int64), needs=(every,) * len(self.inputs))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        step = Signal()
        m.d.comb += step.eq(Cat(self.m_room, *(port.tvalid for port in self.inputs)).all())
        ready = step if len(self.inputs) > 1 else self.m_room
        last = {serves: self._last(m, step, serves) for serves in sorted(set(self.serves)) if serves > 1}
        for port, serves in zip(self.inputs, self.serves):
            m.d.comb += port.tready.eq(ready & last[serves] if serves > 1 else ready)
        m.d.comb += self.m_reserve.eq(step)
        data = Cat(*self._pixels(m))
        m.d.sync += [self.m_tvalid.eq(delay(m, step, self.stages, "valid")), self.m_tdata.eq(data)]
        return m

    def _last(self, m: Module, step: Signal, beats: int) -> Signal:
        """High in the last of so many steps."""
        count, last = Signal(range(beats), name=f"count_{beats}"), Signal(name=f"last_{beats}")
        m.d.comb += last.eq(count == beats - 1)
        with m.If(step):
            m.d.sync += count.eq(Mux(last, 0, count + 1))
        return last

    def _pixels(self, m: Module) -> list[Value]:
        pixels = []
        for lane in range(self.output.lanes):
            parts = [
                self._channels(port.tdata, port.layout, 0 if single else lane)
                for port, single in zip(self.inputs, self.single)
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
    """The first of the largest images: as the output is, whose values have no channel's own type."""
    return replace(max(layouts, key=lambda layout: layout.height * layout.width), own=None)


def fitting(layouts: tuple[Layout, ...]) -> tuple[int, ...]:
    """How many pixels of each input a join takes at once: the most that all rows can be cut into, one of a held input.

    BitsmithError where the images do not fit together.
    """
    image = whole(layouts)
    for layout in layouts:
        if layout.height not in (1, image.height) or layout.width not in (1, image.width):
            raise BitsmithError(
                f"an input of {layout.height} x {layout.width} pixels meets one of {image.height} x {image.width}; "
                "they must be equal, or 1 in the place of a size"
            )
    lanes = gcd(*(layout.lanes for layout in layouts if layout.width == image.width))
    return tuple(lanes if layout.width == image.width else 1 for layout in layouts)
