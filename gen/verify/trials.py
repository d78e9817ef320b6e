"""What a simulated top is put through: at full speed, under stalls, after resets, with every buffer full and empty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from ..simulate import verilator
from ..simulate.ports import Port, Top
from ..simulate.simulation import Drive, Run
from .batch import Batch
from .diverge import Divergence, first_difference, locate, named, tensors, wrong_frames
from .job import Job
from .reach.reached import Alone

STALLED_FRAMES = 16
RESETS, FEW_RESETS = 512, 4
TLASTS, FEW_TLASTS = 16, 1
RESET_CYCLES, TLAST_CYCLES = 500_000, 100_000
"""A large network gets fewer resets and wrong tlasts, that they may take about so many cycles."""


class Simulator(Protocol):
    """What every simulator's ``build`` gives."""

    def run(self, inputs: Batch, drive: Drive = ...) -> Run:
        """Integers in, integers and cycles out."""


@dataclass(frozen=True)
class Cycles:
    """What was measured beside what was predicted; ``timed_frames``: so many frames' ends were compared."""

    latency_cycles: int
    interval_cycles: float
    predicted_latency_cycles: int
    predicted_interval_cycles: float
    timed_frames: int
    equal: bool
    """Every output's last beat of each of these frames left in the predicted cycle, too, which the build predicted."""


@dataclass
class Outcome:
    """``compared`` frames; ``mismatches`` of them differ in at least one integer, or never came.

    Where ``required`` is false they are information. ``figures`` has more of each output, where a level has more.
    ``alone``: what layers reached by themselves.
    """

    compared: int
    mismatches: int = 0
    problems: list[str] = field(default_factory=list)
    divergence: Divergence | None = None
    cycles: Cycles | None = None
    required: bool = True
    figures: dict[str, Any] | None = None
    alone: Alone | None = None


def full_speed(job: Job) -> Drive:
    return Drive(threshold=job.threshold, seed=job.seed)


