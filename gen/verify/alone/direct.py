"""What one input does to what comes to a step, to first order, and the value of it with which a target is met.

Alone, what comes to a rounding is nearly always a multiple of one input and something that others make: the input of a
rounding itself, a gate's own input, one value of a window. Two samples show the factor; then the input follows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....sim.fixed import IntArray
from ....sim.reach.points import ChannelPoints
from ....sim.reach.survey import Place
from ....sim.reach.targets import Target
from ..batch import Batch
from .small import Small

BASES, MOST_INPUTS = 3, 4096
MEMBERS = np.arange(-8, 9)
"""Of a target, besides its nearest member."""


@dataclass(frozen=True)
class Direct:
    """Which input of a sample counts for each channel of a step: ``inputs`` (channels,), -1 for none."""

    small: Small
    place: Place
    inputs: IntArray

    def round(self, wanted: IntArray, rows: IntArray, rng: np.random.Generator) -> Batch:
        """``rows`` (samples, size), so changed that each should reach some of the points ``wanted`` (of the survey), as
        many as it can; without those to which nothing leads."""
        low, high = self.small.ends()
        rows = rows.copy()
        used = np.unique(self.inputs[self.inputs >= 0])
        sign = np.where(rows < high, 1, -1)
        moved = rows.copy()
        moved[:, used] += sign[:, used]
        at = np.maximum(self.inputs, 0)
        before, after = last(self.small, self.place, rows), last(self.small, self.place, moved)
        slopes = np.where(self.inputs >= 0, (after - before) * sign[:, at], 0)
        room = low[at] - rows[:, at], high[at] - rows[:, at]
        taken = np.zeros(rows.shape, dtype=bool)
        points = self.place.points
        assert isinstance(points, ChannelPoints)
        for point in rng.permutation(wanted - self.place.offset):
            kind, c = divmod(int(point), points.channels)
            change, found = changes(
                points.targets[kind], before[:, c], slopes[:, c], (room[0][:, c], room[1][:, c]), rng
            )
            free = np.flatnonzero(found & ~taken[:, at[c]])
            if len(free):
                rows[free[0], at[c]] += change[free[0]]
                taken[free[0], at[c]] = True
        return self.small.batch(rows[taken.any(axis=1)])


def last(small: Small, place: Place, rows: IntArray) -> IntArray:
    """(samples, channels): what comes to a step, the last time in each sample; no samples where nothing does."""
    found: dict[Place, IntArray] = {}
    small.survey.compute(small.batch(rows), lambda where, values: found.update({where: values[:, -1]}))
    return found.get(place, rows[:0])


def changes(
    target: Target, values: IntArray, slopes: IntArray, room: tuple[IntArray, IntArray], rng: np.random.Generator
) -> tuple[IntArray, NDArray[np.bool_]]:
    """By how much an input must change, (n,), and where that is known to lead to the target."""
    safe = np.where(slopes == 0, 1, slopes)[:, np.newaxis]
    lacks = target.error(values)[:, np.newaxis] + MEMBERS * target.modulus * (target.modulus > 1)
    tried = np.concatenate([lacks // safe, -(-lacks // safe)], axis=1)
    good = target.hit(values[:, np.newaxis] + tried * safe) & (slopes != 0)[:, np.newaxis]
    good &= (tried >= room[0][:, np.newaxis]) & (tried <= room[1][:, np.newaxis])
    chosen = np.where(good, rng.random(good.shape), -1.0).argmax(axis=1)[:, np.newaxis]
    change: IntArray = np.take_along_axis(tried, chosen, axis=1)[:, 0]
    return change, good.any(axis=1)


def direct(small: Small, place: Place, rng: np.random.Generator) -> Direct | None:
    """For each channel the input that most often moves what comes to the step; None where it is not of that kind."""
    if not isinstance(place.points, ChannelPoints) or small.size > MOST_INPUTS:
        return None
    _, high = small.ends()
    bases = small.rows(small.draw(2 * BASES, rng))[::2]
    if not len(last(small, place, bases)):
        return None
    counts = np.zeros((small.size, place.points.channels))
    for base in bases:
        rows = np.repeat(base[np.newaxis], small.size, axis=0)
        places = np.arange(small.size)
        rows[places, places] += np.where(base < high, 1, -1)
        change = last(small, place, rows) - last(small, place, base[np.newaxis])
        counts += (change != 0) + np.minimum(np.abs(change), 1 << 40) / (1 << 44)
    inputs: IntArray = np.where(counts.max(axis=0) > 0, counts.argmax(axis=0), -1)
    return Direct(small, place, inputs) if (inputs >= 0).any() else None
