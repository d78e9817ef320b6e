"""The search for one layer: many samples of all kinds, then inputs that follow from what is wanted, then a climb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ....sim.fixed import IntArray
from ....sim.reach.points import BoolArray
from ....sim.reach.survey import Place
from ..batch import Batch
from ..reach.climb import climb
from ..reach.cover import cover
from .direct import Direct, direct
from .push import pushed
from .small import Small

VALUES = 1 << 24
"""So many integers of samples are drawn for one layer at the most: a second or two."""
AT_ONCE, SOLVED_AT_ONCE, MOST_PUSHED = 4096, 1024, 256
ROUNDS, PATIENCE, DRY = 24, 4, 64
"""Of the second kind of search, and after so many of it, or of the first, that bring nothing there are no more."""
TRIES, MOST_TRIES = 64, 8192
"""Samples of the climb for each point that is left, and altogether."""


@dataclass
class Search:
    """What is reached, and the samples that reached it first."""

    small: Small
    rng: np.random.Generator
    wanted: BoolArray
    kept: list[tuple[Batch, BoolArray]] = field(default_factory=list)

    @property
    def missing(self) -> IntArray:
        return np.flatnonzero(self.wanted)

    def take(self, batch: Batch) -> int:
        """Keep those that reach what is wanted; how many points they are."""
        count = len(next(iter(batch.values())))
        if not count:
            return 0
        batch = self.small.fitted(batch)
        hits, _ = self.small.survey.look(batch)
        before = len(self.missing)
        chosen = cover(hits, ~self.wanted, len(hits))
        if chosen:
            self.kept.append(({name: raw[chosen] for name, raw in batch.items()}, hits[chosen]))
            self.wanted &= ~hits[chosen].any(axis=0)
        return before - len(self.missing)

    def fill(self, values: int) -> None:
        """Samples of all kinds, as long as batches bring something or nothing else can."""
        left, dry = values // self.small.values, 0
        while left > 0 and len(self.missing) and dry < DRY:
            count = min(AT_ONCE, left)
            left -= count
            dry = 0 if self.take(self.small.draw(count, self.rng)) else dry + 1

    def solve(self) -> None:
        """The inputs that follow from what is wanted, step by step of the layer."""
        for place in self.small.survey.known:
            found = direct(self.small, place, self.rng) if len(self._own(place)) else None
            if found is not None:
                self._solve(found)
                self._push(found)

    def _solve(self, found: Direct) -> None:
        dry = 0
        for _ in range(ROUNDS):
            own = self._own(found.place)
            if not len(own) or dry >= PATIENCE:
                return
            rows = self.small.rows(self.small.draw(SOLVED_AT_ONCE, self.rng))
            dry = 0 if self.take(found.round(own, rows, self.rng)) else dry + 1

    def _push(self, found: Direct) -> None:
        """Limits to which one input alone does not lead."""
        rows = [pushed(self.small, found, int(point), self.rng) for point in self._own(found.place)[:MOST_PUSHED]]
        every = np.concatenate(rows) if rows else np.zeros((0, self.small.size), dtype=np.int64)
        self.take(self.small.batch(every))
        for _ in range(ROUNDS if len(every) else 0):
            if not self.take(found.round(self._own(found.place), every, self.rng)):
                return

    def _own(self, place: Place) -> IntArray:
        """What is missing of a step."""
        found: IntArray = place.all.start + np.flatnonzero(self.wanted[place.all])
        return found

    def climb(self) -> None:
        """From samples that come near."""
        tries = min(TRIES * len(self.missing), MOST_TRIES)
        if tries:
            seeds = self.small.draw(256, self.rng)
            self.take(climb(self.small.survey, self.small.specs, seeds, self.missing, self.rng, tries))


@dataclass(frozen=True)
class Reaching:
    """``frames`` of a layer's own inputs and the points (of its survey) that they reach together."""

    frames: Batch
    hit: BoolArray


def reaching(forms: Sequence[Small], wanted: BoolArray, rng: np.random.Generator) -> Reaching:
    """Whole frames that reach as many of the points ``wanted`` as are found in one form of the layer after another."""
    survey, left = forms[0].survey, wanted.copy()
    frames = {name: np.zeros((0, *spec.shape), dtype=np.int64) for name, spec in survey.graph.inputs}
    for form in forms:
        if left.any():
            more = _frames(form, left, rng)
            hits, _ = survey.look(more)
            left &= ~hits.any(axis=0)
            frames = {name: np.concatenate([raw, more[name]]) for name, raw in frames.items()}
    return Reaching(frames, wanted & ~left)


def _frames(small: Small, wanted: BoolArray, rng: np.random.Generator) -> Batch:
    """Those that hold the samples that are found, which reach most in front."""
    search = Search(small, rng, wanted.copy())
    search.fill(AT_ONCE * small.values)
    search.solve()
    search.fill(VALUES)
    search.climb()
    if not search.kept:
        return {name: np.zeros((0, *spec.shape), dtype=np.int64) for name, spec in small.survey.graph.inputs}
    found = {name: np.concatenate([batch[name] for batch, _ in search.kept]) for name, _ in small.specs}
    chosen = cover(np.concatenate([hits for _, hits in search.kept]), ~wanted, len(found[small.specs[0][0]]))
    return small.whole({name: raw[chosen] for name, raw in found.items()}, rng)
