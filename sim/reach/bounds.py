"""What each tensor of a graph, and what comes to each step inside, can be at all.

Only what is shown here is called impossible. A node of which nothing better is known gives every value of its type, and
an unknown step has no bound.
"""

from __future__ import annotations

import numpy as np

from ..graph import Graph, Node
from ..op import Spec
from . import gdn_rules, recurrent_rules, softmax_rules  # noqa: F401  which register their rules
from .bound import Bound
from .rules import LARGEST, RULES, Found, moved


def bounds(graph: Graph) -> dict[tuple[str, int], Bound]:
    """By node and order, what comes to a step; without those of which nothing is known."""
    specs = graph.specs()
    tensors = {name: Bound.of_type(spec.type, spec.shape[-1]) for name, spec in graph.inputs}
    found: dict[tuple[str, int], Bound] = {}
    for node in graph.nodes:
        sources = [tensors[name] for name in node.inputs]
        bound, steps = _node(node, sources, [specs[name] for name in node.inputs])
        output = specs[node.name]
        tensors[node.name] = Bound.of_type(output.type, output.shape[-1]) if bound is None else bound
        found |= {(node.name, k): bound for k, bound in enumerate(steps) if bound is not None}
    return found


def _node(node: Node, sources: list[Bound], inputs: list[Spec]) -> Found:
    """What its rule says; nothing where it has none and does not only move values."""
    rule = RULES.get(type(node.op))
    if rule is not None:
        return rule(node.op, sources, inputs)
    if node.op.moves and all(np.prod(spec.shape) <= LARGEST for spec in inputs):
        return moved(node.op, sources, inputs), []
    return None, []
