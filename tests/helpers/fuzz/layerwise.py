"""Each layer of a network beside Keras in float64, on the reference's own tensors.

It is for networks that are not equal as a whole: what one layer rounds, the next one starts from, in both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bitsmith.gen.verify import vectors
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed, IntArray, quantize, to_float
from bitsmith.sim.graph import Graph, Node

FRAMES = 12
TABLE_BITS = 10
"""An input of a function's table that has no more bits is looked up as it is."""


@dataclass
class Held:
    """How many layers were equal; ``problem`` says which one was not first."""

    layers: int = 0
    problem: str = ""
    left_out: list[str] = field(default_factory=list)


@dataclass
class Compared:
    """A model and the reference's tensors of one batch of frames.

    ``inside`` are layers that round inside, where Keras does not; ``curves`` are tables, whose entries are functions'
    values in floating point; ``hinted`` layers have the type of the quantizer behind them.
    """

    model: Any
    graph: Graph
    config: dict[str, Any]
    inside: set[str]
    curves: set[str]
    hinted: set[str]
    seed: int

    def __post_init__(self) -> None:
        raw = vectors.make(self.graph.inputs, FRAMES, self.seed)
        self.raw = Reference(self.graph).trace_raw(*(raw[name] for name, _ in self.graph.inputs))
        self.specs = {**dict(self.graph.inputs), **self.graph.specs()}
        self.nodes: dict[str, list[Node]] = {}
        for node in self.graph.nodes:
            self.nodes.setdefault(node.layer, []).append(node)

    def end(self, layer: str) -> str | None:
        """The tensor that a layer hands on, by the graph's name; None where it has no operator of its own."""
        if layer in dict(self.graph.inputs):
            return layer
        nodes = self.nodes.get(layer)
        return nodes[-1].name if nodes else None

    def value(self, tensor: Any, used: set[str]) -> Any:
        """A Keras tensor's numbers; ``used`` gets the graph's tensors that they are."""
        layer, node = _origin(tensor)
        end = self.end(layer.name)
        if end is not None:
            used.add(end)
            return to_float(self.raw[end], self.specs[end].type).reshape(FRAMES, *tensor.shape[1:])
        if layer.name in self.inside:  # folded into the layer in front
            return self.value(_inputs(node)[0], used).reshape(FRAMES, *tensor.shape[1:])
        return self.called(layer, node, used)

    def called(self, layer: Any, node: Any, used: set[str]) -> Any:
        """What Keras computes of the reference's tensors."""
        values = {id(x): self.value(x, used) for x in _inputs(node)}
        if hasattr(node, "arguments"):
            given, named = node.arguments.fill_in(values)
        else:
            given, named = node.map_arguments({str(key): [value] * len(_inputs(node)) for key, value in values.items()})
        return np.asarray(layer(*given, **named), dtype=np.float64)

    def hold(self, prefix: str) -> Held:
        """Every layer of a network whose result is one tensor of the graph."""
        held = Held()
        for layer in getattr(self.model, "operations", self.model.layers):
            if layer.name.startswith(prefix) and not held.problem and layer.name in self.nodes:
                self._one(layer, held)
        return held

    def _one(self, layer: Any, held: Held) -> None:
        used: set[str] = set()
        node, end = layer._inbound_nodes[0], self.nodes[layer.name][-1].name
        if layer.name in self.inside or self._folded(layer) or isinstance(layer.output, list):
            return
        y = self.called(layer, node, used)
        own = {n.name for n in self.nodes[layer.name]}
        together = {x for n in self.nodes[layer.name] for x in n.inputs} - own != used
        if together or y.size != self.raw[end].size:
            held.left_out.append(layer.name)  # a pass has put layers together
            return
        held.layers += 1
        held.problem = self._problem(layer.name, end, y, used)

    def _folded(self, layer: Any) -> bool:
        """Whether a normalization behind it is part of its weights."""
        behind = [_origin_of_node(node) for node in layer._outbound_nodes]
        return any(each.name in self.inside and each.name not in self.nodes for each in behind)

    def _problem(self, name: str, end: str, y: Any, used: set[str]) -> str:
        got, type_ = self.raw[end], self.specs[end].type
        wanted = self._wanted(name, y.reshape(got.shape), type_)
        distance = np.abs(got - wanted)
        if name in self.curves:
            wide = max(self.specs[x].type.width for x in used) > TABLE_BITS
            distance = np.where((distance <= 1) | wide, 0, distance)
        if not distance.any():
            return ""
        place = tuple(int(k) for k in np.argwhere(distance)[0])
        return (
            f"layer '{name}' gives {got[place]} of {type_} at {place} where Keras gives {y.reshape(got.shape)[place]!r}"
        )

    def _wanted(self, name: str, y: Any, type_: Fixed) -> IntArray:
        """Keras's numbers in the layer's type, rounded as the configuration says."""
        section = self.config.get("HLSConfig", {}).get("LayerName", {}).get(name, {})
        text = section.get("Precision", {}).get("result")
        if name in self.hinted:
            return quantize(y, type_)
        if text is None:
            found: IntArray = np.ldexp(y, type_.fraction)  # compared as it is: nothing is rounded
            return found
        _, rounding, overflow = Fixed.parse(text)
        return quantize(y, type_, rounding, overflow)


def _origin(tensor: Any) -> tuple[Any, Any]:
    """The layer that makes a tensor, and its call."""
    history = tensor._keras_history
    layer = history.operation if hasattr(history, "operation") else history.layer
    return layer, layer._inbound_nodes[history.node_index]


def _origin_of_node(node: Any) -> Any:
    return node.operation if hasattr(node, "operation") else node.layer


def _inputs(node: Any) -> list[Any]:
    return list(node.input_tensors if hasattr(node, "operation") else node.keras_inputs)
