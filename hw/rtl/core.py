"""What every streaming core is: ports, one frame's timing, and the modules that it is made of.

How it stands in the network, its module says in a role (``role.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Elaboratable, Module, Signal, Value, signed, unsigned
from numpy.typing import NDArray

from ...sim.fixed import Fixed
from .layout import Layout

NOTE = "note"
"""The attribute of a signal or a memory that says what it is: a comment in front of it in the Verilog."""
HANDSHAKE = (
    "Beats are taken under tvalid and tready. m_room: the buffer behind has a free place. m_reserve: a step was taken "
    "whose beat takes that place, and comes at m_tvalid a fixed number of cycles later. No step that emits is taken "
    "while m_room is low, so the pipeline behind the step never stalls."
)


@dataclass(frozen=True)
class Timing:
    """What a core does with one frame, step by step; nothing in it depends on the data.

    A step takes place when every input it needs is there, ``cost`` cycles after the step before it at the earliest,
    and, where it emits, when there is room behind the core. ``consumes`` takes the beat; a step may need a beat that a
    later one consumes (``needs``; by default they are the same). What it emits can be read from the buffer behind the
    core ``latency`` cycles later.
    """

    consumes: tuple[NDArray[np.bool_], ...]
    emits: NDArray[np.bool_]
    cost: NDArray[np.int64]
    latency: int = 0
    needs: tuple[NDArray[np.bool_], ...] = ()

    def delayed(self, cycles: int) -> Timing:
        """The same steps with a longer pipeline behind them."""
        return replace(self, latency=self.latency + cycles)

    @property
    def needed(self) -> tuple[NDArray[np.bool_], ...]:
        return self.needs or self.consumes


class InPort:
    """A stream into a core."""

    def __init__(self, layout: Layout, prefix: str) -> None:
        self.layout = layout
        self.tvalid = Signal(name=f"{prefix}_tvalid")
        self.tready = Signal(name=f"{prefix}_tready")
        self.tdata = Signal(layout.bits, name=f"{prefix}_tdata")

    def signals(self) -> Iterator[Signal]:
        yield from (self.tvalid, self.tready, self.tdata)


class Hardware(Elaboratable):
    """A module; planning makes many that are never built, which is no mistake."""

    _MustUse__silence = True

    def about(self) -> str:
        """What the module does, for who reads the Verilog."""
        return ""


class Core(Hardware):
    """A streaming core: beats in under valid/ready, beats out whenever ``m_room`` was granted.

    The pipeline behind the ports never stalls. ``m_reserve`` tells the buffer behind the core that a step was taken
    whose beat will come; the core takes such a step only while ``m_room`` is high.
    """

    reuse: int = 1
    """Cycles for which a step's arithmetic is taken."""

    def __init__(self, name: str, inputs: tuple[Layout, ...], output: Layout) -> None:
        self.name = name
        prefixes = ["s"] if len(inputs) == 1 else [f"s{k}" for k in range(len(inputs))]
        self.inputs = tuple(InPort(layout, prefix) for layout, prefix in zip(inputs, prefixes))
        self.output = output
        self.m_room = Signal()
        self.m_reserve = Signal()
        self.m_tvalid = Signal()
        self.m_tdata = Signal(output.bits)

    def ports(self) -> list[Signal]:
        ins = [signal for port in self.inputs for signal in port.signals()]
        return [*ins, self.m_room, self.m_reserve, self.m_tvalid, self.m_tdata]

    def about(self) -> str:
        return HANDSHAKE

    def kernels(self) -> dict[str, Any]:
        """Modules that the core instantiates by name, each with a ``ports()`` of its own."""
        return {}

    def repeated(self) -> list[str]:
        """Those of which there are several instances."""
        return list(self.kernels()) if self.output.lanes > 1 else []

    def probes(self) -> Mapping[str, tuple[Signal, Signal, Layout]]:
        """(data, valid, layout) of every tensor inside of a step that the tracing top shows."""
        return {}

    @property
    def recurrence(self) -> int:
        """Cycles from a step to the next one that needs its result; 0 where none does."""
        return 0

    @property
    def wait(self) -> int:
        """Cycles for which the arithmetic waits for that result after the last beat of each step."""
        return 0

    @property
    def latency(self) -> int:
        """Cycles from a step to the moment when its beat can be read behind the core's buffer."""
        raise NotImplementedError

    def steps(self) -> Timing:
        """The steps of a frame; their latency is left at 0, for it may be costly to know."""
        raise NotImplementedError

    def timing(self) -> Timing:
        return self.steps().delayed(self.latency)


