"""A cocotb bench for a top made by Bitsmith: AXI4-Stream in, AXI4-Stream out, every integer compared.

It needs cocotb 2, numpy and a simulator. `make` in this folder runs it; the Makefile names the files and the options.
`ports.json` beside the Verilog describes the streams, `input_<name>.npy` and `output_<name>.npy` are what goes in and
what must come out: raw integers, (vectors, *shape).

How a tensor travels: an image goes row by row, `lanes` pixels in each beat, pixel 0 in the lowest bits, the channels of
a pixel side by side. A row starts a new beat; lanes behind its end are void. Every element takes `container` bits,
sign- or zero-extended. A recurrent network takes `sequences` vectors in a frame: every one's first step, then every
one's second. `tlast` marks a frame's last beat. `Port.place` says the same in code.

Every check is made when a beat is transferred, so a waveform ends where the first error is.
"""

from __future__ import annotations

import functools
import json
import os
import random
from collections import deque
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.simtime import get_sim_time
from cocotb.triggers import RisingEdge

RTL = Path(os.environ.get("RTL", "../rtl"))
VECTORS = Path(os.environ.get("VECTORS", "../vectors"))
PORTS = json.loads((RTL / "ports.json").read_text())
FRAMES = int(os.environ.get("FRAMES", "4"))
"""Frames in each test. Where there are more than vectors, these come over and over."""
PERIOD = 10
"""Of the clock, in nanoseconds."""
INPUT_BEATS = sum(entry["beats"] for entry in PORTS["inputs"])
INTERVAL = max(ends[-1] - ends[-2] for ends in PORTS["frame_ends"].values())
"""Cycles from frame to frame at full speed."""
STILL = 64 + PORTS["quiet_cycles"]
"""After so many cycles without a transfer nothing moves inside, either."""
PATIENCE = 10_000 + 4 * (PORTS["quiet_cycles"] + INPUT_BEATS)
"""So many cycles without a transfer are a deadlock, whatever pauses the streams make."""

Pauses = Iterator[bool]


def never() -> Pauses:
    """Full speed."""
    return repeat(False)


def always() -> Pauses:
    """Nothing but pause."""
    return repeat(True)


def often() -> Pauses:
    """Pauses of random length between short runs of work: mostly short ones, and some that fill the buffers."""
    while True:
        yield from repeat(False, random.choice((1, 1, 2, 3, 8)))
        yield from repeat(True, random.choice((0, 1, 1, 3, 40)))


def cycle() -> int:
    """The number of this clock cycle."""
    return round(get_sim_time("ns") / PERIOD)


def number(signal: Any) -> int:
    """A signal's value before the clock's edge; an error where a bit of it is unknown."""
    value = signal.value
    assert value.is_resolvable, f"{signal._name} has unknown bits: {value}"
    return int(value)


