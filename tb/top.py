"""A whole top: full speed, stalls on both sides, full and empty buffers, resets in mid-frame, TLAST.

The environment names the device: BITSMITH_RTL, the folder with ports.json; BITSMITH_VECTORS, a .npz with
``input_<name>`` and ``output_<name>``, (frames, *shape) raw integers (whole frames of the hardware, where it takes
several sequences side by side); BITSMITH_SEED; where cycles were predicted, BITSMITH_LATENCY and BITSMITH_INTERVAL;
where the top has a threshold, BITSMITH_THRESHOLD.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from bitsmith.gen.simulate.ports import Top
from bitsmith.sim.fixed import IntArray
from bitsmith.tb.harness import Harness, Pauses, Source, always, never, often

RESETS = 4
SEED = int(os.environ.get("BITSMITH_SEED", "1"))


def vectors() -> dict[str, IntArray]:
    return dict(np.load(os.environ["BITSMITH_VECTORS"]))


async def begin(dut: Any, seed: int = SEED, idle: Pauses = never, back_pressure: Pauses = never) -> Harness:
    """A harness around the device, out of reset."""
    harness = Harness(dut, Top.load(Path(os.environ["BITSMITH_RTL"])), seed, idle, back_pressure)
    await harness.start(int(os.environ.get("BITSMITH_THRESHOLD", "0")))
    return harness


def send(harness: Harness, frames: dict[str, IntArray], part: slice = slice(None)) -> None:
    for source in harness.sources:
        source.send(frames[f"input_{source.port.name}"][part])


def check(harness: Harness, frames: dict[str, IntArray], part: slice = slice(None)) -> None:
    """Every output integer, and no complaint about the tlast that was sent."""
    for sink in harness.sinks:
        np.testing.assert_array_equal(sink.frames(), frames[f"output_{sink.port.name}"][part])
    assert int(harness.dut.tlast_error.value) == 0, "tlast_error is set though every tlast was right"


async def whole(dut: Any, idle: Pauses, back_pressure: Pauses) -> None:
    """All frames through the device."""
    frames = vectors()
    harness = await begin(dut, idle=idle, back_pressure=back_pressure)
    send(harness, frames)
    await harness.frames_out(harness.top.inputs[0].frames(len(next(iter(frames.values())))))
    check(harness, frames)


@cocotb.test()
async def back_to_back_frames(dut: Any) -> None:
    """Frame after frame at full speed."""
    await whole(dut, never, never)


@cocotb.test()
async def idle_source(dut: Any) -> None:
    """A source that pauses within beats' rows and between frames."""
    await whole(dut, often, never)


@cocotb.test()
async def back_pressure(dut: Any) -> None:
    """A sink that pauses: FIFOs fill, and the input has to wait."""
    await whole(dut, never, often)


@cocotb.test()
async def stalls_on_both_sides(dut: Any) -> None:
    """Both at once."""
    await whole(dut, often, often)


@cocotb.test()
async def full_and_empty_buffers(dut: Any) -> None:
    """A sink that waits until nothing moves any more, and a source that waits until everything is out."""
    once = vectors()
    harness = await begin(dut, back_pressure=always)
    sources = harness.sources
    count = 1 + harness.top.still_cycles // sources[0].port.beats  # of the hardware's frames; more than fit inside
    order = np.resize(np.arange(len(next(iter(once.values())))), count * harness.top.sequences)
    frames = {name: raw[order] for name, raw in once.items()}
    send(harness, frames)
    await harness.until_still()
    begun = max(-(-(count * s.port.beats - len(s.beats)) // s.port.beats) for s in sources)
    for source in sources:  # no more frames than that are wanted
        del source.beats[len(source.beats) - (count - begun) * source.port.beats :]
    harness.pace(always, never)
    await harness.until_still()
    harness.pace(never, never)
    await harness.frames_out(begun)
    check(harness, frames, slice(0, begun * harness.top.sequences))


@cocotb.test()
async def reset_in_mid_frame(dut: Any) -> None:
    """Resets at random beats, at full speed and under stalls: no trace of what was on its way, after any of them."""
    frames = vectors()
    harness = await begin(dut)
    for k in range(RESETS):
        harness.pace(*((never, never), (often, often))[k % 2])
        send(harness, frames)
        source = harness.sources[0]
        left = harness.rng.randrange(len(source.beats))
        await harness.until(lambda source=source, left=left: len(source.beats) <= left)  # type: ignore[misc]
        for _ in range(harness.rng.randrange(8)):
            await harness.step()
        await harness.reset(1 + harness.rng.randrange(3))
    send(harness, frames)
    await harness.frames_out(harness.top.inputs[0].frames(len(next(iter(frames.values())))))
    check(harness, frames)


@cocotb.test()
async def cycles_as_predicted(dut: Any) -> None:
    """Latency, first beat in to last beat out, and the interval between frames are the predicted ones."""
    if "BITSMITH_LATENCY" not in os.environ:
        cocotb.log.info("no prediction was given")
        return
    harness = await begin(dut)
    count = 6 * harness.top.sequences
    frames = {name: np.concatenate([raw] * 4)[:count] for name, raw in vectors().items()}
    send(harness, frames)
    first, ends = -1, list[int]()
    while len(ends) < 6:
        done = [len(sink.beats) // sink.port.beats for sink in harness.sinks]
        taken, _ = await harness.step()
        first = harness.cycle if taken and first < 0 else first
        if min(len(sink.beats) // sink.port.beats for sink in harness.sinks) > min(done):
            ends.append(harness.cycle)
        assert harness.cycle < 1_000_000, "deadlock"
    assert ends[0] - first + 1 == int(os.environ["BITSMITH_LATENCY"])
    assert max(np.diff(ends[2:])) == int(os.environ["BITSMITH_INTERVAL"])


@cocotb.test()
async def wrong_tlast_is_reported(dut: Any) -> None:
    """An early, a missing and a late tlast on any input set tlast_error, not before, and it stays until reset."""
    frames = vectors()
    harness = await begin(dut)
    for source in harness.sources:
        last = source.port.beats - 1
        kinds = [{harness.rng.randrange(last)}, {last}, {last, last + 1}] if last else [{0}]
        for wrong in kinds:
            send(harness, {name: np.concatenate([raw, raw]) for name, raw in frames.items()})
            await _wrong(harness, source, wrong)
            await harness.reset()
            await harness.step()
            assert int(dut.tlast_error.value) == 0, "tlast_error outlived the reset"


async def _wrong(harness: Harness, source: Source, wrong: set[int]) -> None:
    """Turn the tlast of some of the source's beats around."""
    for beat in wrong:
        data, last = source.beats[beat]
        source.beats[beat] = data, not last
    before = len(source.beats) - min(wrong)
    while len(source.beats) >= before:
        await harness.step()
        early = int(harness.dut.tlast_error.value)
        assert early == 0, f"tlast_error is set before a wrong tlast on {source.port.prefix}"
    for _ in range(source.port.beats + 8):
        await harness.step()
        late = int(harness.dut.tlast_error.value)
        assert late == 1, f"a wrong tlast on beats {wrong} of {source.port.prefix} went unnoticed"
