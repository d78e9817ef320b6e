"""The points of one step: their names, which of them some frames reach, and how far the others are away."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..rounding import IntArray
from ..watch import Decided, Divided, Limited, LookedUp, Rounded, Split, Step
from .bound import Bound
from .targets import Target, targets

BoolArray = NDArray[np.bool_]
NEVER = np.iinfo(np.int64).max


class Points(ABC):
    """Of a step whose values come as (frames, places, channels)."""

    count: int

    @abstractmethod
    def names(self, points: IntArray) -> list[str]:
        """Some points in words, those that are alike in one."""

    @abstractmethod
    def hits(self, values: IntArray) -> BoolArray:
        """(frames, points): which points each frame reaches."""

    @abstractmethod
    def errors(self, values: IntArray, points: IntArray) -> IntArray:
        """(frames, len(points)): what each frame lacks to some points, at the place that is nearest; 0 at them."""

    def possible(self, bound: Bound | None) -> BoolArray:
        """(points,): all but those that no value within ``bound`` reaches."""
        return np.ones(self.count, dtype=bool)


@dataclass(frozen=True)
class ChannelPoints(Points):
    """Targets of every channel by itself: hardware computes each by logic of its own."""

    targets: tuple[Target, ...]
    channels: int

    @property
    def count(self) -> int:  # type: ignore[override]
        return len(self.targets) * self.channels

    def names(self, points: IntArray) -> list[str]:
        kinds, channels = np.divmod(points, self.channels)
        return [f"{self.targets[k].kind}, {spans('channel', channels[kinds == k])}" for k in np.unique(kinds)]

    def hits(self, values: IntArray) -> BoolArray:
        return np.concatenate([target.hit(values).any(axis=1) for target in self.targets], axis=1)

    def errors(self, values: IntArray, points: IntArray) -> IntArray:
        kinds, channels = np.divmod(points, self.channels)
        found = np.empty((len(values), len(points)), dtype=np.int64)
        for kind in np.unique(kinds):
            own = kinds == kind
            found[:, own] = _least(self.targets[kind].error(values[:, :, channels[own]]))
        return found

    def possible(self, bound: Bound | None) -> BoolArray:
        if bound is None:
            return super().possible(None)
        ends = [bound.channel(c) for c in range(self.channels)]
        return np.array([t.within(*end) is not None for t in self.targets for end in ends], dtype=bool)


@dataclass(frozen=True)
class TablePoints(Points):
    """Every entry of a table."""

    count: int

    def names(self, points: IntArray) -> list[str]:
        return [spans("entry", points)] if len(points) else []

    def hits(self, values: IntArray) -> BoolArray:
        found = np.zeros((len(values), self.count), dtype=bool)
        flat = values.reshape(len(values), -1)
        found[np.arange(len(values))[:, np.newaxis], flat] = True
        return found

    def errors(self, values: IntArray, points: IntArray) -> IntArray:
        """Round the circle of all addresses, as their bits count."""
        found = np.empty((len(values), len(points)), dtype=np.int64)
        for k, frame in enumerate(values.reshape(len(values), -1)):
            known = np.unique(frame)
            around = np.concatenate([known[-1:] - self.count, known, known[:1] + self.count])
            at = np.searchsorted(around, points)
            found[k] = _least(np.stack([points - around[at], points - around[np.maximum(at - 1, 0)]])[np.newaxis])[0]
        return found

    def possible(self, bound: Bound | None) -> BoolArray:
        found = np.zeros(self.count, dtype=bool)
        if bound is None:
            return super().possible(None)
        for low, high, step in bound.channels:
            if high - low >= self.count * max(step, 1):
                return super().possible(None)
            found[np.arange(low, high + 1, max(step, 1)) & (self.count - 1)] = True
        for end in bound.ends:
            found[end & (self.count - 1)] = True
        return found


@dataclass(frozen=True)
class DecisionPoints(Points):
    """Each class the largest, each equal to an earlier largest, and both sides of the threshold."""

    classes: int
    step: Decided

    @cached_property
    def thresholds(self) -> tuple[int, ...]:
        """The largest values that show the threshold; one that rejects nothing shows nothing."""
        return () if self.step.threshold <= self.step.least else (self.step.threshold - 1, self.step.threshold)

    @property
    def count(self) -> int:  # type: ignore[override]
        return 2 * self.classes - 1 + len(self.thresholds)

    def names(self, points: IntArray) -> list[str]:
        return [self._name(int(point)) for point in points]

    def _name(self, point: int) -> str:
        if point < self.classes:
            return f"class {point} the largest"
        if point < 2 * self.classes - 1:
            return f"class {point - self.classes + 1} equal to an earlier largest"
        return ("largest just below the threshold", "largest at the threshold")[point - 2 * self.classes + 1]

    def hits(self, values: IntArray) -> BoolArray:
        found: BoolArray = np.asarray(self.errors(values, np.arange(self.count)) == 0)
        return found

    def errors(self, values: IntArray, points: IntArray) -> IntArray:
        return _least(np.stack([self._error(values, int(point)) for point in points], axis=2))

    def _error(self, values: IntArray, point: int) -> IntArray:
        largest: IntArray = values.max(axis=-1)
        if point >= 2 * self.classes - 1:
            return np.asarray(self.thresholds[point - 2 * self.classes + 1] - largest)
        k = point if point < self.classes else point - self.classes + 1
        before: IntArray = values[..., :k].max(axis=-1) if k else values[..., 0] - 1
        own = values[..., k]
        if point < self.classes:
            return np.asarray((largest - own) + np.maximum(before - own + 1, 0))
        tie: IntArray = before - own  # as far as one of the two is the largest
        return np.where(largest == np.maximum(own, before), tie, (largest - own) + (largest - before))


def _least(errors: IntArray) -> IntArray:
    """(frames, points) of (frames, places, points): the smallest in magnitude."""
    at = np.abs(errors).argmin(axis=1)[:, np.newaxis]
    found: IntArray = np.take_along_axis(errors, at, axis=1)[:, 0]
    return found


def points_of(step: Step, channels: int) -> Points | None:
    """None where nothing can be missed."""
    if isinstance(step, LookedUp):
        return TablePoints(step.entries)
    if isinstance(step, Decided):
        return DecisionPoints(channels, step)
    found = targets(step)
    return ChannelPoints(found, channels) if found else None


def title(step: Step) -> str:
    """What a step is, for people."""
    if isinstance(step, LookedUp):
        return f"table of {step.entries}"
    if isinstance(step, Rounded):
        return f"to {step.target}"
    names = {Divided: "division", Limited: "limits", Split: "sides", Decided: "decision"}
    return names[type(step)]


def spans(what: str, numbers: IntArray) -> str:
    """Numbers in ascending order, neighbours as one: ``channels 1, 4-6``."""
    ends = np.flatnonzero(np.diff(numbers) != 1)
    firsts, lasts = numbers[np.append(0, ends + 1)], numbers[np.append(ends, len(numbers) - 1)]
    parts = [str(a) if a == b else f"{a}-{b}" for a, b in zip(firsts, lasts)]
    many = {"channel": "channels", "entry": "entries"}[what] if len(numbers) > 1 else what
    return f"{many} {', '.join(parts)}"
