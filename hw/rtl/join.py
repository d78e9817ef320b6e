"""Several streams taken beat by beat together.

What add and concatenate share, and the entrance of a stream that has no core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value

from .core import Core, Timing, elements
from .layout import Layout


class JoinCore(Core):
    """A step takes one beat of every input; ``combine`` makes a pixel's channels from those of the inputs' pixels."""

    def __init__(
        self, name: str, inputs: tuple[Layout, ...], output: Layout, combine: Callable[[list[list[Value]]], list[Value]]
    ) -> None:
        super().__init__(name, inputs, output)
        self.combine = combine

    latency = 2

    def steps(self) -> Timing:
        ones = np.ones(self.output.beats, dtype=bool)
        return Timing((ones,) * len(self.inputs), ones, ones.astype(np.int64))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        step = Signal()
        m.d.comb += step.eq(Cat(self.m_room, *(port.tvalid for port in self.inputs)).all())
        m.d.comb += [port.tready.eq(step if len(self.inputs) > 1 else self.m_room) for port in self.inputs]
        m.d.comb += self.m_reserve.eq(step)
        m.d.sync += [self.m_tvalid.eq(step), self.m_tdata.eq(Cat(*self._pixels(m)))]
        return m

    def _pixels(self, m: Module) -> list[Value]:
        pixels = []
        for lane in range(self.output.lanes):
            parts = [self._channels(port.tdata, port.layout, lane) for port in self.inputs]
            for c, value in enumerate(self.combine(parts)):
                out = Signal(self.output.type.width, name=f"next_{lane}_{c}")
                m.d.comb += out.eq(value)
                pixels.append(out)
        return pixels

    def _channels(self, data: Value, layout: Layout, lane: int) -> list[Value]:
        return elements(data, layout.type)[lane * layout.channels : (lane + 1) * layout.channels]


def entrance(name: str, layout: Layout) -> JoinCore:
    """One register and a buffer: where an input goes to several layers, or to a layer that has no core of its own."""
    return JoinCore(name, (layout,), layout, lambda parts: parts[0])
