"""Our graph of integers as hls4ml's layer list: hls4ml's own layers where they are exact, else our cores."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from ...sim.fixed import Fixed, Overflow, Rounding
from ...sim.graph import Graph, Node
from ...sim.op import Spec
from .cores import Core, Rounded, bits
from .extension import CORE
from .native import Native, values
from .place import Pairs, Place, mapped

_TAKEN = re.compile(r"^(clone|zp2d)_|_cpy\d+$|^input$")  # names that hls4ml makes itself

STREAM_COPIES = 7
"""hls4ml has functions for so many copies of a stream."""


@dataclass
class LayerList:
    """hls4ml's layers with their precisions; ``names`` maps our tensors to hls4ml's."""

    io_type: str
    layers: list[dict[str, Any]] = field(default_factory=list)
    precisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    headers: set[str] = field(default_factory=set)
    shared: dict[str, list[str]] = field(default_factory=dict)
    """Of a tensor that many read: hls4ml's layer for each of those that are still to come."""
    most_reuse: dict[str, int] = field(default_factory=dict)
    """By hls4ml's name of a layer, where that has a limit (see ``Native``)."""

    def fresh(self, wanted: str) -> str:
        """A name that neither the graph nor hls4ml has."""
        while wanted in self.names.values() or wanted in self.names or _TAKEN.search(wanted):
            wanted = f"layer_{wanted}_"
        return wanted

    def input(self, name: str, spec: Spec, wanted: str) -> None:
        hls_name = self.fresh(wanted)
        self.names[name] = hls_name
        self.inputs.append(hls_name)
        self._append(hls_name, "InputLayer", [], spec.type, input_shape=list(spec.shape))

    def share(self, name: str, spec: Spec, readers: int, as_output: bool) -> None:
        """A stream can be copied only so often; where more read it, the last copy is passed on and copied again."""
        source, room = self.names[name], STREAM_COPIES - as_output
        sources: list[str] = []
        while readers > room:
            sources += [source] * (room - 1)
            readers, room = readers - (room - 1), STREAM_COPIES
            passed = self.fresh(f"{name}_copy_{len(sources)}")
            self.names[passed] = passed
            self._append(passed, "Activation", [source], spec.type, activation="linear", n_in=prod(spec.shape))
            source = passed
        self.shared[name] = sources + [source] * readers

    def add(self, node: Node, layer: Native, type: Fixed) -> None:
        """One of hls4ml's own layers."""
        name = node.name if not _TAKEN.search(node.name) else self.fresh(node.name)
        self.names[node.name] = name
        self.most_reuse |= {} if layer.most_reuse is None else {name: layer.most_reuse}
        inputs = [self._source(source) for source in node.inputs]
        self._append(name, layer.class_name, inputs, layer.result or type, **layer.attributes)

    def core(self, name: str, inputs: list[str], core: Core, y: Spec) -> None:
        """One of ours, under our name for the tensor; ``inputs`` are our names too."""
        hls_name = name if not _TAKEN.search(name) else self.fresh(name)
        self.names[name] = hls_name
        weights: dict[str, tuple[Any, int | None]] = {}
        roles: dict[str, Any] = {}
        for role, (raw, of) in core.weights.items():
            if isinstance(of, Fixed):
                roles[f"precision_{role}"] = of
                weights[role] = (values(raw, of, name), None)
            else:
                weights[role] = (raw.astype(np.float64), of)
        weights |= {role: (table.astype(np.float64), bits(table)) for role, table in core.tables.items()}
        self.headers.update(core.headers)
        attributes: dict[str, Any] = {"stem": core.stem, "output_shape": list(y.shape), "config_lines": core.lines}
        attributes |= {"headers": core.headers, "core_weights": weights, "core_arguments": list(core.weights), **roles}
        self._append(hls_name, CORE, [self._source(i) for i in inputs], core.result or y.type, **attributes)

    def _source(self, name: str) -> str:
        """The layer that the next reader of a tensor reads."""
        left = self.shared.get(name)
        return left.pop(0) if left else self.names[name]

    def _append(self, name: str, class_name: str, inputs: list[str], type: Any, **attributes: Any) -> None:
        roles = {key[10:]: attributes.pop(key) for key in list(attributes) if key.startswith("precision_")}
        self.precisions[name] = {"result": precision(type), **{role: precision(t) for role, t in roles.items()}}
        self.layers.append({"name": name, "class_name": class_name, "inputs": inputs, **attributes})