class Port:
    """One AXI4-Stream: its signals, its vectors, and which element stands where in its beats."""

    def __init__(self, dut: Any, entry: dict[str, Any], kind: str) -> None:
        self.clock = dut.aclk
        self.name, self.prefix = entry["name"], entry["prefix"]
        signals = (getattr(dut, f"{self.prefix}_{name}") for name in ("tdata", "tvalid", "tready", "tlast"))
        self.tdata, self.tvalid, self.tready, self.tlast = signals
        self.height, self.width, self.channels, self.lanes = entry["layout"]
        self.beats, self.elements, self.sequences = entry["beats"], entry["elements"], entry["sequences"]
        self.signed, self.bits, self.octets = entry["signed"], entry["width"], entry["container"] // 8
        self.shape = entry["shape"]
        self.vectors = np.load(VECTORS / f"{kind}_{self.name}.npy")
        self.count = 0
        """Beats transferred since the reset."""
        self.frames = 0
        """Frames that were sent, or must come, since the reset."""

    def place(self, frame: int, beat: int, element: int) -> tuple[int, int] | None:
        """The vector that an element of a beat belongs to, and its index in it, flattened; None in a void lane."""
        row, group = divmod(beat, self.beats // self.height)
        lane, channel = divmod(element, self.channels)
        column = group * self.lanes + lane
        if column >= self.width:
            return None
        if self.sequences:
            vector, index = frame * self.sequences + column, row * self.channels + channel
        else:
            vector, index = frame, (row * self.width + column) * self.channels + channel
        return vector % len(self.vectors), index

    def value(self, place: tuple[int, int]) -> int:
        """What the vectors hold at a place."""
        vector, index = place
        return int(self.vectors[vector].flat[index])


class Source(Port):
    """Offers beats. Once offered, a beat stays until it is taken; while none is, tdata and tlast are noise."""

    def __init__(self, dut: Any, entry: dict[str, Any]) -> None:
        super().__init__(dut, entry, "input")
        self.pauses = never()
        self.queue: deque[tuple[int, bool]] = deque()
        self.first = -1
        """The cycle of the first transfer."""

    def send(self, frames: int) -> None:
        """Queue whole frames, from the vector on that the last ones ended with."""
        for frame in range(self.frames, self.frames + frames):
            for beat in range(self.beats):
                self.queue.append((self.packed(frame, beat), beat == self.beats - 1))
        self.frames += frames

    def packed(self, frame: int, beat: int) -> int:
        """The bits of a beat. What the top must ignore is random: void lanes, and the bits above an element's own."""
        data, own = b"", (1 << self.bits) - 1
        for element in range(self.elements):
            word, place = random.getrandbits(8 * self.octets), self.place(frame, beat, element)
            if place is not None:
                word = (word & ~own) | (self.value(place) & own)
            data += word.to_bytes(self.octets, "little")
        return int.from_bytes(data, "little")

    async def run(self) -> None:
        while True:
            offered = bool(self.queue) and not next(self.pauses)
            noise = random.getrandbits(8 * self.octets * self.elements), bool(random.getrandbits(1))
            self.tdata.value, self.tlast.value = self.queue[0] if offered else noise
            self.tvalid.value = offered
            await RisingEdge(self.clock)
            if offered:
                while not number(self.tready):
                    await RisingEdge(self.clock)
                self.queue.popleft()
                self.first = self.first if self.count else cycle()
                self.count += 1


class Sink(Port):
    """Takes beats and holds them to the vectors. What is offered must stay as it is until it is taken."""

    def __init__(self, dut: Any, entry: dict[str, Any]) -> None:
        super().__init__(dut, entry, "output")
        self.pauses = never()
        self.ends: list[int] = []
        """The cycle of each frame's last beat."""

    async def run(self) -> None:
        waiting = None
        while True:
            ready = not next(self.pauses)
            self.tready.value = ready
            await RisingEdge(self.clock)
            if not number(self.tvalid):
                assert waiting is None, f"{self.prefix}_tvalid fell before {self.prefix}_tready rose"
                continue
            beat = number(self.tdata), number(self.tlast)
            assert waiting in (None, beat), f"{self.prefix}_tdata or tlast changed while waiting for tready"
            waiting = None if ready else beat
            if ready:
                self.take(*beat)

    def take(self, data: int, last: int) -> None:
        """Compare a beat with what the vectors hold."""
        frame, beat = divmod(self.count, self.beats)
        assert frame < self.frames, f"{self.prefix} gives a beat more than the {self.frames} frames that went in"
        octets = data.to_bytes(self.elements * self.octets, "little")
        for element in range(self.elements):
            place = self.place(frame, beat, element)
            if place is not None:
                word = octets[element * self.octets : (element + 1) * self.octets]
                found, expected = int.from_bytes(word, "little", signed=self.signed), self.value(place)
                assert found == expected, self.mismatch(frame, *place, expected, found)
        whole = beat == self.beats - 1
        assert last == whole, f"{self.prefix}_tlast is {last} on beat {beat} of frame {frame}, which has {self.beats}"
        self.count += 1
        if whole:
            self.ends.append(cycle())

    def mismatch(self, frame: int, vector: int, index: int, expected: int, found: int) -> str:
        element = [int(k) for k in np.unravel_index(index, self.shape)]
        place = f"output '{self.name}', frame {frame} (vector {vector}), element {element}"
        return f"{place}: expected {expected}, found {found}"


class Bench:
    """The top between its sources and sinks."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.sources = [Source(dut, entry) for entry in PORTS["inputs"]]
        self.sinks = [Sink(dut, entry) for entry in PORTS["outputs"]]
        self.streams: list[Source | Sink] = [*self.sources, *self.sinks]
        self.running: list[Any] = []
        self.quiet = 0
        if PORTS["threshold"] is not None:
            dut.threshold.value = PORTS["default_threshold"] & ((1 << PORTS["threshold"]) - 1)
        Clock(dut.aclk, PERIOD, unit="ns").start()

    async def reset(self, cycles: int = 3) -> None:
        """Hold aresetn low: whatever is on its way is lost, and from the next cycle on no output is valid."""
        for task in self.running:
            task.cancel()
        self.dut.aresetn.value = 0
        for source in self.sources:
            source.tvalid.value = 0
            source.queue.clear()
        for sink in self.sinks:
            sink.tready.value = 1
            sink.ends = []
        await self.step()
        for _ in range(cycles - 1):
            await self.step()
            for sink in self.sinks:
                assert not number(sink.tvalid), f"{sink.prefix}_tvalid is high in reset"
        self.dut.aresetn.value = 1
        for port in self.streams:
            port.count = port.frames = 0
        self.running = [cocotb.start_soon(port.run()) for port in self.streams]

    def pace(self, source: Callable[[], Pauses], sink: Callable[[], Pauses]) -> None:
        """How the streams pause from now on."""
        for one in self.sources:
            one.pauses = source()
        for other in self.sinks:
            other.pauses = sink()

    def send(self, frames: int) -> None:
        """Queue frames on every input, and expect as many on every output."""
        for source in self.sources:
            source.send(frames)
        for sink in self.sinks:
            sink.frames += frames

    @property
    def moved(self) -> int:
        """Beats transferred on all streams."""
        return sum(port.count for port in self.streams)

    def took(self, beats: int) -> bool:
        """Whether the top has taken so many beats since the reset."""
        return sum(source.count for source in self.sources) >= beats

    async def step(self) -> None:
        """One cycle. ``quiet`` counts those in a row without a transfer."""
        moved = self.moved
        await RisingEdge(self.dut.aclk)
        self.quiet = 0 if self.moved != moved else self.quiet + 1

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until ``done``; an error where nothing moves for so long that nothing will."""
        self.quiet = 0
        while not done():
            counts = (f"{p.prefix} moved {p.count} beats, {p.beats} a frame" for p in self.streams)
            assert self.quiet < PATIENCE, f"nothing moves for {PATIENCE} cycles: {'; '.join(counts)}"
            await self.step()

    async def until_still(self) -> None:
        """Wait until nothing has moved for so long that nothing moves inside, either."""
        self.quiet = 0
        while self.quiet < STILL:
            await self.step()

    async def finish(self) -> None:
        """Wait for all that was sent, then a little longer: nothing more may come, and every tlast was right."""
        await self.until(lambda: all(len(sink.ends) == sink.frames for sink in self.sinks))
        for _ in range(64):
            await self.step()
        assert not number(self.dut.tlast_error), "tlast_error is set though every tlast was right"


async def started(dut: Any, source: Callable[[], Pauses] = never, sink: Callable[[], Pauses] = never) -> Bench:
    """A bench out of reset."""
    bench = Bench(dut)
    bench.pace(source, sink)
    await bench.reset()
    return bench


@cocotb.test()
async def full_speed(dut: Any) -> None:
    """Frame after frame without a pause; every frame ends in the cycle that ports.json predicts."""
    bench = await started(dut)
    bench.send(FRAMES)
    await bench.finish()
    start = min(source.first for source in bench.sources)
    for sink in bench.sinks:
        predicted = PORTS["frame_ends"][sink.name][:FRAMES]
        ends = [end - start for end in sink.ends][: len(predicted)]
        later = (len(ends) - 1) // 2
        interval = (ends[-1] - ends[later]) / (len(ends) - 1 - later) if len(ends) > 1 else "unknown"
        cocotb.log.info("%s: latency %d cycles, interval %s cycles", sink.prefix, ends[0] + 1, interval)
        assert ends == predicted, f"{sink.prefix}: frames end in cycles {ends}, predicted were {predicted}"


@cocotb.test()
async def idle_source(dut: Any) -> None:
    """The sources pause within rows and between frames."""
    bench = await started(dut, source=often)
    bench.send(FRAMES)
    await bench.finish()


@cocotb.test()
async def back_pressure(dut: Any) -> None:
    """The sinks pause: buffers fill, and the inputs have to wait."""
    bench = await started(dut, sink=often)
    bench.send(FRAMES)
    await bench.finish()


@cocotb.test()
async def stalls_on_both_sides(dut: Any) -> None:
    """Both at once."""
    bench = await started(dut, source=often, sink=often)
    bench.send(FRAMES)
    await bench.finish()


@cocotb.test()
async def full_and_empty_buffers(dut: Any) -> None:
    """The sinks wait until no input is taken any more, then the sources wait until everything is out."""
    bench = await started(dut, sink=always)
    bench.send(2 + PORTS["quiet_cycles"] // INTERVAL)
    await bench.until_still()
    while not any(source.queue for source in bench.sources):
        bench.send(1)
        await bench.until_still()
    bench.pace(always, never)
    await bench.until_still()
    bench.pace(never, never)
    await bench.finish()


@cocotb.test()
async def reset_in_mid_frame(dut: Any) -> None:
    """Resets at random beats, at full speed and under stalls: no trace of what was on its way, after any of them."""
    bench = await started(dut)
    for pauses in (never, often, never, often):
        bench.pace(pauses, pauses)
        bench.send(2)
        beats = random.randrange(1, 2 * INPUT_BEATS)
        await bench.until(functools.partial(bench.took, beats))
        for _ in range(random.randrange(8)):
            await bench.step()
        await bench.reset(random.choice((1, 2, 3)))
    bench.pace(never, never)
    bench.send(FRAMES)
    await bench.finish()


@cocotb.test()
async def wrong_tlast_is_reported(dut: Any) -> None:
    """An early, a missing and a late tlast on any input set tlast_error, not before, and it stays until the reset."""
    bench = await started(dut)
    for source in bench.sources:
        end = source.beats - 1
        for wrong in [{random.randrange(end)}, {end}, {end, end + 1}] if end else [{0}]:
            bench.send(2)
            for beat in wrong:
                data, last = source.queue[beat]
                source.queue[beat] = data, not last
            while source.count <= min(wrong):
                assert not number(dut.tlast_error), f"tlast_error is set before a wrong tlast on {source.prefix}"
                await bench.step()
            for _ in range(source.beats):
                await bench.step()
                assert number(dut.tlast_error), f"a wrong tlast on {source.prefix}, beats {wrong}, went unnoticed"
            await bench.reset()
            await bench.step()
            assert not number(dut.tlast_error), "tlast_error outlived the reset"
