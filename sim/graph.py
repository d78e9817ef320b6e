"""The graph of integers: typed tensors and operators, in execution order. It comes back from JSON byte for byte."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from .errors import BitsmithError
from .op import Operator, Spec
from .serial import decode, encode
from .shown import html_table, printable

FORMAT = 2


@dataclass(frozen=True)
class Node:
    """One operator; its output tensor carries the node's name.

    ``layer`` is the model layer it came from, ``class_name`` that layer's class: the configuration goes by them.
    """

    name: str
    op: Operator
    inputs: tuple[str, ...]
    layer: str = ""
    class_name: str = ""


@dataclass(frozen=True)
class Graph:
    """Nodes in execution order. ``labels`` maps safe names to the model's own, for people to read."""

    name: str
    inputs: tuple[tuple[str, Spec], ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    labels: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """One line: weights would fill a screen."""
        ends = [*self.inputs, *((name, spec) for name, spec in self.specs().items() if name in self.outputs)]
        shown = ", ".join(f"{name} {spec.shape} {spec.type}" for name, spec in ends)
        return f"<graph '{printable(self.name)}': {len(self.nodes)} node{'s' * (len(self.nodes) != 1)}; {shown}>"

    def _repr_html_(self) -> str:
        """The nodes as a table, in a notebook."""
        specs = self.specs()
        head = ["layer", "operator", "shape", "type"]
        rows = [(self.labels.get(n.name, n.layer or n.name), n.op.stem, specs[n.name]) for n in self.nodes]
        return html_table(head, [(name, stem, "×".join(map(str, s.shape)), s.type) for name, stem, s in rows])

    def specs(self) -> dict[str, Spec]:
        """Shape and type of every tensor, inferred in order."""
        specs = dict(self.inputs)
        for node in self.nodes:
            specs[node.name] = node.op.infer(*(specs[name] for name in node.inputs))
        return specs

    def node(self, name: str) -> Node:
        """The node of that name; BitsmithError where there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise BitsmithError(f"the graph has no node '{name}'; it has {', '.join(n.name for n in self.nodes)}")

    def consumers(self, name: str) -> tuple[Node, ...]:
        """The nodes that read a tensor."""
        return tuple(node for node in self.nodes if name in node.inputs)

    def to_json(self) -> str:
        """Deterministic text: equal graphs give equal bytes."""
        data = {
            "format": FORMAT,
            "name": self.name,
            "inputs": encode(self.inputs),
            "nodes": encode(self.nodes),
            "outputs": list(self.outputs),
            "labels": dict(sorted(self.labels.items())),
        }
        return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    @staticmethod
    def from_json(text: str | bytes) -> Graph:
        """The graph of ``to_json``; BitsmithError for anything malformed."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            raise BitsmithError("the graph is no JSON; build the model again") from None
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise BitsmithError(f"the graph is not in format {FORMAT}; build the model again")
        return Graph(
            decode(str, data.get("name"), "name"),
            decode(tuple[tuple[str, Spec], ...], data.get("inputs"), "inputs"),
            decode(tuple[Node, ...], data.get("nodes"), "nodes"),
            decode(tuple[str, ...], data.get("outputs"), "outputs"),
            _labels(data.get("labels")),
        )


def _labels(data: Any) -> dict[str, str]:
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise BitsmithError("labels: not a dictionary of names; build the model again")
    return {str(key): value for key, value in data.items()}
