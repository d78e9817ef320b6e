"""The bench that every test stands on: clock, reset, AXI4-Stream sources and sinks with pauses, and a checked protocol.

Once a cycle, at the clock's falling edge, every source and sink decides what it drives; when all has settled, the
handshakes that the next rising edge will take are read. Nothing depends on a simulator's order of events.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from ..gen.simulate.ports import ByteArray, Port, Top
from ..sim.fixed import IntArray

Pauses = Callable[[random.Random], Iterator[bool]]


def never(rng: random.Random) -> Iterator[bool]:
    """Never a pause: full speed."""
    while True:
        yield False


def always(rng: random.Random) -> Iterator[bool]:
    """Always a pause."""
    while True:
        yield True


def often(rng: random.Random) -> Iterator[bool]:
    """Runs of pauses and of work whose lengths are random: the pause is mostly short and sometimes long."""
    while True:
        yield from [False] * rng.choice((1, 1, 2, 3, 8))
        yield from [True] * rng.choice((0, 1, 1, 3, 40))


@dataclass
class Source:
    """Offers beats; once offered, a beat stays until it is taken."""

    dut: Any
    port: Port
    pauses: Iterator[bool]
    rng: random.Random
    beats: list[tuple[int, bool]] = field(default_factory=list)
    valid: bool = False

    def send(self, raw: IntArray) -> None:
        """Queue whole frames, (frames, *shape) integers, with random bits where a top must not look."""
        packed = self.port.pack(raw, np.random.default_rng(self.rng.getrandbits(32)))
        for k, beat in enumerate(packed.reshape(-1, self.port.beat_bytes)):
            self.beats.append((int.from_bytes(beat.tobytes(), "little"), (k + 1) % self.port.beats == 0))

    def drive(self) -> None:
        self.valid = self.valid or (bool(self.beats) and not next(self.pauses))
        noise = self.rng.getrandbits(self.port.bits), bool(self.rng.getrandbits(1))
        data, last = self.beats[0] if self.valid else noise
        self._signal("tvalid").value = int(self.valid)
        self._signal("tdata").value = data
        self._signal("tlast").value = int(last)

    def sample(self) -> bool:
        """Whether a beat is taken in this cycle."""
        taken = self.valid and bool(int(self._signal("tready").value))
        if taken:
            self.beats.pop(0)
            self.valid = False
        return taken

    def drop(self) -> None:
        """Forget what was queued."""
        self.beats.clear()
        self.valid = False

    def _signal(self, name: str) -> Any:
        return getattr(self.dut, f"{self.port.prefix}_{name}")


@dataclass
class Sink:
    """Takes beats, and asserts that what is offered stays until it is taken."""

    dut: Any
    port: Port
    pauses: Iterator[bool]
    beats: list[tuple[int, bool]] = field(default_factory=list)
    offered: tuple[int, bool] | None = None
    ready: bool = False

    def drive(self) -> None:
        self.ready = not next(self.pauses)
        self._signal("tready").value = int(self.ready)

    def sample(self) -> bool:
        """Whether a beat is taken in this cycle."""
        valid = bool(int(self._signal("tvalid").value))
        assert valid or self.offered is None, f"{self.port.prefix}_tvalid fell before tready"
        if not valid:
            return False
        beat = int(self._signal("tdata").value), bool(int(self._signal("tlast").value))
        assert self.offered in (None, beat), f"{self.port.prefix}_tdata or tlast changed while waiting"
        self.offered = None if self.ready else beat
        if self.ready:
            self.beats.append(beat)
        return self.ready

    def drop(self) -> None:
        self.beats.clear()
        self.offered = None

    def frames(self) -> IntArray:
        """What was taken, (frames, *shape); asserts whole frames, each with tlast on its last beat and only there."""
        assert len(self.beats) % self.port.beats == 0, f"{len(self.beats)} beats are no whole number of frames"
        lasts = [k for k, (_, last) in enumerate(self.beats) if last]
        ends = list(range(self.port.beats - 1, len(self.beats), self.port.beats))
        assert lasts == ends, f"tlast on beats {lasts}, not on {ends}"
        octets = b"".join(data.to_bytes(self.port.beat_bytes, "little") for data, _ in self.beats)
        beats: ByteArray = np.frombuffer(octets, dtype=np.uint8)
        return self.port.unpack(beats.reshape(-1, self.port.beats, self.port.beat_bytes))

    def _signal(self, name: str) -> Any:
        return getattr(self.dut, f"{self.port.prefix}_{name}")


class Harness:
    """A top between its sources and sinks. ``seed`` makes every pause and every noise bit."""

    def __init__(self, dut: Any, top: Top, seed: int, idle: Pauses = never, back_pressure: Pauses = never) -> None:
        self.dut, self.top = dut, top
        rng = random.Random(seed)
        self.sources = [Source(dut, p, idle(random.Random(rng.random())), rng) for p in top.inputs]
        self.sinks = [Sink(dut, p, back_pressure(random.Random(rng.random()))) for p in top.outputs]
        self.cycle = 0
        self.rng = rng
        cocotb.log.info("seed %d", seed)

    def pace(self, idle: Pauses, back_pressure: Pauses) -> None:
        """Other pauses from now on."""
        for source in self.sources:
            source.pauses = idle(random.Random(self.rng.random()))
        for sink in self.sinks:
            sink.pauses = back_pressure(random.Random(self.rng.random()))

    async def start(self, threshold: int = 0) -> None:
        """Start the clock and reset."""
        self.dut.aresetn.value = 0
        if self.top.threshold is not None:
            self.dut.threshold.value = threshold & ((1 << self.top.threshold) - 1)
        Clock(self.dut.aclk, 10, unit="ns").start()
        await self.reset()

    async def reset(self, cycles: int = 3) -> None:
        """Hold aresetn low; whatever is on its way is lost, here and inside. No output may be valid at its end."""
        for source in self.sources:
            source.drop()
        for k in range(cycles):
            await FallingEdge(self.dut.aclk)
            self.dut.aresetn.value = 0
            for source in self.sources:
                source.drive()
            await ReadOnly()
            for sink in self.sinks:
                valid = getattr(self.dut, f"{sink.port.prefix}_tvalid").value
                assert k == 0 or int(valid) == 0, f"{sink.port.prefix}_tvalid is high in reset"
        for sink in self.sinks:
            sink.drop()
        self.cycle = 0

    async def step(self) -> tuple[bool, bool]:
        """One cycle; whether any input and whether any output beat moved in it."""
        await FallingEdge(self.dut.aclk)
        self.dut.aresetn.value = 1
        for source in self.sources:
            source.drive()
        for sink in self.sinks:
            sink.drive()
        await ReadOnly()
        taken, given = [source.sample() for source in self.sources], [sink.sample() for sink in self.sinks]
        self.cycle += 1
        return any(taken), any(given)

    async def until(self, done: Callable[[], bool], patience: int = 20_000) -> None:
        """Step until ``done``; an assertion after ``patience`` cycles in which no beat moved."""
        quiet = 0
        while not done():
            quiet = 0 if any(await self.step()) else quiet + 1
            assert quiet < patience, f"deadlock: no beat moved for {patience} cycles"

    async def until_still(self) -> None:
        """Step until no beat has moved for so long that nothing moves inside, either."""
        quiet = 0
        while quiet < self.top.still_cycles:
            quiet = 0 if any(await self.step()) else quiet + 1

    async def frames_out(self, count: int) -> None:
        """Step until every sink has ``count`` frames, then a little longer: nothing more may come."""
        await self.until(lambda: all(len(sink.beats) >= count * sink.port.beats for sink in self.sinks))
        for _ in range(64):
            await self.step()
