"""To the ends of what a layer's inputs can do together: every input to that end of its range which helps."""

from __future__ import annotations

import numpy as np

from ....sim.fixed import IntArray
from ....sim.reach.points import ChannelPoints
from .direct import Direct, last
from .small import Small

ROUNDS, MOST_VALUES = 3, 1 << 21
"""Of one point; and no more integers of samples for it."""


def pushed(small: Small, direct: Direct, point: int, rng: np.random.Generator) -> IntArray:
    """(n, size) samples that come nearer and nearer to a point, each with more inputs at their ends; none where the
    inputs are too many to be tried one by one."""
    place, (low, high) = direct.place, small.ends()
    assert isinstance(place.points, ChannelPoints)
    kind, c = divmod(point - place.offset, place.points.channels)
    target = place.points.targets[kind]
    rows = small.rows(small.draw(256, rng))
    lacks = target.error(last(small, place, rows)[:, c])
    row, found = rows[np.abs(lacks).argmin()], []
    for _ in range(ROUNDS if 2 * small.size * small.values <= MOST_VALUES else 0):
        now = last(small, place, row[np.newaxis])[0, c]
        way = int(np.sign(target.error(np.array([now]))[0]))
        gains = [way * (last(small, place, _each(row, end))[:, c] - now) for end in (low, high)]
        row = np.where((gains[0] > 0) & (gains[0] >= gains[1]), low, np.where(gains[1] > 0, high, row))
        found.append(row)
    return np.stack(found) if found else rows[:0]


def _each(row: IntArray, end: IntArray) -> IntArray:
    """The sample once for each input, with that input at its end."""
    rows = np.repeat(row[np.newaxis], len(row), axis=0)
    places = np.arange(len(row))
    rows[places, places] = end
    return rows
