"""Small images: what a point inside needs of the image, many of which fit into one frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ....sim.errors import BitsmithError
from ....sim.fixed import IntArray
from ....sim.graph import Graph, Node
from ....sim.op import Spec


@dataclass(frozen=True)
class Patch:
    """The part of one input that one value of a node depends on; in a frame it stands at multiples of ``period``."""

    source: str
    nodes: tuple[Node, ...]
    spec: Spec
    period: tuple[int, int]


def ancestors(graph: Graph, name: str) -> tuple[Node, ...]:
    """The nodes that one depends on, itself the last, in the graph's order."""
    wanted, found = {name}, []
    for node in reversed(graph.nodes):
        if node.name in wanted:
            wanted |= set(node.inputs)
            found.append(node)
    return tuple(reversed(found))


def patch_of(graph: Graph, name: str) -> Patch | None:
    """None where the node depends on several inputs, or on no image, or on so much that no two fit into one."""
    nodes, inputs = ancestors(graph, name), dict(graph.inputs)
    sources = {source for node in nodes for source in node.inputs if source in inputs}
    if len(sources) != 1 or not all(node.op.any_size or node.op.per_pixel for node in nodes):
        return None
    (source,) = sources
    spec = inputs[source]
    if len(spec.shape) != 3:
        return None
    sides = [_side(source, spec, nodes, axis) for axis in (0, 1)]
    (height, above), (width, left) = sides
    if 0 in (height, width) or max(1, spec.shape[0] // above) * max(1, spec.shape[1] // left) < 2:
        return None
    return Patch(source, nodes, Spec((height, width, spec.shape[2]), spec.type), (above, left))


def _side(source: str, spec: Spec, nodes: Sequence[Node], axis: int) -> tuple[int, int]:
    """The least size along an axis, 0 without one, and a size that is so much or more and falls on strides alike."""
    sizes = [_size(source, spec, nodes, axis, size) for size in range(1, spec.shape[axis] + 1)]
    least = next((size for size, result in enumerate(sizes, 1) if result), 0)
    if not least:
        return 0, 1
    more = next((k for k, result in enumerate(sizes[least:], 1) if result > sizes[least - 1]), 1)
    return least, -(-least // more) * more


def _size(source: str, spec: Spec, nodes: Sequence[Node], axis: int, size: int) -> int:
    """How many rows or columns come out of so many."""
    shape = list(spec.shape)
    shape[axis] = size
    specs = {source: Spec(tuple(shape), spec.type)}
    try:
        for node in nodes:
            specs[node.name] = node.op.infer(*(specs[name] for name in node.inputs))
    except BitsmithError:
        return 0
    result = specs[nodes[-1].name].shape
    return result[axis] if len(result) == 3 else 0


def packed(patches: Sequence[tuple[Patch, IntArray]], whole: Spec, most: int, rng: np.random.Generator) -> IntArray:
    """At most so many frames that hold patches (n, *shape) of several kinds, row by row, the rest random."""
    frames: list[IntArray] = []
    top = left = height = 0
    for patch, images in patches:
        for image in images:
            above, beside = patch.period
            left = -(-left // beside) * beside
            if not frames or left + image.shape[1] > whole.shape[1]:
                top, left, height = top + height, 0, 0
            top = -(-top // above) * above if left == 0 else top
            if not frames or top % above or top + image.shape[0] > whole.shape[0]:
                if len(frames) == most:
                    return np.stack(frames)
                frames.append(rng.integers(whole.type.raw_min, whole.type.raw_max, whole.shape, endpoint=True))
                top = left = height = 0
            frames[-1][top : top + image.shape[0], left : left + image.shape[1]] = image
            left, height = left + image.shape[1], max(height, image.shape[0])
    return np.stack(frames) if frames else np.zeros((0, *whole.shape), dtype=np.int64)
