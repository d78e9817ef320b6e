"""How long a frame takes on several cores, one step after another or in a pipeline: a simulation of the schedule.

A core has one unit for each network (encoder, hyper encoder, hyper decoder, decoder) and one entropy coder. Patch k
goes to core k mod n and takes its steps in order. Sequential, as in section IV of Mazouz et al. 2025: all cores do the
same step on their patches, and the next step begins when all have done it. Pipelined: a unit takes the oldest patch
that is ready as soon as it is free. A step hands on whole patches, which wait in memory; moving them takes no time.

``python -m bitsmith.models.lic.pipeline encoder=DIR … entropy_coder=CYCLES`` prints the table.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError
from .frames import Patches

ENCODING = ("encoder", "hyper_encoder", "hyper_decoder", "entropy_coder")
"""The scales come from the hyper decoder, so the encoder has one, too."""
DECODING = ("entropy_coder", "hyper_decoder", "entropy_coder", "decoder")
"""First z is decoded, then, with the scales, y: the entropy coder has two steps."""
DIRECTIONS = {"encoder": ENCODING, "decoder": DECODING}
PAPER = {"encoder": {"sequential": 17.3, "pipelined": 43.6}, "decoder": {"sequential": 13.6, "pipelined": 30.5}}
"""Frames a second of Table X, transcribed: student 160, 720p, three DPU cores of a ZCU102."""
FRAMES = 8


@dataclass(frozen=True)
class Step:
    """A patch occupies ``unit`` for ``cycles``; its result is there ``latency`` cycles after the start.

    A streaming core takes its next patch before the last result of this one has left; ``latency`` 0 means ``cycles``.
    """

    unit: str
    cycles: int
    latency: int = 0

    def __post_init__(self) -> None:
        if self.cycles < 1 or self.latency < 0:
            raise BitsmithError(f"{self.unit}: {self.cycles} cycles a patch; give at least 1")
        object.__setattr__(self, "latency", max(self.latency, self.cycles))


@dataclass(frozen=True)
class Job:
    """A patch's step on a core: the unit is taken from ``start`` until ``free``, the result is there at ``end``."""

    patch: int
    step: int
    core: int
    start: int
    free: int
    end: int


@dataclass(frozen=True)
class Schedule:
    """What every unit did, in the order of the starts."""

    steps: tuple[Step, ...]
    cores: int
    jobs: tuple[Job, ...]

    @cached_property
    def makespan(self) -> int:
        """Cycles until the last result."""
        return max(job.end for job in self.jobs)

    @cached_property
    def utilization(self) -> dict[str, float]:
        """Part of the makespan in which the units of a kind, over all cores, are taken."""
        busy = dict.fromkeys((step.unit for step in self.steps), 0)
        for job in self.jobs:
            busy[self.steps[job.step].unit] += job.free - job.start
        return {unit: cycles / (self.makespan * self.cores) for unit, cycles in busy.items()}


@dataclass
class _Run:
    """The simulation's state: events by time, and the patches that wait before each step of each core."""

    steps: tuple[Step, ...]
    cores: int
    events: list[tuple[int, int, int, int]] = field(default_factory=list)
    waiting: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    taken: dict[tuple[int, str], int] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)

    def arrive(self, time: int, patch: int, step: int) -> None:
        heapq.heappush(self.events, (time, 0, patch, step))

    def advance(self) -> int:
        """To the next time at which something happens; results arrive before their next step."""
        time = self.events[0][0]
        while self.events and self.events[0][0] == time:
            _, wake, patch, step = heapq.heappop(self.events)
            if not wake:
                heapq.heappush(self.waiting.setdefault((patch % self.cores, step), []), patch)
        return time

    def dispatch(self, time: int) -> list[Job]:
        """Every free unit takes the oldest patch that waits for it."""
        started = []
        for core in range(self.cores):
            waiting = {step: self.waiting.get((core, step), []) for step in range(len(self.steps))}
            for patch, step in sorted((patches[0], step) for step, patches in waiting.items() if patches):
                if self.taken.get((core, self.steps[step].unit), 0) <= time:
                    heapq.heappop(waiting[step])
                    started.append(self._start(time, patch, step, core))
        return started

    def _start(self, time: int, patch: int, step: int, core: int) -> Job:
        found = self.steps[step]
        job = Job(patch, step, core, time, time + found.cycles, time + found.latency)
        self.taken[core, found.unit] = job.free
        self.jobs.append(job)
        heapq.heappush(self.events, (job.free, 1, patch, step))
        return job


def pipelined(steps: Sequence[Step], cores: int, patches: int) -> Schedule:
    """Every unit works whenever a patch is ready for it."""
    run = _begin(steps, cores, patches)
    for patch in range(patches):
        run.arrive(0, patch, 0)
    while run.events:
        for job in run.dispatch(run.advance()):
            if job.step + 1 < len(run.steps):
                run.arrive(job.end, job.patch, job.step + 1)
    return Schedule(run.steps, cores, tuple(run.jobs))


