"""Cycles known before simulation: when every step of every core takes place.

The streaming cores form a timed marked graph: step k of a core starts at the maximum of the times of what it waits
for, plus constants (Baccelli et al., "Synchronization and Linearity", 1992). The least solution is found with
cumulative maxima, repeated until the buffers' limits change nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # a simulator takes the frames to measure from here, and needs no Amaranth
    from ...hw.rtl.core import Timing

Times = NDArray[np.int64]
FRAMES = 4
"""Solved at least."""
MOST_STEPS = 1 << 21
"""Of the longest stage; more are not solved."""


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
    """The times of the first frames, the first input beat coming in cycle 0.

    ``ends``: when each frame's last output beat leaves; ``ends_by_output``: the same for each stage that is an output.
    ``steady``: from the end of which frame to that of which one the interval is taken. ``busy``: cycles that a frame
    keeps each stage occupied.
    """

    depths: dict[tuple[str, int], int]
    ends: tuple[int, ...]
    ends_by_output: dict[str, tuple[int, ...]]
    steady: tuple[int, int]
    busy: dict[str, int]

    @property
    def frames(self) -> int:
        """How many frames were solved."""
        return len(self.ends)

    @property
    def latency(self) -> int:
        """From the first beat's transfer to the last output beat's, both counted."""
        return self.ends[0] + 1

    @property
    def interval(self) -> float:
        """Cycles from frame to frame: the mean, for frames may leave in bursts."""
        return mean_interval(self.ends, self.steady)


def mean_interval(ends: Sequence[int], steady: tuple[int, int]) -> float:
    """The mean cycles from frame to frame between the ends of two frames; an ``int`` where it is whole."""
    first, last = steady
    cycles, frames = ends[last] - ends[first], last - first
    return cycles // frames if cycles % frames == 0 else cycles / frames


def later_half(frames: int) -> tuple[int, int]:
    """The frames that show an interval where nothing else is known: pipelines and buffers fill first."""
    return (frames - 1) // 2, frames - 1


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

        What is outstanding in the steady state of a network without limits whose source is paced: however many frames
        are under way at once. That schedule is admissible with these places, so the network keeps the interval.
        """
        interval = self.interval
        ready = {name: paced(beats, interval) for name, beats in self.inputs.items()}
        steps: dict[str, Times] = {}
        for stage in self.stages:
            steps[stage.name] = steady(stage.timing, [ready[source] for source in stage.sources], interval)
            ready[stage.name] = readable(stage.timing, steps[stage.name], 1)
        depths: dict[tuple[str, int], int] = {}
        by_name = {stage.name: stage for stage in self.stages}
        for stage in self.stages:
            issued = steps[stage.name][stage.timing.emits]
            for reader, port in self.readers[stage.name]:
                taken = pops(by_name[reader].timing, port, steps[reader], 1)
                depths[reader, port] = outstanding(issued, taken, interval)
            if stage.name in self.outputs:
                depths[f"output:{stage.name}", 0] = outstanding(issued, issued + stage.timing.latency, interval)
        return depths

    def settled(self, depths: Mapping[tuple[str, int], int]) -> Schedule:
        """``solve`` over as many frames as it takes until their interval is the network's.

        Frames of a few beats fill pipelines and buffers first. With the buffers of ``depths`` the mean interval comes
        to no other; a network of large frames that takes very long to get there is left after ``MOST_STEPS``.
        """
        frames = FRAMES
        most = MOST_STEPS // max(len(stage.timing.cost) for stage in self.stages)
        while True:
            found = self.solve(depths, frames)
            if found.interval == self.interval or frames >= most:
                return found
            frames *= 2

    def solve(self, depths: Mapping[tuple[str, int], int], frames: int = FRAMES) -> Schedule:
        """The times of the first frames with these buffers, a source that always has a beat and a sink that always
        takes it.
        """
        by_name = {stage.name: stage for stage in self.stages}
        rooms: dict[str, Times] = {}
        steps: dict[str, Times] = {}
        limit = 4 * frames * (self.interval + sum(stage.timing.latency + stage.busy for stage in self.stages))
        while True:
            following = self._forward(frames, rooms)
            if steps and all(np.array_equal(following[name], steps[name]) for name in following):
                return self._result(following, by_name, dict(depths), frames)
            steps = following
            rooms = {stage.name: self._room(stage, steps, by_name, depths, frames) for stage in self.stages}
            if max(int(times[-1]) for times in steps.values()) > limit:
                raise AssertionError("the buffers are too small: the network stops")

    def _forward(self, frames: int, rooms: Mapping[str, Times]) -> dict[str, Times]:
        """Every stage's steps where each has the given room."""
        steps: dict[str, Times] = {}
        ready = {name: np.zeros(beats * frames, dtype=np.int64) for name, beats in self.inputs.items()}
        for stage in self.stages:
            own = [ready[source] for source in stage.sources]
            steps[stage.name] = step_times(stage.timing, own, frames, rooms.get(stage.name))
            ready[stage.name] = readable(stage.timing, steps[stage.name], frames)
        return steps

    def _room(
        self,
        stage: Stage,
        steps: Mapping[str, Times],
        by_name: Mapping[str, Stage],
        depths: Mapping[tuple[str, int], int],
        frames: int,
    ) -> Times:
        emits = int(stage.timing.emits.sum()) * frames
        room = np.zeros(emits, dtype=np.int64)
        for reader, port in self.readers[stage.name]:
            taken = pops(by_name[reader].timing, port, steps[reader], frames)
            depth = depths[reader, port]
            room[depth:] = np.maximum(room[depth:], taken[: max(emits - depth, 0)] + 1)
        if stage.name in self.outputs:
            depth = depths[f"output:{stage.name}", 0]
            taken = readable(stage.timing, steps[stage.name], frames)
            room[depth:] = np.maximum(room[depth:], taken[: max(emits - depth, 0)] + 1)
        return room

    def _result(
        self,
        steps: Mapping[str, Times],
        by_name: Mapping[str, Stage],
        depths: dict[tuple[str, int], int],
        frames: int,
    ) -> Schedule:
        start = min(
            int(pops(by_name[r].timing, p, steps[r], frames)[0]) for n in self.inputs for r, p in self.readers[n]
        )
        each = {name: self._ends(by_name[name], steps[name], frames) - start for name in self.outputs}
        ends = np.max(list(each.values()), axis=0)
        found = {name: tuple(times.tolist()) for name, times in each.items()}
        busy = {stage.name: stage.busy for stage in self.stages}
        return Schedule(depths, tuple(ends.tolist()), found, self._steady(ends), busy)

    def _steady(self, ends: Times) -> tuple[int, int]:
        """The longest part of the later half that ends with the last frame and has the network's interval, if any."""
        first, last = later_half(len(ends))
        passed = np.arange(last - first, 0, -1)  # frames from each one to the last
        on_time = np.flatnonzero(ends[last] - ends[first:last] == passed * self.interval)
        return (first + int(on_time[0]), last) if len(on_time) else (first, last)

    def _ends(self, stage: Stage, steps: Times, frames: int) -> Times:
        """When each frame's last beat is taken from the buffer behind an output's stage."""
        ends: Times = readable(stage.timing, steps, frames).reshape(frames, -1)[:, -1]
        return ends


