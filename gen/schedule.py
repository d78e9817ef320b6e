"""Cycles known before simulation: when every step of every core takes place.

The streaming cores form a timed marked graph: step k of a core starts at the maximum of the times of what it waits
for, plus constants (Baccelli et al., "Synchronization and Linearity", 1992). The least solution is found with
cumulative maxima, repeated until the buffers' limits change nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..hw.rtl.core import Timing

Times = NDArray[np.int64]
FRAMES = 4


@dataclass(frozen=True)
class Stage:
    """A core with its pipeline; ``sources`` names, for each input, the stage or the top-level input it reads."""

    name: str
    timing: Timing
    sources: tuple[str, ...]

    @property
    def busy(self) -> int:
        """Cycles that a frame keeps the core occupied."""
        return int(self.timing.cost.sum())


@dataclass(frozen=True)
class Schedule:
    """``latency``: from the first beat's transfer to the last output beat's, both counted.

    ``ends``: when each frame's last output beat leaves, the first input beat coming in cycle 0; ``ends_by_output``:
    the same for each stage that is an output. ``busy``: cycles that a frame keeps each stage occupied.
    """

    latency: int
    interval: int
    depths: dict[tuple[str, int], int]
    ends: tuple[int, ...]
    ends_by_output: dict[str, tuple[int, ...]]
    busy: dict[str, int]


def step_times(timing: Timing, arrivals: Sequence[Times], frames: int, room: Times | None = None) -> Times:
    """When each step starts, given when each input beat can be read and, for emitting steps, when there is room."""
    cost = np.tile(timing.cost, frames)
    earliest = np.zeros(len(cost), dtype=np.int64)
    for needs, consumes, arrival in zip(timing.needed, timing.consumes, arrivals):
        taken, wanted = np.tile(consumes, frames), np.tile(needs, frames)
        index: Times = np.cumsum(taken) - taken
        earliest[wanted] = np.maximum(earliest[wanted], arrival[index[wanted]])
    if room is not None:
        emits = np.tile(timing.emits, frames)
        earliest[emits] = np.maximum(earliest[emits], room)
    before = np.cumsum(cost) - cost
    times: Times = np.maximum.accumulate(earliest - before) + before
    return times


def readable(timing: Timing, steps: Times, frames: int) -> Times:
    """When each emitted beat can be read behind the core."""
    times: Times = steps[np.tile(timing.emits, frames)] + timing.latency
    return times


def pops(timing: Timing, port: int, steps: Times, frames: int) -> Times:
    """When each beat of an input is taken."""
    times: Times = steps[np.tile(timing.consumes[port], frames)]
    return times


class Network:
    """All stages of a top, in order, with the beats per frame of each top-level input."""

    def __init__(self, inputs: Mapping[str, int], stages: Sequence[Stage], outputs: Sequence[str]) -> None:
        self.inputs, self.stages, self.outputs = dict(inputs), list(stages), list(outputs)
        self.readers: dict[str, list[tuple[str, int]]] = {name: [] for name in [*inputs, *(s.name for s in stages)]}
        for stage in stages:
            for port, source in enumerate(stage.sources):
                self.readers[source].append((stage.name, port))

    @property
    def interval(self) -> int:
        """Cycles from frame to frame that the slowest part allows."""
        return max([*self.inputs.values(), *(stage.busy for stage in self.stages)])

    def depths(self) -> dict[tuple[str, int], int]:
        """Places that each buffer needs (by reader) so that the network keeps its interval.

        What is outstanding when the source is paced.
        """
        interval = self.interval
        arrivals = {n: paced(beats, interval, FRAMES) for n, beats in self.inputs.items()}
        steps = self._forward(arrivals, {})
        depths: dict[tuple[str, int], int] = {}
        by_name = {stage.name: stage for stage in self.stages}
        for stage in self.stages:
            issued = steps[stage.name][np.tile(stage.timing.emits, FRAMES)]
            for reader, port in self.readers[stage.name]:
                taken = pops(by_name[reader].timing, port, steps[reader], FRAMES)
                depths[reader, port] = outstanding(issued, taken)
            if stage.name in self.outputs:
                depths[f"output:{stage.name}", 0] = outstanding(issued, issued + stage.timing.latency)
        return depths

    def _forward(self, arrivals: dict[str, Times], rooms: Mapping[str, Times]) -> dict[str, Times]:
        steps: dict[str, Times] = {}
        ready = dict(arrivals)
        for stage in self.stages:
            own = [ready[source] for source in stage.sources]
            steps[stage.name] = step_times(stage.timing, own, FRAMES, rooms.get(stage.name))
            ready[stage.name] = readable(stage.timing, steps[stage.name], FRAMES)
        return steps

    def solve(self, depths: Mapping[tuple[str, int], int]) -> Schedule:
        """The times with these buffers, a source that always has a beat and a sink that always takes it."""
        by_name = {stage.name: stage for stage in self.stages}
        arrivals = {name: np.zeros(beats * FRAMES, dtype=np.int64) for name, beats in self.inputs.items()}
        rooms: dict[str, Times] = {}
        steps: dict[str, Times] = {}
        limit = 4 * FRAMES * (self.interval + sum(stage.timing.latency + stage.busy for stage in self.stages))
        while True:
            following = self._forward(arrivals, rooms)
            if steps and all(np.array_equal(following[name], steps[name]) for name in following):
                return self._result(following, by_name, dict(depths))
            steps = following
            rooms = {stage.name: self._room(stage, steps, by_name, depths) for stage in self.stages}
            if max(int(times[-1]) for times in steps.values()) > limit:
                raise AssertionError("the buffers are too small: the network stops")

    def _room(
        self,
        stage: Stage,
        steps: Mapping[str, Times],
        by_name: Mapping[str, Stage],
        depths: Mapping[tuple[str, int], int],
    ) -> Times:
        emits = int(stage.timing.emits.sum()) * FRAMES
        room = np.zeros(emits, dtype=np.int64)
        for reader, port in self.readers[stage.name]:
            taken = pops(by_name[reader].timing, port, steps[reader], FRAMES)
            depth = depths[reader, port]
            room[depth:] = np.maximum(room[depth:], taken[: max(emits - depth, 0)] + 1)
        if stage.name in self.outputs:
            depth = depths[f"output:{stage.name}", 0]
            taken = readable(stage.timing, steps[stage.name], FRAMES)
            room[depth:] = np.maximum(room[depth:], taken[: max(emits - depth, 0)] + 1)
        return room

    def _result(
        self, steps: Mapping[str, Times], by_name: Mapping[str, Stage], depths: dict[tuple[str, int], int]
    ) -> Schedule:
        start = min(
            int(pops(by_name[r].timing, p, steps[r], FRAMES)[0]) for n in self.inputs for r, p in self.readers[n]
        )
        each = {name: self._ends(by_name[name], steps[name]) - start for name in self.outputs}
        ends = np.max(list(each.values()), axis=0)
        busy = {stage.name: stage.busy for stage in self.stages}
        found = {name: tuple(times.tolist()) for name, times in each.items()}
        interval = max(int(times[-1] - times[-2]) for times in each.values())
        return Schedule(int(ends[0]) + 1, interval, depths, tuple(ends.tolist()), found, busy)

    def _ends(self, stage: Stage, steps: Times) -> Times:
        """When each frame's last beat is taken from the buffer behind an output's stage."""
        ends: Times = readable(stage.timing, steps, FRAMES).reshape(FRAMES, -1)[:, -1]
        return ends


def paced(beats: int, interval: int, frames: int) -> Times:
    """Beats spread evenly over each interval."""
    one = np.arange(beats, dtype=np.int64) * interval // beats
    times: Times = (np.arange(frames, dtype=np.int64)[:, None] * interval + one).ravel()
    return times


def outstanding(issued: Times, taken: Times) -> int:
    """The most beats that are at once issued and not yet taken, one place being free again a cycle after its beat is
    taken.
    """
    freed = np.searchsorted(taken, issued - 1, side="right")
    return int((np.arange(len(issued)) - freed).max()) + 1
