"""What some frames reach, layer by layer, as a table and by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....sim.graph import Graph
from ....sim.reach.points import BoolArray
from ....sim.reach.survey import Survey
from ..batch import Batch
from .cover import cover

VALUES = 1 << 26
"""So many integers of all tensors together are looked at: of a large model's many frames only the first."""
KEYS = ("points", "reached", "alone", "impossible", "not_reached")


@dataclass(frozen=True)
class Alone:
    """What layers by themselves were shown: the points that they came to, and why some could not stand alone, or not in
    C++."""

    hit: BoolArray
    refused: dict[str, str] = field(default_factory=dict)
    refused_in_cpp: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reached:
    """``hit``: the points that the first so many ``frames`` of the network reach; ``telling`` are few of these frames
    that reach them all together."""

    survey: Survey
    frames: int
    hit: BoolArray
    telling: list[int]

    @property
    def left(self) -> BoolArray:
        """The points that may be reached and are not."""
        return self.survey.possible & ~self.hit

    def table(self, alone: Alone | None = None) -> dict[str, Any]:
        """What goes into the report. ``alone``: what the level ``layers`` found, where it was asked for."""
        further = np.zeros_like(self.hit) if alone is None else alone.hit & ~self.hit
        layers = [self._layer(node, further) for node in self.survey.nodes]
        if alone is not None:
            for layer in layers:
                layer["not_alone"] = alone.refused.get(layer["node"]) or alone.refused_in_cpp.get(layer["node"])
        sums = {key: sum(layer[key] for layer in layers) for key in KEYS}
        return {"frames": self.frames, "driven_alone": alone is not None, **sums, "layers": layers}

    def _layer(self, node: str, alone: BoolArray) -> dict[str, Any]:
        """One row. ``impossible``: shown to be so, and not reached; ``missing``: the names of what is not reached."""
        survey, own = self.survey, self.survey.of(node)
        possible, found = survey.possible[own], (self.hit | alone)[own]
        missing = self.left & ~alone
        return {
            "layer": _label(survey.graph, node),
            "node": node,
            "points": int(own.sum()),
            "reached": int(self.hit[own].sum()),
            "alone": int(alone[own].sum()),
            "impossible": int((~possible & ~found).sum()),
            "not_reached": int((possible & ~found).sum()),
            "missing": [name for place in survey.known if place.node == node for name in place.names(missing)],
        }


def reached(graph: Graph, inputs: Batch) -> Reached:
    """What the reference comes to with these frames."""
    survey = Survey(graph)
    frames = max(2, VALUES // max(1, survey.values_of_frame))
    hits, _ = survey.look({name: raw[:frames] for name, raw in inputs.items()})
    telling = cover(hits, np.zeros(survey.count, dtype=bool), len(hits))
    return Reached(survey, len(hits), np.asarray(hits.any(axis=0)), telling)


def _label(graph: Graph, node: str) -> str:
    layer = graph.node(node).layer
    return graph.labels.get(node, graph.labels.get(layer, layer or node))
