"""The schedule against a simulation of the same rules cycle by cycle, and against figures found by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bitsmith.gen.rtl.schedule import FRAMES, Network, Stage, outstanding, paced
from bitsmith.hw.rtl.core import Timing

Depths = dict[tuple[str, int], int]


def timing(emits: str, latency: int, consumes: tuple[str, ...] = (), needs: tuple[str, ...] = ()) -> Timing:
    """One character a step, '1' where it is so; by default every step takes a beat."""

    def mask(text: str) -> Any:
        return np.array([c == "1" for c in text])

    takes = tuple(mask(text) for text in consumes) or (np.ones(len(emits), dtype=bool),)
    return Timing(takes, mask(emits), np.ones(len(emits), dtype=np.int64), latency, tuple(mask(text) for text in needs))


class Walk:
    """A network one cycle after another: every stage looks at what was registered before the cycle."""

    def __init__(self, network: Network, depths: Depths, frames: int = FRAMES) -> None:
        self.network, self.depths, self.frames = network, depths, frames
        self.next = {stage.name: 0 for stage in network.stages}
        self.free_at = {stage.name: 0 for stage in network.stages}
        self.emitted: dict[str, list[int]] = {stage.name: [] for stage in network.stages}
        self.taken: dict[tuple[str, int], list[int]] = {
            (s.name, port): [] for s in network.stages for port in range(len(s.sources))
        }

    def ends(self) -> dict[str, tuple[int, ...]]:
        """When each frame's last beat leaves each output."""
        steps = {s.name: len(s.timing.cost) * self.frames for s in self.network.stages}
        now = 0
        while any(self.next[name] < count for name, count in steps.items()):
            assert now < 100_000, "the network stops"
            ready = [s for s in self.network.stages if self.next[s.name] < steps[s.name] and self._can(s, now)]
            for stage in ready:
                self._do(stage, now)
            now += 1
        found = {}
        for stage in self.network.stages:
            if stage.name in self.network.outputs:
                times = np.array(self.emitted[stage.name]) + stage.timing.latency
                found[stage.name] = tuple(int(t) for t in times.reshape(self.frames, -1)[:, -1])
        return found

    def _can(self, stage: Stage, now: int) -> bool:
        step = self.next[stage.name] % len(stage.timing.cost)
        if now < self.free_at[stage.name]:
            return False
        for port, source in enumerate(stage.sources):
            if stage.timing.needed[port][step] and not self._readable(source, len(self.taken[stage.name, port]), now):
                return False
        return not stage.timing.emits[step] or self._room(stage, now)

    def _readable(self, source: str, beat: int, now: int) -> bool:
        if source in self.network.inputs:
            return True
        latency = next(s.timing.latency for s in self.network.stages if s.name == source)
        return beat < len(self.emitted[source]) and self.emitted[source][beat] + latency <= now

    def _room(self, stage: Stage, now: int) -> bool:
        sent = len(self.emitted[stage.name])
        for reader in self.network.readers[stage.name]:
            if sent - sum(t < now for t in self.taken[reader]) >= self.depths[reader]:
                return False
        if stage.name in self.network.outputs:
            left = sum(t + stage.timing.latency < now for t in self.emitted[stage.name])
            return sent - left < self.depths[f"output:{stage.name}", 0]
        return True

    def _do(self, stage: Stage, now: int) -> None:
        step = self.next[stage.name] % len(stage.timing.cost)
        for port in range(len(stage.sources)):
            if stage.timing.consumes[port][step]:
                self.taken[stage.name, port].append(now)
        if stage.timing.emits[step]:
            self.emitted[stage.name].append(now)
        self.next[stage.name] += 1
        self.free_at[stage.name] = now + int(stage.timing.cost[step])


