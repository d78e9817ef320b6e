"""Whole numbers that make a weighted sum come to a given value, or near it: a few of many, by chance and by size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....sim.fixed import IntArray

TRIALS, TERMS = 256, 10


def solutions(
    slopes: NDArray[np.float64], wanted: int, room: tuple[IntArray, IntArray], most: int, rng: np.random.Generator
) -> IntArray:
    """(n, len(slopes)), at most so many: numbers k in their ``room`` for which ``sum(slopes * k)`` is nearest to
    ``wanted``, the nearest in front.

    A trial takes a few terms and lets each, the largest slope first, take what is missing; all but the last three take
    some steps more or fewer, so that trials come to different rests.
    """
    useful = np.flatnonzero(slopes)
    if not len(useful):
        return np.zeros((0, len(slopes)), dtype=np.int64)
    terms = min(TERMS, len(useful))
    order = rng.random((TRIALS, len(useful))).argsort(axis=1)[:, :terms]
    chosen = useful[order]
    chosen = np.take_along_axis(chosen, np.abs(slopes[chosen]).argsort(axis=1)[:, ::-1], axis=1)
    rest, found = np.full(TRIALS, float(wanted)), np.zeros((TRIALS, len(slopes)), dtype=np.int64)
    rows = np.arange(TRIALS)
    for place in range(terms):
        at = chosen[:, place]
        more = rng.integers(-4, 5, TRIALS) if place < terms - 3 else 0
        share = rng.random(TRIALS) if place < terms - 1 else 1.0
        k = np.clip(np.rint(rest * share / slopes[at]).astype(np.int64) + more, room[0][at], room[1][at])
        found[rows, at] = k
        rest = rest - k * slopes[at]
    nearest = np.abs(rest).argsort(kind="stable")[:most]
    _, first = np.unique(found[nearest], axis=0, return_index=True)
    best: IntArray = found[nearest][np.sort(first)]
    return best