def precision(type: Fixed | Rounded) -> Any:
    """hls4ml's precision object."""
    from hls4ml.model.types import FixedPrecisionType, RoundingMode, SaturationMode

    fixed, rounding, overflow = type if isinstance(type, tuple) else (type, Rounding.TRN, Overflow.WRAP)
    return FixedPrecisionType(
        width=fixed.width,
        integer=fixed.integer + int(fixed.signed),
        signed=fixed.signed,
        rounding_mode=RoundingMode.from_string(rounding.value),
        saturation_mode=SaturationMode.from_string(overflow.value),
    )


def layer_list(graph: Graph, io_type: str) -> LayerList:
    """Every node; thresholds become last inputs."""
    result = LayerList(io_type)
    result.names = {node.name: node.name for node in graph.nodes}
    specs = graph.specs()
    for name, spec in graph.inputs:
        result.input(name, spec, f"{name}_input")
        _share(result, graph, name, spec)
    thresholds = [node for node in graph.nodes if node.op.has_threshold]
    for node in thresholds:
        wanted = "threshold" if len(thresholds) == 1 else f"{node.name}_threshold"
        result.input(threshold_name(node), Spec((1,), graph.specs()[node.inputs[0]].type), wanted)
    for node in graph.nodes:
        _emit(result, Place(graph, node, tuple(specs[i] for i in node.inputs), specs[node.name], io_type))
        _share(result, graph, node.name, specs[node.name])
    return result


def live(graph: Graph) -> Graph:
    """Without the nodes that nobody reads: a stream that is written and never read stops the hardware."""
    needed = set(graph.outputs)
    for node in reversed(graph.nodes):
        needed |= set(node.inputs) if node.name in needed else set()
    return replace(graph, nodes=tuple(node for node in graph.nodes if node.name in needed))


def threshold_name(node: Node) -> str:
    """Our name for the input that a node reads its threshold from; no node can be called like this."""
    return f"{node.name}.threshold"


def _share(out: LayerList, graph: Graph, name: str, spec: Spec) -> None:
    """Arrays (io_parallel) can be read by any number."""
    if out.io_type == "io_stream":
        readers = sum(node.inputs.count(name) for node in graph.nodes)
        out.share(name, spec, readers, name in graph.outputs)


def _emit(out: LayerList, place: Place) -> None:
    """What the node becomes; it reads its threshold, where it has one, from the input made for that."""
    found, node = mapped(place), place.node
    if isinstance(found, Native):
        out.add(node, found, place.y.type)
    elif isinstance(found, Pairs):
        _pairs(out, place, found)
    else:
        more = [threshold_name(node)] if node.op.has_threshold else []
        out.core(node.name, [*node.inputs, *more], found, place.y)


def _pairs(out: LayerList, place: Place, pairs: Pairs) -> None:
    """Two tensors at a time."""
    node, name, left = place.node, place.node.inputs[0], place.x[0]
    for i, (source, right) in enumerate(zip(node.inputs[1:], place.x[1:]), 2):
        last = i == len(place.x)
        joined = place.y if last else pairs.joined(left, right)
        target = node.name if last else out.fresh(f"{node.name}_first_{i}")
        core = pairs.last if last and pairs.last is not None else pairs.core
        out.core(target, [name, source], core(left, right, joined), joined)
        name, left = target, joined
