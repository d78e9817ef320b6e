"""The same network on images of another size: possible where every layer looks at a window and none at the whole."""

from __future__ import annotations

from dataclasses import replace

from ...sim.check import check_graph
from ...sim.errors import BitsmithError
from ...sim.graph import Graph
from ...sim.op import Operator, Shape, Spec
from ..ops.forms import RESIZED


def resized(graph: Graph, height: int, width: int) -> Graph:
    """The graph for an input of ``height`` × ``width`` pixels; weights, types and names stay as they are.

    A crop keeps its distance from each edge. Padding stays as it was resolved: for a layer that Keras pads to ``same``
    with a stride, both sizes must leave the same rest. BitsmithError where the graph has several inputs or one that is
    no image, or a layer that takes the whole image at once (flatten, dense, a global pool, a recurrent layer).
    """
    if len(graph.inputs) != 1 or len(graph.inputs[0][1].shape) != 3:
        raise BitsmithError(f"'{graph.name}' has not one image as its input; only such a network can change its size")
    ((name, spec),) = graph.inputs
    if spec.shape[:2] == (height, width):
        return graph
    shapes = {name: spec.shape for name, spec in graph.specs().items()}
    new = {name: Spec((height, width, spec.shape[2]), spec.type)}
    inputs, nodes = tuple(new.items()), []
    for node in graph.nodes:
        op = _operator(node.name, node.op, shapes[node.inputs[0]], new[node.inputs[0]].shape)
        new[node.name] = op.infer(*(new[source] for source in node.inputs))
        nodes.append(replace(node, op=op))
    result = replace(graph, inputs=inputs, nodes=tuple(nodes))
    check_graph(result)
    return result


def _operator(name: str, op: Operator, old: Shape, new: Shape) -> Operator:
    if type(op) in RESIZED:
        return RESIZED[type(op)](op, old, new)
    if not (op.per_pixel or op.any_size) or len(old) != 3:
        raise BitsmithError(f"'{name}' ({op.stem}) takes the whole image, so the network has one size; give it {old}")
    return op
