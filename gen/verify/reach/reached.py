"""What some frames reach, layer by layer, as a table and by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ....sim.graph import Graph
from ....sim.reach.survey import Survey
from ..batch import Batch
from .cover import cover

VALUES = 1 << 26
"""So many integers of all tensors together are looked at: of a large model's many frames only the first."""


@dataclass(frozen=True)
class Reached:
    """``table`` is what goes into the report; ``telling`` are few frames that reach together all that is reached."""

    table: dict[str, Any]
    telling: list[int]


def reached(graph: Graph, inputs: Batch) -> Reached:
    """What the reference comes to with these frames."""
    survey = Survey(graph)
    frames = max(2, VALUES // max(1, survey.values_of_frame))
    hits, _ = survey.look({name: raw[:frames] for name, raw in inputs.items()})
    hit = hits.any(axis=0)
    layers = [_layer(survey, graph, node, hit) for node in dict.fromkeys(place.node for place in survey.known)]
    sums = {key: sum(layer[key] for layer in layers) for key in ("points", "reached", "impossible", "not_reached")}
    telling = cover(hits, np.zeros(survey.count, dtype=bool), len(hits))
    return Reached({"frames": len(hits), **sums, "layers": layers}, telling)


def _layer(survey: Survey, graph: Graph, node: str, hit: Any) -> dict[str, Any]:
    """One row. ``impossible``: shown to be so, and not reached; ``missing``: the names of what is not reached."""
    places = [place for place in survey.known if place.node == node]
    possible, found = (np.concatenate([each[place.all] for place in places]) for each in (survey.possible, hit))
    layer = next(n.layer for n in graph.nodes if n.name == node)
    missing = survey.possible & ~hit
    return {
        "layer": graph.labels.get(node, graph.labels.get(layer, layer or node)),
        "node": node,
        "points": len(found),
        "reached": int(found.sum()),
        "impossible": int((~possible & ~found).sum()),
        "not_reached": int((possible & ~found).sum()),
        "missing": [name for place in places for name in place.names(missing)],
    }
