"""hls4ml's own reshape where a dense layer takes the values anyway, else our core."""

from __future__ import annotations

from math import prod

from ..cores import Core, cpp, pixels, sizes, typedef
from ..native import Native
from ..place import Place


def mapped(place: Place) -> Native | Core:
    x, y = place.x[0], place.y
    if _in_place(place):
        return Native("Reshape", {"target_shape": list(y.shape)})
    out = sizes(out_pixels=prod(y.shape[:-1]), out_channels=y.shape[-1])
    return Core("flatten", [typedef("x_t", cpp(x.type)), *pixels(x), *out], ["flatten.hpp", "pixels.hpp"])


def _in_place(place: Place) -> bool:
    """Whether nothing but a dense layer reads the reshaped values: it takes them in beats of any size."""
    graph, node = place.graph, place.node
    readers = graph.consumers(node.name)
    alone = len(graph.consumers(node.inputs[0])) == 1 and node.inputs[0] not in graph.outputs
    dense = len(readers) == 1 and readers[0].op.stem == "dense"
    return node.name not in graph.outputs and alone and dense and len(place.y.shape) == 1