def steady(timing: Timing, arrivals: Sequence[Times], interval: int) -> Times:
    """The steps of one frame in the steady state, where every input beat comes ``interval`` cycles after that of the
    frame before it.

    A frame keeps the core no longer than the interval, so nothing older than the frame before can hold it up.
    """
    two = [np.concatenate([arrival, arrival + interval]) for arrival in arrivals]
    times: Times = step_times(timing, two, 2)[len(timing.cost) :] - interval
    return times


def paced(beats: int, interval: int) -> Times:
    """A frame's beats spread evenly over the interval."""
    times: Times = np.arange(beats, dtype=np.int64) * interval // beats
    return times


def outstanding(issued: Times, taken: Times, interval: int) -> int:
    """The most beats that are at once issued and not yet taken, where every frame repeats the one before it
    ``interval`` cycles later.

    A place is free again a cycle after its beat is taken. Both are the times of one frame's beats.
    """
    before = max(0, int(taken[-1] - issued[0]) // interval + 2)  # frames that can be under way, and one more
    shifts = np.arange(-before, 1, dtype=np.int64) * interval
    freed = np.searchsorted((shifts[:, None] + taken).ravel(), issued - 1, side="right") - before * len(taken)
    return int((np.arange(len(issued)) - freed).max()) + 1