def sequential(steps: Sequence[Step], cores: int, patches: int) -> Schedule:
    """A patch on each core, and all cores at the same step."""
    run, time = _begin(steps, cores, patches), 0
    for first in range(0, patches, cores):
        for step in range(len(run.steps)):
            for patch in range(first, min(first + cores, patches)):
                run.arrive(time, patch, step)
            time = max(job.end for job in run.dispatch(run.advance()))
            run.events.clear()
    return Schedule(run.steps, cores, tuple(run.jobs))


def _begin(steps: Sequence[Step], cores: int, patches: int) -> _Run:
    if min(len(steps), cores, patches) < 1:
        raise BitsmithError(f"{patches} patches in {len(steps)} steps on {cores} cores; give at least one of each")
    return _Run(tuple(steps), cores)


MODES = {"sequential": sequential, "pipelined": pipelined}


# the table ----------------------------------------------------------------------------------------


def steps_of(units: Sequence[str], cycles: Mapping[str, Step]) -> tuple[Step, ...]:
    """The steps of a direction, from each unit's cycles."""
    missing = [unit for unit in units if unit not in cycles]
    if missing:
        raise BitsmithError(f"no cycles given for {missing[0]}; give {missing[0]}=CYCLES or {missing[0]}=DIR")
    return tuple(cycles[unit] for unit in units)


def from_build(unit: str, folder: Path) -> Step:
    """A network's interval and latency on one patch, as ``bitsmith estimate`` predicts them, for its input's size."""
    from ...gen.resources.estimate import estimate

    found = estimate(folder)
    return Step(unit, found["interval_cycles"], found["latency_cycles"])


def compare(cycles: Mapping[str, Step], cores: int, clock_mhz: float, frame: Patches) -> list[dict[str, Any]]:
    """A row for each direction and mode: frames a second and utilization in ``FRAMES`` frames, beside the paper's.

    Directions of which a unit's cycles are not given are left out; BitsmithError where that leaves none.
    """
    directions = {name: units for name, units in DIRECTIONS.items() if set(units) <= set(cycles)}
    if not directions:
        steps_of(ENCODING, cycles)
    rows = []
    for direction, units in directions.items():
        for mode, simulate in MODES.items():
            schedule = simulate(steps_of(units, cycles), cores, FRAMES * frame.count)
            fps = FRAMES * clock_mhz * 1e6 / schedule.makespan
            row = {"direction": direction, "mode": mode, "fps": fps, "paper_fps": PAPER[direction][mode]}
            rows.append({**row, "makespan": schedule.makespan, "utilization": schedule.utilization})
    return rows


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a table; the paper's figures are of its own cores, so only the ratios can be compared."""
    lines = ["| direction | schedule | frames/s | times sequential | units taken | paper's frames/s | paper's ratio |"]
    lines.append("|---|---|---|---|---|---|---|")
    for row in rows:
        base = next(r for r in rows if (r["direction"], r["mode"]) == (row["direction"], "sequential"))
        units = ", ".join(f"{unit} {share:.0%}" for unit, share in row["utilization"].items())
        ratios = row["fps"] / base["fps"], row["paper_fps"] / base["paper_fps"]
        cells = [row["direction"], row["mode"], f"{row['fps']:.1f}", f"{ratios[0]:.2f}", units]
        lines.append(f"| {' | '.join(cells)} | {row['paper_fps']} | {ratios[1]:.2f} |")
    return "\n".join(lines)


def parse_unit(text: str) -> Step:
    """``encoder=DIR``, ``encoder=CYCLES`` or ``encoder=CYCLES,LATENCY``."""
    unit, equals, value = text.partition("=")
    if not equals or unit not in {*ENCODING, *DECODING}:
        known = ", ".join(dict.fromkeys((*ENCODING, *DECODING)))
        raise BitsmithError(f"'{text}' names no unit; give NAME=CYCLES or NAME=DIR, with one of {known}")
    numbers = value.split(",")
    if all(number.isascii() and number.isdigit() for number in numbers) and len(numbers) <= 2:
        return Step(unit, *map(int, numbers))
    return from_build(unit, Path(value))


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where the table was printed, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="bitsmith.models.lic.pipeline", description=__doc__)
    parser.add_argument("units", nargs="+", metavar="NAME=DIR|CYCLES", help="a build, or cycles a patch")
    parser.add_argument("--cores", type=int, default=3)
    parser.add_argument("--clock", type=float, default=300.0, metavar="MHZ")
    parser.add_argument("--frame", type=int, nargs=2, default=(720, 1280), metavar=("HEIGHT", "WIDTH"))
    given = parser.parse_args(arguments)
    try:
        steps = [parse_unit(text) for text in given.units]
        print(markdown(compare({s.unit: s for s in steps}, given.cores, given.clock, Patches(*given.frame))))
    except BitsmithError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
