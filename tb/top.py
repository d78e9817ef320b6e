"""A whole top: full speed, stalls on both sides, back-to-back frames, reset in mid-frame, TLAST.

The environment names the device: BITSMITH_RTL, the folder with ports.json; BITSMITH_VECTORS, a .npz with
``input_<name>`` and ``output_<name>``, (frames, *shape) raw integers (whole frames of the hardware, where it takes
several sequences side by side); BITSMITH_SEED; where cycles were predicted,
BITSMITH_LATENCY and BITSMITH_INTERVAL; where the top has a threshold, BITSMITH_THRESHOLD.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from bitsmith.hw.sim.ports import Top
from bitsmith.sim.fixed import IntArray
from bitsmith.tb.harness import Harness, Pauses, never, often

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
async def reset_in_mid_frame(dut: Any) -> None:
    """A reset while a frame is half way in, and another while results are on their way out: no trace of them after."""
    frames = vectors()
    harness = await begin(dut, idle=often, back_pressure=often)
    source = harness.sources[0]
    for beats_left in (source.port.beats // 2, 0):
        send(harness, frames, slice(0, 1))
        await harness.until(lambda beats_left=beats_left: len(source.beats) <= beats_left)  # type: ignore[misc]
        await harness.reset()
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
    """An early and a missing tlast set tlast_error, which stays until reset."""
    frames = vectors()
    harness = await begin(dut)
    source = harness.sources[0]
    for wrong in {0, source.port.beats - 1} if source.port.beats > 1 else {0}:
        send(harness, frames, slice(0, 1))
        data, last = source.beats[wrong]
        source.beats[wrong] = data, not last
        await harness.until(lambda: not source.beats)
        for _ in range(8):
            await harness.step()
        assert int(dut.tlast_error.value) == 1, f"a wrong tlast on beat {wrong} went unnoticed"
        await harness.reset()
        await harness.step()
        assert int(dut.tlast_error.value) == 0, "tlast_error outlived the reset"