class Pointwise(Hardware):
    """A module that follows a core: one beat in, the beat out ``latency`` cycles later, never stalling."""

    latency = 1

    def __init__(self, name: str, layout: Layout, output_type: Fixed) -> None:
        self.name = name
        self.layout = layout
        self.output = layout.with_type(output_type)
        self.i_tvalid = Signal()
        self.i_tdata = Signal(self.layout.bits)
        self.o_tvalid = Signal()
        self.o_tdata = Signal(self.output.bits)

    def ports(self) -> list[Signal]:
        return [self.i_tvalid, self.i_tdata, self.o_tvalid, self.o_tdata]


class OfPixels(Pointwise):
    """A function of each pixel's channels, ``latency`` cycles from its input to its output."""

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        channels = self.layout.channels
        values = elements(self.i_tdata, self.layout.type)
        pixels = [self._pixel(m, values[k : k + channels], k) for k in range(0, len(values), channels)]
        m.d.comb += [self.o_tvalid.eq(delay(m, self.i_tvalid, self.latency, "valid")), self.o_tdata.eq(Cat(*pixels))]
        return m

    def _pixel(self, m: Module, xs: list[Value], k: int) -> Value:
        """The result of the pixel whose channels are ``xs``; ``k`` counts the elements before it."""
        raise NotImplementedError


def noted(signal: Signal, text: str) -> Signal:
    """The signal with a comment in front of it in the Verilog."""
    signal.attrs[NOTE] = text
    return signal


def elements(data: Value, type_: Fixed) -> list[Value]:
    """The beat's elements as numbers."""
    width = type_.width
    parts = [data[k : k + width] for k in range(0, len(data), width)]
    return [part.as_signed() for part in parts] if type_.signed else parts


def packed(layout: Layout, data: Value) -> Value:
    """The bits of a beat that a buffer must keep (``Layout.stored``)."""
    if layout.kept is None:
        return data
    parts = []
    for k, value in enumerate(elements(data, layout.type)):
        own = layout.kept[k % layout.channels]
        if own is not None:
            low = layout.type.fraction - own.fraction
            parts.append(value[low : low + own.width])
    return Cat(*parts)


def unpacked(layout: Layout, data: Value) -> Value:
    """The beat of ``packed``."""
    if layout.kept is None:
        return data
    at, parts = 0, []
    for k in range(layout.elements):
        own = layout.kept[k % layout.channels]
        if own is None:
            parts.append(Const(0, layout.type.width))
            continue
        low = layout.type.fraction - own.fraction
        part, above = data[at : at + own.width], layout.type.width - low - own.width
        sign = part[-1].replicate(above) if own.signed else Const(0, above)
        parts.append(Cat(Const(0, low), part, sign))
        at += own.width
    return Cat(*parts)


def shape_of(type_: Fixed) -> Any:
    return signed(type_.width) if type_.signed else unsigned(type_.width)


def delay(m: Any, value: Value, cycles: int, name: str) -> Value:
    """The value, ``cycles`` registers later."""
    for k in range(cycles):
        # One bit says that a beat is there: a reset must clear it, or the beat comes out after the reset.
        register = Signal(value.shape(), name=f"{name}_{k + 1}", reset_less=len(value) > 1)
        m.d.sync += register.eq(value)
        value = register
    return value
