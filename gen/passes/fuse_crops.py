"""A crop behind a transposed convolution becomes a part of it: what is cut away is then never computed.

Keras has no padding of its own choice in Conv2DTranspose, so models write "valid" and Cropping2D.
"""

from __future__ import annotations

from dataclasses import replace

from ...sim.graph import Graph, Node
from ...sim.ops.conv2d_transpose import Conv2DTranspose
from ...sim.ops.crop import Crop
from ...sim.params import Padding


def fuse_crops(graph: Graph) -> Graph:
    """The same outputs, integer for integer. Pixel by pixel operators may stand between the two layers."""
    for node in graph.nodes:
        source = _source(graph, node)
        if source is not None and node.name not in graph.outputs:
            return fuse_crops(_fused(graph, node, source))
    return graph


def _source(graph: Graph, node: Node) -> Node | None:
    """The transposed convolution that a crop of rows and columns alone belongs to, if nobody else reads it."""
    if not isinstance(node.op, Crop) or node.op.channels != (0, graph.specs()[node.inputs[0]].shape[2]):
        return None
    producers = {other.name: other for other in graph.nodes}
    name = node.inputs[0]
    while name in producers and name not in graph.outputs and len(graph.consumers(name)) == 1:
        before = producers[name]
        if isinstance(before.op, Conv2DTranspose):
            return before
        if not before.op.per_pixel or len(before.inputs) != 1:
            return None
        name = before.inputs[0]
    return None


def _fused(graph: Graph, crop: Node, source: Node) -> Graph:
    assert isinstance(crop.op, Crop)
    assert isinstance(source.op, Conv2DTranspose)
    height, width, _ = graph.specs()[crop.inputs[0]].shape
    (top, bottom), (left, right) = source.op.crop
    (first, end), (begin, stop) = crop.op.rows, crop.op.columns
    cut: Padding = ((top + first, bottom + height - end), (left + begin, right + width - stop))
    nodes = []
    for node in graph.nodes:
        if node is crop:
            continue
        op = replace(source.op, crop=cut) if node is source else node.op
        inputs = tuple(crop.inputs[0] if name == crop.name else name for name in node.inputs)
        nodes.append(replace(node, op=op, inputs=inputs))
    labels = {key: value for key, value in graph.labels.items() if key != crop.name}
    return replace(graph, nodes=tuple(nodes), labels=labels)
