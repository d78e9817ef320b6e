"""Average pools: in front of a Trunc as the exact sum that Brevitas means, elsewhere as a layer that rounds."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from ..attributes import Attributes
from .constants import Given, tensor
from .linear import Weights, layer_of
from .proto import Node
from .values import Value
from .walk import Walk, handles
from .windows import geometry, places_after, read_global_pool, read_pool


@handles("AveragePool")
def read_average_pool(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    """A sum, and 1/size pending, where only a Trunc reads it; a mean of fewer places at the edges is none."""
    pads, word = a.get("pads", []), a.get("auto_pad", "NOTSET")
    padded = not isinstance(pads, list) or any(pads) or word not in ("NOTSET", "VALID", "")
    whole = not a.get("ceil_mode", 0) and (not padded or a.get("count_include_pad", 0))
    if not whole or not _is_cut(walk, node.outputs[0]):
        return read_pool(walk, node, a, given)
    a.harmless("ceil_mode", "count_include_pad")
    x = walk.image(tensor(given), node.channels_last, node.name, factor=True, each=True)
    return _sum(walk, node, a, x, a.sizes("kernel_shape", len(x.shape) - 1))


@handles("GlobalAveragePool")
def read_global_average(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    if not _is_cut(walk, node.outputs[0]):
        return read_global_pool(walk, node, a, given)
    x = walk.image(tensor(given), node.channels_last, node.name, factor=True, each=True)
    return _sum(walk, node, a, x, x.shape[:-1])


def _sum(walk: Walk, node: Node, a: Attributes, x: Value, size: tuple[int, ...]) -> Value:
    """A depthwise convolution with ones."""
    d, channels = len(size), x.shape[-1]
    config = {**geometry(a, x, size), "kernel_size": list(size), "depth_multiplier": 1}
    ones = Weights(np.ones((*size, channels, 1)), True, None)
    y = layer_of(walk, node, x, f"DepthwiseConv{d}D", config, ones, None, "depthwise_kernel")
    y = replace(y, shape=(*places_after(config, x.shape[:-1], list(size)), channels))
    return y.composed(np.full(1, 1.0 / prod(size)), np.zeros(1), f"{node.name}_scale")


def _is_cut(walk: Walk, name: str) -> bool:
    """Whether all that reads a tensor, but for factors, is a Trunc."""
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        readers = [node for node in walk.model.nodes if name in node.inputs]
        if len(readers) != 1 or walk.model.readers.get(name, 0) != 1 or not readers[0].outputs:
            return False
        node = readers[0]
        if node.op == "Trunc":
            return node.inputs[0] == name
        others = [other for other in node.inputs if other != name]
        if node.op not in ("Mul", "Div") or not all(other in walk.model.constants for other in others):
            return False
        name = node.outputs[0]
    return False
