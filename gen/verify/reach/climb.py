"""From frames that are near a point to frames that reach it.

Two ways in turn. What a value lacks is measured again with single inputs changed; to first order it is a sum of such
changes, and a sum is found that comes to nothing: for a convolution or a dense layer exactly. And frames are changed at
random, which finds a way where that is no guide. Every frame is tried for all points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ....sim.fixed import IntArray
from ....sim.graph import Node
from ....sim.op import Spec
from ....sim.reach.points import NEVER
from ....sim.reach.survey import Survey
from ..batch import Batch
from .families import changed
from .solve import solutions

Specs = tuple[tuple[str, Spec], ...]
AT_ONCE = 256
"""Frames of one round."""
PATIENCE = 8
"""Rounds of its own in which a point's frame may come no nearer."""
WANTED = 512
"""So many points at once, drawn from more."""
PROBES, ANSWERS = 48, 12
MANY = 1024
"""Of more inputs than so many a few probes say little."""


@dataclass
class Climb:
    """For each wanted point the frame that is nearest to it, and what that lacks."""

    survey: Survey
    specs: Specs
    wanted: IntArray
    rng: np.random.Generator
    frames: int
    nodes: Sequence[Node] | None
    elite: Batch
    lacks: IntArray
    stale: IntArray

    def run(self) -> None:
        """Until all is reached, nothing comes nearer, or so many frames were tried."""
        while self.frames > 0:
            active = np.flatnonzero((self.lacks != 0) & (self.stale < PATIENCE))
            if not len(active):
                return
            if sum(raw[0].size for raw in self.elite.values()) <= MANY:
                self._solve(active)
            active = active[self.lacks[active] != 0]
            if len(active) and self.frames > 0:
                chosen = self.rng.permutation(active)[: min(AT_ONCE, self.frames)]
                each = max(1, min(8, AT_ONCE // len(chosen), self.frames // len(chosen)))
                self._try(self._changes(np.repeat(chosen, each)), chosen)

    def _try(self, tried: Batch, chosen: IntArray) -> IntArray:
        """What some frames lack; those that are nearest to a point take the place of its own."""
        near = self.survey.look(tried, self.wanted, self.nodes)[1]
        self.frames -= len(near)
        at = np.abs(near).argmin(axis=0)
        now = near[at, np.arange(len(at))]
        before, after = np.abs(self.lacks), np.abs(now)
        self.stale[chosen] += 1
        self.stale[after < before] = 0
        kept = (after <= before) & (before > 0)
        for name, raw in self.elite.items():
            raw[kept] = tried[name][at[kept]]
        self.lacks = np.where(kept, now, self.lacks)
        return near

    def _solve(self, active: IntArray) -> None:
        """Probe some points' frames, and try what would come to nothing."""
        size = sum(raw[0].size for raw in self.elite.values())
        probes = min(PROBES, size)
        for k in self.rng.permutation(active)[: max(1, AT_ONCE // (probes + ANSWERS))]:
            if self.frames <= 0 or self.lacks[k] == 0:
                continue
            frame = {name: raw[k].copy() for name, raw in self.elite.items()}
            lack, places = int(self.lacks[k]), self.rng.permutation(size)[:probes]
            flat = np.concatenate([frame[name].ravel() for name, _ in self.specs])
            low, high = self._ends()
            step = np.where(flat < high, 1, -1) * np.maximum(1, (high - low) >> int(self.rng.choice([12, 6, 4])))
            rows = np.repeat(flat[np.newaxis], probes, axis=0)
            rows[np.arange(probes), places] = np.clip(flat + step, low, high)[places]
            moved = rows[np.arange(probes), places] - flat[places]
            near = self._try(self._frames(rows), np.array([k]))[:, k]
            slopes = np.where((moved != 0) & (near != NEVER), (lack - near) / np.where(moved == 0, 1, moved), 0.0)
            room = (low - flat)[places], (high - flat)[places]
            answers = solutions(slopes, lack, room, ANSWERS, self.rng)
            if len(answers) and self.frames > 0 and self.lacks[k] != 0:
                rows = np.repeat(flat[np.newaxis], len(answers), axis=0)
                rows[:, places] += answers
                self._try(self._frames(rows), np.array([k]))

    def _ends(self) -> tuple[IntArray, IntArray]:
        """The least and the largest raw value of every input, one after another."""
        sizes = [int(np.prod(spec.shape)) for _, spec in self.specs]
        low = np.repeat([spec.type.raw_min for _, spec in self.specs], sizes)
        return low, np.repeat([spec.type.raw_max for _, spec in self.specs], sizes)

    def _frames(self, rows: IntArray) -> Batch:
        """(n, values) as frames by input."""
        ends = np.cumsum([int(np.prod(spec.shape)) for _, spec in self.specs])[:-1]
        parts = np.split(rows, ends, axis=1)
        return {name: part.reshape(-1, *spec.shape) for part, (name, spec) in zip(parts, self.specs)}

    def _changes(self, places: IntArray) -> Batch:
        """A random change of each of these points' frames: of one input where there are several, or of all."""
        rng, elite, count = self.rng, self.elite, len(self.wanted)
        others, only = rng.integers(count, size=len(places)), rng.integers(-1, len(self.specs), size=len(places))
        return {
            name: np.stack(
                [
                    changed(elite[name][k], elite[name][other], spec, rng)
                    if which in (-1, number) or len(self.specs) == 1
                    else elite[name][k]
                    for k, other, which in zip(places, others, only)
                ]
            )
            for number, (name, spec) in enumerate(self.specs)
        }


def climb(
    survey: Survey,
    specs: Specs,
    seeds: Batch,
    wanted: IntArray,
    rng: np.random.Generator,
    frames: int,
    nodes: Sequence[Node] | None = None,
) -> Batch:
    """The frames that reach some of the points ``wanted``; so many are tried at the most, besides ``seeds``."""
    wanted = np.sort(rng.permutation(wanted)[:WANTED])
    near = survey.look(seeds, wanted, nodes)[1]
    at = np.abs(near).argmin(axis=0)
    elite, lacks = {name: raw[at] for name, raw in seeds.items()}, near[at, np.arange(len(at))]
    own = Climb(survey, specs, wanted, rng, frames, nodes, elite, lacks, np.zeros(len(wanted), dtype=np.int64))
    own.run()
    found = np.flatnonzero(own.lacks == 0)
    return {name: raw[found] for name, raw in own.elite.items()}
