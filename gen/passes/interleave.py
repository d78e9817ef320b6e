"""Sequences side by side: the graph that hardware computes for several sequences at once, as one image.

A recurrent layer waits for itself; several sequences that share one pipeline do not. A tensor (1, steps, channels) of
one sequence becomes (steps, sequences, channels), and a vector (channels,) becomes (1, sequences, channels): the stream
brings, step by step, every sequence's values, as a sensor's row delivers them. The integers are the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...sim.check import check_graph
from ...sim.errors import BitsmithError
from ...sim.graph import Graph, Node
from ...sim.op import Operator, Shape, Spec
from ..ops.forms import INTERLEAVED, NO_FORM, interleaved_shape


def interleave(graph: Graph, sequences: int) -> Graph:
    """The graph for ``sequences`` sequences at once; BitsmithError where a layer has no such form."""
    specs = graph.specs()
    inputs = tuple((name, Spec(_shape(spec.shape, sequences, name), spec.type)) for name, spec in graph.inputs)
    nodes = []
    for node in graph.nodes:
        _shape(specs[node.name].shape, sequences, node.name)  # refuses images
        nodes.append(replace(node, op=_operator(node, specs[node.inputs[0]].shape, sequences)))
    result = replace(graph, inputs=inputs, nodes=tuple(nodes))
    check_graph(result)
    return result


def _shape(shape: Shape, sequences: int, name: str) -> Shape:
    try:
        return interleaved_shape(shape, sequences)
    except BitsmithError as error:
        raise BitsmithError(f"'{name}' {error}") from None


def _operator(node: Node, x: Shape, sequences: int) -> Operator:
    """The operator of the interleaved graph."""
    op: Any = node.op
    if hasattr(op, "interleaved"):
        side_by_side: Operator = replace(op, interleaved=True)
        return side_by_side
    if node.op.per_pixel:
        return node.op
    if type(op) not in INTERLEAVED:
        raise BitsmithError(f"'{node.name}' is a {op.stem} in a network with recurrent layers, {NO_FORM}")
    try:
        return INTERLEAVED[type(op)](op, x, sequences)
    except BitsmithError as error:
        raise BitsmithError(f"'{node.name}' {error}") from None
