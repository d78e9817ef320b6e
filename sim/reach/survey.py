"""What some frames reach in a network: the reference computes them, and every step is looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..graph import Graph, Node
from ..rounding import IntArray
from ..watch import Began, Step, watching
from .bounds import bounds
from .points import NEVER, BoolArray, Points, points_of, title

Batch = Mapping[str, IntArray]
CHUNK = 1 << 22
"""So many integers of all tensors are held at once."""
Key = tuple[str, int, Step, int]


@dataclass(frozen=True, eq=False)
class Place:
    """One step of a node; its points are ``offset`` and up among all. ``order``: which step it is, from 0."""

    node: str
    order: int
    title: str
    points: Points
    offset: int

    @property
    def all(self) -> slice:
        return slice(self.offset, self.offset + self.points.count)

    def names(self, chosen: BoolArray) -> list[str]:
        """Those of this step that are chosen among all points, in words."""
        return [f"{self.title}: {name}" for name in self.points.names(np.flatnonzero(chosen[self.all]))]


See = Callable[[Place, IntArray], None]


@dataclass
class Survey:
    """The points of a graph, which become known as it computes its first frame, and which of them are possible."""

    graph: Graph
    places: dict[Key, Place | None] = field(default_factory=dict)
    count: int = 0
    _closed: bool = False

    def __post_init__(self) -> None:
        specs = self.graph.specs()
        self.values_of_frame = sum(int(np.prod(spec.shape, dtype=int)) for spec in specs.values())
        first = {name: np.full((1, *spec.shape), max(spec.type.raw_min, 0)) for name, spec in self.graph.inputs}
        self.compute(first, lambda place, values: None)
        self._closed = True
        known = bounds(self.graph)
        self.possible = np.ones(self.count, dtype=bool)
        for place in self.known:
            self.possible[place.all] = place.points.possible(known.get((place.node, place.order)))

    @property
    def known(self) -> list[Place]:
        return [place for place in self.places.values() if place is not None]

    @property
    def nodes(self) -> list[str]:
        """Those that have points."""
        return list(dict.fromkeys(place.node for place in self.known))

    def of(self, node: str) -> BoolArray:
        """(points,): those of a node."""
        found = np.zeros(self.count, dtype=bool)
        for place in self.known:
            found[place.all] = place.node == node
        return found

    def look(
        self, inputs: Batch, wanted: IntArray | None = None, nodes: Sequence[Node] | None = None
    ) -> tuple[BoolArray, IntArray]:
        """(frames, points): what each frame reaches; and (frames, wanted): what it lacks to some points.

        ``nodes``: only these are computed. Images may be smaller than the graph's where none of them minds.
        """
        frames = len(next(iter(inputs.values())))
        wanted = np.zeros(0, dtype=np.int64) if wanted is None else wanted
        if frames == 0:
            return np.zeros((0, self.count), dtype=bool), np.zeros((0, len(wanted)), dtype=np.int64)
        whole = {name: np.prod(spec.shape, dtype=int) for name, spec in self.graph.inputs}
        part = max(raw[0].size / max(1, whole[name]) for name, raw in inputs.items())
        each = max(1, int(CHUNK / max(1, self.values_of_frame * part)))
        starts = range(0, frames, each)
        parts = [self._part({n: raw[k : k + each] for n, raw in inputs.items()}, wanted, nodes) for k in starts]
        return np.concatenate([hits for hits, _ in parts]), np.concatenate([near for _, near in parts])

    def _part(self, inputs: Batch, wanted: IntArray, nodes: Sequence[Node] | None) -> tuple[BoolArray, IntArray]:
        frames = len(next(iter(inputs.values())))
        hits = np.zeros((frames, self.count), dtype=bool)
        near = np.full((frames, len(wanted)), NEVER)

        def see(place: Place, values: IntArray) -> None:
            hits[:, place.all] = place.points.hits(values)
            own = np.flatnonzero((wanted >= place.all.start) & (wanted < place.all.stop))
            if len(own):
                near[:, own] = place.points.errors(values, wanted[own] - place.offset)

        self.compute(inputs, see, nodes)
        return hits, near

    def compute(self, inputs: Batch, see: See, nodes: Sequence[Node] | None = None) -> dict[str, IntArray]:
        """Every tensor; ``see`` gets each place's values, (frames, places, channels)."""
        tensors = {name: raw.astype(np.int64) for name, raw in inputs.items()}
        frames = len(next(iter(tensors.values())))
        for node in self.graph.nodes if nodes is None else nodes:
            steps = _Steps(self, node, frames)
            with watching(steps):
                tensors[node.name] = node.op.compute(*(tensors[name] for name in node.inputs))
            for place, values in steps.seen.items():
                see(place, values[0] if len(values) == 1 else np.concatenate(values, axis=1))
        return tensors

    def place(self, node: Node, order: int, step: Step, channels: int) -> Place | None:
        """The step's place, the next one where it has not been seen."""
        key = node.name, order, step, channels
        if key not in self.places and self._closed:
            return None  # a smaller image may have steps of its own
        if key not in self.places:
            points = points_of(step, channels)
            known = None if points is None else Place(node.name, order, title(step), points, self.count)
            self.places[key] = known
            self.count += 0 if points is None else points.count
        return self.places[key]


class _Steps:
    """Takes a node's steps as they come; those of a recurrent one come again at each time step."""

    def __init__(self, survey: Survey, node: Node, frames: int) -> None:
        self.survey, self.node, self.frames = survey, node, frames
        self.order, self.first = 0, -1
        self.seen: dict[Place, list[IntArray]] = {}

    def __call__(self, raw: IntArray, step: Step) -> None:
        if isinstance(step, Began):
            self.first = self.order if self.first < 0 else self.first
            self.order = self.first
            return
        values = raw.reshape(self.frames, -1, raw.shape[-1])
        place = self.survey.place(self.node, self.order, step, values.shape[-1])
        self.order += 1
        if place is not None:
            self.seen.setdefault(place, []).append(values)
