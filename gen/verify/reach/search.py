"""The search: a pool of all kinds of frames, patches for what lies deep in an image, and a climb for what is left."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ....sim.fixed import IntArray
from ....sim.graph import Graph
from ....sim.reach.points import BoolArray
from ....sim.reach.survey import Survey
from ..batch import Batch
from .climb import climb
from .cover import cover
from .families import pool
from .patches import Patch, packed, patch_of

VALUES = 1 << 26
"""So many integers of all tensors together are computed at the most: some seconds."""
FRAMES_FOR_ONE, TRIES_FOR_ONE, MOST_TRIES = 128, 24, 8192
"""Nor more frames for each that is wanted, nor work on a layer's patches, nor so many of them."""
FEWEST = 64
"""A climb of fewer frames comes nowhere."""
AT_ONCE = 128


@dataclass
class Search:
    """What is reached, and the frames that reached it first."""

    survey: Survey
    rng: np.random.Generator
    left: int
    most: int
    reached: BoolArray
    kept: list[tuple[Batch, BoolArray]] = field(default_factory=list)
    patched: set[str] = field(default_factory=set)

    @property
    def missing(self) -> IntArray:
        """The points that may be reached yet."""
        return np.flatnonzero(self.survey.possible & ~self.reached)

    def take(self, frames: Batch) -> int:
        """Keep those that reach what was not; how many they are."""
        hits, _ = self.survey.look(frames)
        self.left -= len(hits)
        chosen = cover(hits, self.reached, len(hits))
        self.reached |= hits.any(axis=0)
        if chosen:
            self.kept.append(({name: raw[chosen] for name, raw in frames.items()}, hits[chosen]))
        return len(chosen)

    def draw(self, count: int) -> Batch:
        """Frames of all families."""
        return {name: pool(spec, count, self.rng) for name, spec in self.survey.graph.inputs}

    def fill(self, frames: int) -> None:
        """The pool, as long as it brings something."""
        while frames > 0 and len(self.missing):
            count = min(AT_ONCE, frames)
            frames -= count
            if not self.take(self.draw(count)):
                break

    def small(self) -> None:
        """Patches, node by node, all of them in a few frames."""
        found: dict[str, list[tuple[Patch, IntArray]]] = {}
        promised = self.reached.copy()
        nodes = list(dict.fromkeys(place.node for place in self.survey.known))
        for k, name in enumerate(nodes):
            patch = patch_of(self.survey.graph, name)
            if patch is not None:
                self.patched.add(name)
                images = self._patches(name, patch, promised, self.left / 2 / (len(nodes) - k))
                found.setdefault(patch.source, []).append((patch, images))
        for source, patches in found.items():
            frames = packed(patches, dict(self.survey.graph.inputs)[source], self.most, self.rng)
            others = self.draw(len(frames))
            self.take_all({**others, source: frames})

    def _patches(self, name: str, patch: Patch, promised: BoolArray, share: float) -> IntArray:
        """Those that reach what is not ``promised``, for so many whole frames' work; then they are."""
        own = np.zeros(self.survey.count, dtype=bool)
        for place in self.survey.known:
            own[place.all] = place.node == name
        missing = np.flatnonzero(own & self.survey.possible & ~promised)
        if not len(missing):
            return np.zeros((0, *patch.spec.shape), dtype=np.int64)
        part = np.prod(patch.spec.shape) / np.prod(dict(self.survey.graph.inputs)[patch.source].shape)
        tries = int(min(share / part, 64 * len(missing) + 4 * AT_ONCE, TRIES_FOR_ONE * self.most / part, MOST_TRIES))
        seeds = {patch.source: pool(patch.spec, max(1, min(2 * AT_ONCE, tries // 2)), self.rng)}
        images = climb(self.survey, ((patch.source, patch.spec),), seeds, missing, self.rng, tries, patch.nodes)
        self.left -= int(tries * part) + 1
        hits = self.survey.look(images, None, patch.nodes)[0] if len(images[patch.source]) else promised[:0, np.newaxis]
        chosen = cover(hits & own, promised, len(hits)) if len(hits) else []
        promised |= (hits[chosen] & own).any(axis=0) if chosen else False
        return images[patch.source][chosen]

    def whole(self) -> None:
        """The climb with whole frames."""
        by_patch = np.zeros(self.survey.count, dtype=bool)
        for place in self.survey.known:
            by_patch[place.all] = place.node in self.patched
        for tried in (False, True):  # what no patch was for comes first
            wanted = np.intersect1d(self.missing, np.flatnonzero(by_patch == tried))
            if len(wanted) and self.left >= FEWEST:
                seeds = self.draw(min(AT_ONCE, self.left // 4))
                for batch, _ in self.kept[-8:]:
                    seeds = {name: np.concatenate([raw, batch[name]]) for name, raw in seeds.items()}
                self.left -= len(next(iter(seeds.values())))
                frames = self.left if tried else self.left * 3 // 4
                self.take_all(climb(self.survey, self.survey.graph.inputs, seeds, wanted, self.rng, frames))
                self.left -= frames

    def take_all(self, frames: Batch) -> None:
        """Some frames, of which there may be none."""
        if len(next(iter(frames.values()))):
            self.take(frames)


def reaching(graph: Graph, first: Batch, most: int, rng: np.random.Generator) -> Batch:
    """At most so many frames that reach what ``first`` do not, those that reach most in front."""
    survey = Survey(graph)
    known = np.asarray(survey.look(first)[0].any(axis=0))
    budget = max(1, min(VALUES // max(1, survey.values_of_frame), FRAMES_FOR_ONE * most))
    search = Search(survey, rng, budget, most, known.copy())
    search.small()
    search.fill(max(1, budget // 3))
    search.whole()
    if not search.kept:
        return {name: raw[:0] for name, raw in first.items()}
    frames = {name: np.concatenate([batch[name] for batch, _ in search.kept]) for name in first}
    chosen = cover(np.concatenate([hits for _, hits in search.kept]), known, most)
    return {name: raw[chosen] for name, raw in frames.items()}