def chain(rng: np.random.Generator) -> Network:
    """Two to four stages; each takes all beats of the one before it and sends some."""
    beats, source, stages = int(rng.integers(4, 12)), "x", []
    inputs = {"x": beats}
    for k in range(int(rng.integers(2, 5))):
        flush = int(rng.integers(0, 3))
        consumes = np.arange(beats + flush) < beats
        emits = rng.random(beats + flush) < 0.6
        emits[-1] = True
        cost = np.where(emits, int(rng.integers(1, 4)), 1)
        stages.append(Stage(f"s{k}", Timing((consumes,), emits, cost, int(rng.integers(1, 9))), (source,)))
        beats, source = int(emits.sum()), f"s{k}"
    return Network(inputs, stages, [source])


def short(rng: np.random.Generator) -> Network:
    """Frames of a few beats through stages with long pipelines, which fork, join and end in several outputs."""
    beats = {f"x{k}": int(rng.integers(1, 6)) for k in range(int(rng.integers(1, 3)))}
    inputs, stages = dict(beats), list[Stage]()
    for k in range(int(rng.integers(1, 7))):
        names = list(beats)
        ports = [names[rng.integers(max(0, len(names) - 3), len(names))]]
        ports += [name for name in names if beats[name] == beats[ports[0]] and name != ports[0]][: rng.integers(0, 2)]
        flush = int(rng.integers(0, 3))
        steps = beats[ports[0]] + flush
        emits = rng.random(steps) < rng.choice([0.3, 1.0])
        emits[-1] = True
        takes = (np.arange(steps) < steps - flush,) * len(ports)
        cost = rng.integers(1, rng.choice([2, 4]), steps)
        stages.append(Stage(f"s{k}", Timing(takes, emits, cost, int(rng.integers(1, 60))), tuple(ports)))
        beats[f"s{k}"] = int(emits.sum())
    read = {port for stage in stages for port in stage.sources}
    outputs = [stage.name for stage in stages if stage.name not in read or rng.random() < 0.15]
    return Network({name: count for name, count in inputs.items() if name in read}, stages, outputs)


def skip(latency: int = 9, beats: int = 12) -> Network:
    """A stage, a slow branch beside a direct one, and a join of both."""
    every = "1" * beats
    stages = [
        Stage("fork", timing(every, 2), ("x",)),
        Stage("long", timing(every, latency), ("fork",)),
        Stage("join", timing(every, 2, (every, every)), ("long", "fork")),
    ]
    return Network({"x": beats}, stages, ["join"])


def test_one_stage_by_hand() -> None:
    """Steps in cycles 0 to 3, each beat readable 3 cycles later: the frames end in cycles 6, 10, 14 and 18."""
    network = Network({"x": 4}, [Stage("s", timing("1111", 3), ("x",))], ["s"])
    found = network.solve({("output:s", 0): 4})
    assert (found.latency, found.interval, found.ends) == (7, 4, (6, 10, 14, 18))


def test_a_buffer_of_one_place_by_hand() -> None:
    """A beat leaves 3 cycles after its step and frees its place for the next cycle: a step every 4 cycles."""
    network = Network({"x": 4}, [Stage("s", timing("1111", 3), ("x",))], ["s"])
    found = network.solve({("output:s", 0): 1})
    assert (found.latency, found.interval, found.ends) == (16, 16, (15, 31, 47, 63))


def test_a_step_that_stays_by_hand() -> None:
    """Emitting steps take 3 cycles, the others 1: 2 + 2 * 3 cycles a frame; the last beat is stepped in cycle 5."""
    timed = Timing((np.ones(4, dtype=bool),), np.array([False, True, False, True]), np.array([1, 3, 1, 3]), 2)
    found = Network({"x": 4}, [Stage("s", timed, ("x",))], ["s"]).solve({("output:s", 0): 9})
    assert (found.latency, found.interval) == (5 + 2 + 1, 8)