def hardships(job: Job, top: Top, brief: bool = False) -> dict[str, Drive]:
    """The trials beyond full speed, by what ``progress`` says of them; ``brief`` ones for slow simulations."""
    resets = _between(FEW_RESETS, RESET_CYCLES // top.reset_window, FEW_RESETS if brief else RESETS)
    tlasts = _between(FEW_TLASTS, TLAST_CYCLES // (3 * top.input_beats), FEW_TLASTS if brief else TLASTS)
    plain = full_speed(job)
    return {
        f"stalls on both sides, {resets} resets, wrong tlasts": replace(
            plain, stalls=True, resets=resets, wrong_tlasts=tlasts
        ),
        "every buffer filled and drained": replace(plain, holds=True),
    }


def _between(least: int, value: int, most: int) -> int:
    return max(least, min(value, most))


def through(
    level: str, job: Job, top: Top, device: Simulator, frames: int, brief: bool = False, inside: bool = False
) -> Outcome:
    """So many of the hardware's first frames through every hardship, up to the first that shows wrong integers.

    ``inside``: what the layers hand on is compared, too, where the top shows it.
    """
    chosen = varied_first(job, first(job, frames, top))
    outcome = Outcome(len(chosen))
    for what, drive in hardships(job, top, brief).items():
        job.say(f"{level}: {len(chosen)} vectors, {what}")
        found, run = compare(level, job, top, device, replace(drive, traced=inside), chosen)
        if inside and top.inside and found.mismatches == 0:
            found.divergence = wrong_inside(level, job, top, chosen, job.trace(chosen), run)
            found.mismatches = int(found.divergence is not None)
        outcome.problems += [problem for problem in found.problems if problem not in outcome.problems]
        outcome.mismatches, outcome.divergence = found.mismatches, found.divergence
        if found.mismatches:
            break
    return outcome


def first(job: Job, count: int, top: Top | None = None) -> list[int]:
    """The first frames; with a top, so many of the hardware's."""
    return list(range(min(job.frames, count * (top.sequences if top else 1))))


def varied_first(job: Job, frames: list[int]) -> list[int]:
    """The same frames, from the one with the most different values on.

    It comes first after each reset. A uniform one, with which the vectors begin, would hide values in wrong places.
    """
    values = [sum(len(np.unique(raw[frame])) for raw in job.inputs.values()) for frame in frames]
    begin = int(np.argmax(values))
    return frames[begin:] + frames[:begin]


def compare(level: str, job: Job, top: Top, device: Simulator, drive: Drive, frames: list[int]) -> tuple[Outcome, Run]:
    """Some of the job's frames through a device: what came before each reset, and all that came after the last."""
    run = device.run(job.part(frames)[0], drive)
    order = [frames[k] for k in run.shown]
    expected = job.part(order)[1]
    wrong = wrong_frames(expected, run.outputs)
    outcome = Outcome(len(frames), len({order[k] for k in wrong}), list(run.problems))
    if len(run.latencies) > 1:
        outcome.problems.append(f"the first frame after a reset takes {' or '.join(map(str, run.latencies))} cycles")
    if wrong:
        outcome.divergence = _located(level, job, top, drive, order, wrong[0], (expected, run.outputs))
        return outcome, run
    found = wrong_before_reset(top.outputs, job.part(frames)[1], run)
    if found is not None:
        order = [frames[k] for k in found.shown]
        outcome.mismatches = len({order[k] for k in found.wrong})
        outcome.problems.append(f"wrong integers on {found.port.prefix} after reset {found.reset} of {drive.resets}")
        shorter = replace(drive, resets=found.reset)
        outcome.divergence = _located(level, job, top, shorter, order, found.wrong[0], found.outputs)
    return outcome, run


@dataclass(frozen=True)
class Aborted:
    """What is wrong at ``port`` before a reset with ``reset`` others before it; ``wrong`` are places in ``shown``."""

    reset: int
    port: Port
    shown: list[int]
    wrong: list[int]
    outputs: tuple[Batch, Batch]


def wrong_before_reset(ports: Iterable[Port], expected: Batch, run: Run) -> Aborted | None:
    """The first difference in what came before the resets; ``expected`` has the frames that were given."""
    every = list(ports) if run.aborted else []
    whole = {port.prefix: port.pack(expected[port.name]).reshape(-1, port.beat_bytes) for port in every}
    for k, beats in enumerate(run.aborted):
        for port in every:
            octets, right = beats[port.prefix], expected[port.name]
            if np.array_equal(octets, np.resize(whole[port.prefix], octets.shape)):  # nearly always
                continue
            shown = port.shown(len(right), -(-len(octets) // port.beats))
            if len(shown):
                outputs = {port.name: right[shown]}, {port.name: port.completed(octets, right[shown])}
                wrong = wrong_frames(*outputs)
                if wrong:
                    return Aborted(k, port, [int(place) for place in shown], wrong, outputs)
    return None


def look_inside(level: str, job: Job, top: Top, frames: list[int]) -> Divergence | None:
    """The first layer that is wrong anywhere, at full speed or through hardships, whatever the outputs say."""
    twin, inputs = verilator.build(top.traced(), job.sim), job.part(frames)[0]
    expected = job.trace(frames)
    for drive in (full_speed(job), *hardships(job, top).values()):
        found = wrong_inside(level, job, top, frames, expected, twin.run(inputs, drive))
        if found is not None:
            return found
    return None


def wrong_inside(level: str, job: Job, top: Top, frames: list[int], expected: Batch, run: Run) -> Divergence | None:
    """The first layer that is wrong in a run of some frames, after the last reset or before one."""
    shown = {name: raw[run.shown] for name, raw in expected.items()}
    found = first_difference(tensors(job.graph), shown, run.traces)
    if found is not None:
        return named(level, job.graph, found, frames[run.shown[found.frame]])
    aborted = wrong_before_reset(top.traces, expected, run)
    if aborted is None:
        return None
    found = first_difference([aborted.port.name], *aborted.outputs)
    assert found is not None, "it differs"
    return named(level, job.graph, found, frames[aborted.shown[found.frame]])


def _located(
    level: str, job: Job, top: Top, drive: Drive, order: list[int], place: int, outputs: tuple[Batch, Batch]
) -> Divergence:
    """The first layer that is wrong in the frame at ``place`` of what came out, driven again in the tracing twin."""
    job.say(f"{level}: looking for the first layer that differs")

    def traced(places: list[int]) -> tuple[Batch, Batch]:
        chosen = [order[k] for k in places]
        twin = verilator.build(top.traced(), job.sim)
        return job.trace(chosen), twin.run(job.part(chosen)[0], replace(drive, traced=True)).traces

    found = locate(level, job.graph, place, outputs, traced)
    return replace(found, frame=order[found.frame])
