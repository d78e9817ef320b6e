"""One layer as a graph, and the least part of its input in which a point can be looked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ....sim.fixed import Fixed, IntArray
from ....sim.graph import Graph
from ....sim.names import unused
from ....sim.op import Spec
from ....sim.reach.survey import Survey
from ....sim.recurrent import Recurrent
from ..batch import Batch
from ..reach.patches import packed, patch_of
from .samples import samples

STEPS = 3
"""Time steps in which a recurrent layer comes to states of all kinds."""
Specs = tuple[tuple[str, Spec], ...]
Types = tuple["Fixed | None", ...]
"""Of each channel; None where it is always zero."""


def alone(graph: Graph, name: str) -> Graph:
    """A node with inputs of its own, ``<node>_x<k>``; a label stays with it."""
    specs, node = graph.specs(), graph.node(name)
    taken = {*specs, *dict(graph.inputs)}
    inputs = tuple((unused(f"{name}_x{k}", taken), specs[source]) for k, source in enumerate(node.inputs))
    labels = {key: graph.labels[key] for key in (node.name, node.layer) if key in graph.labels}
    return Graph(graph.name, inputs, (replace(node, inputs=tuple(n for n, _ in inputs)),), (name,), labels)


def survey_of(graph: Graph, whole: Survey) -> Survey:
    """A layer's points, of which those are impossible that are so in the whole network."""
    own = Survey(graph)
    for key, place in own.places.items():
        known = whole.places.get(key)
        if place is not None and known is not None:
            own.possible[place.all] = whole.possible[known.all]
    return own


@dataclass(frozen=True)
class Small:
    """``specs``: what a sample of each input is. ``embed`` makes whole frames of some samples. ``own``: the types of
    single channels, of inputs that have such."""

    survey: Survey
    specs: Specs
    embed: Callable[[Batch, np.random.Generator], Batch]
    own: Mapping[str, Types] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Integers in a sample."""
        return sum(int(np.prod(spec.shape)) for _, spec in self.specs)

    @property
    def values(self) -> int:
        """Integers of all tensors that a sample takes to compute, about."""
        size = sum(int(np.prod(spec.shape)) for _, spec in self.survey.graph.inputs)
        return max(1, self.survey.values_of_frame * self.size // size)

    def whole(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Frames in which all of these samples are."""
        return self.fitted(self.embed(batch, rng))

    def fitted(self, batch: Batch) -> Batch:
        """The same, every value one of its channel's type."""
        return {name: fitted(raw, spec, self.own.get(name)) for (name, spec), raw in zip(self.specs, batch.values())}

    def draw(self, count: int, rng: np.random.Generator) -> Batch:
        return {name: samples(spec, count, rng) for name, spec in self.specs}

    def rows(self, batch: Batch) -> IntArray:
        """(samples, size): every input, one behind the other."""
        return np.concatenate([batch[name].reshape(len(batch[name]), -1) for name, _ in self.specs], axis=1)

    def batch(self, rows: IntArray) -> Batch:
        """The samples of ``rows``."""
        ends = np.cumsum([int(np.prod(spec.shape)) for _, spec in self.specs])[:-1]
        parts = np.split(rows, ends, axis=1)
        return {name: part.reshape(-1, *spec.shape) for part, (name, spec) in zip(parts, self.specs)}

    def ends(self) -> tuple[IntArray, IntArray]:
        """(size,) each: the least and the largest value."""
        sizes = [int(np.prod(spec.shape)) for _, spec in self.specs]
        low = np.repeat([spec.type.raw_min for _, spec in self.specs], sizes)
        return low, np.repeat([spec.type.raw_max for _, spec in self.specs], sizes)


def fitted(raw: IntArray, spec: Spec, own: Types | None) -> IntArray:
    """Values (n, …), the channel fastest, cut and limited to their channels' types."""
    if own is None:
        return raw
    down = np.array([0 if type_ is None else spec.type.fraction - type_.fraction for type_ in own])
    low, high = (np.array([getattr(type_, end, 0) for type_ in own]) for end in ("raw_min", "raw_max"))
    by_channel = raw.reshape(len(raw), -1, len(own))
    found: IntArray = np.clip(by_channel >> down, low, high) << down
    return found.reshape(raw.shape)


def forms(survey: Survey, own: Mapping[str, Types] | None = None) -> list[Small]:
    """A pixel of a layer whose pixels are independent, some steps of a recurrent one, a window's image; then, but for
    pixels, whole frames."""
    every = Small(survey, survey.graph.inputs, lambda batch, rng: batch)
    found = [form for form in (_pixels(survey) or _first_steps(survey) or _patches(survey), every) if form]
    return [replace(form, own=own or {}) for form in (found[:1] if _pixels(survey) else found)]


def _pixels(survey: Survey) -> Small | None:
    (node,), inputs = survey.graph.nodes, survey.graph.inputs
    shapes = {spec.shape[:-1] for _, spec in inputs}
    if not node.op.per_pixel or len(shapes) != 1 or len(inputs[0][1].shape) != 3:
        return None
    ((height, width),) = shapes

    def whole(batch: Batch, rng: np.random.Generator) -> Batch:
        count = len(next(iter(batch.values())))
        at = np.arange(-(-count // (height * width)) * height * width) % max(count, 1)
        return {name: raw[at].reshape(-1, height, width, raw.shape[-1]) for name, raw in batch.items()}

    return Small(survey, tuple((n, Spec((1, 1, s.shape[2]), s.type)) for n, s in inputs), whole)


def _first_steps(survey: Survey) -> Small | None:
    (node,), ((name, x), *states) = survey.graph.nodes, survey.graph.inputs
    if not isinstance(node.op, Recurrent) or x.shape[1] <= STEPS:
        return None
    steps = STEPS

    def whole(batch: Batch, rng: np.random.Generator) -> Batch:
        rest = samples(Spec((1, x.shape[1] - steps, x.shape[2]), x.type), len(batch[name]), rng)
        return {**batch, name: np.concatenate([batch[name], rest], axis=2)}

    return Small(survey, ((name, Spec((1, steps, x.shape[2]), x.type)), *states), whole)


def _patches(survey: Survey) -> Small | None:
    patch = patch_of(survey.graph, survey.graph.nodes[0].name) if len(survey.graph.inputs) == 1 else None
    if patch is None:
        return None
    ((name, spec),) = survey.graph.inputs

    def whole(batch: Batch, rng: np.random.Generator) -> Batch:
        return {name: packed([(patch, batch[name])], spec, len(batch[name]), rng)}

    return Small(survey, ((name, patch.spec),), whole)