@pytest.mark.parametrize("seed", range(40))
def test_random_chains_equal_the_walk(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = chain(rng)
    depths = {key: int(rng.integers(1, 5)) for key in network.depths()}
    found = network.solve(depths)
    assert found.ends_by_output == Walk(network, depths).ends()


@pytest.mark.parametrize("seed", range(40))
def test_computed_depths_keep_the_interval_and_equal_the_walk(seed: int) -> None:
    network = chain(np.random.default_rng(1000 + seed))
    depths = network.depths()
    found = network.solve(depths)
    assert found.interval == network.interval
    assert found.ends_by_output == Walk(network, depths).ends()


def test_short_frames_fill_a_long_pipeline() -> None:
    """A beat a frame through 25 cycles: all of them are under way at once, each in a place of its own."""
    network = Network({"x": 1}, [Stage("s", timing("1", 24), ("x",))], ["s"])
    depths = network.depths()
    assert depths == {("output:s", 0): 25}
    found = network.settled(depths)
    assert (found.latency, found.interval) == (25, 1)
    assert found.ends_by_output == Walk(network, depths, found.frames).ends()
    assert network.solve({("output:s", 0): 24}, 100).ends[-1] > network.solve(depths, 100).ends[-1] == 24 + 99


@pytest.mark.parametrize("seed", range(60))
def test_short_frames_settle_at_the_interval(seed: int) -> None:
    """However irregularly frames leave, in the long run they keep the interval."""
    network = short(np.random.default_rng(2000 + seed))
    depths = network.depths()
    found = network.settled(depths)
    assert found.interval == network.interval
    assert found.ends_by_output == Walk(network, depths, found.frames).ends()
    later = np.array(network.solve(depths, 8 * found.frames).ends)
    half = len(later) // 2
    under_way = sum(stage.timing.latency + stage.busy for stage in network.stages)
    assert abs(later[-1] - later[half] - (len(later) - 1 - half) * network.interval) <= under_way


def test_an_interval_is_a_mean_where_frames_leave_in_bursts() -> None:
    """One output before the slow stage, one behind it: a frame ends where its last output does."""
    network = Network(
        {"x": 1},
        [Stage("fast", timing("1", 4), ("x",)), Stage("slow", timing("111", 9, ("001",)), ("fast",))],
        ["fast", "slow"],
    )
    found = network.settled(network.depths())
    assert found.interval == network.interval == 3


@pytest.mark.parametrize("latency", [1, 4, 9, 23])
def test_a_fork_that_joins_has_the_places_it_needs(latency: int) -> None:
    """The direct branch holds what is under way in the long one, and one place fewer costs speed."""
    network = skip(latency)
    depths = network.depths()
    found = network.solve(depths)
    assert found.interval == network.interval == 12
    assert found.ends_by_output == Walk(network, depths).ends()
    assert depths["join", 1] > latency
    tight = {**depths, ("join", 1): depths["join", 1] - 1}
    slower = network.solve(tight)
    assert slower.ends[-1] > found.ends[-1]
    assert slower.ends_by_output == Walk(network, tight).ends()


def test_beats_needed_before_they_are_taken() -> None:
    """A vector sent as three beats: every step needs it, the last one takes it."""
    whole = Stage("whole", timing("001", 2), ("x",))
    spread = Stage("spread", timing("111", 1, ("001",), needs=("111",)), ("whole",))
    network = Network({"x": 3}, [whole, spread], ["spread"])
    found = network.solve(network.depths())
    assert found.ends_by_output == Walk(network, network.depths()).ends()
    assert found.latency == 2 + 2 + 2 + 1 + 1  # step 2, readable at 4, third step at 6, out at 7, both ends counted
    assert found.interval == 3


def test_paced_beats_and_outstanding_ones_by_hand() -> None:
    assert paced(3, 10).tolist() == [0, 3, 6]
    # Beats issued at 0, 1, 2 and taken at 2, 3, 4: the place of the first is free again in cycle 3.
    assert outstanding(np.array([0, 1, 2]), np.array([2, 3, 4]), 100) == 3
    assert outstanding(np.array([0, 5, 10]), np.array([2, 7, 12]), 15) == 1
    # A beat every 3 cycles that stays for 13: issued at 0, 3, 6, 9 and 12, the first place free in cycle 14.
    assert outstanding(np.array([0]), np.array([13]), 3) == 5
