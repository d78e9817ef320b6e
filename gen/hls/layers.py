"""Our graph of integers as hls4ml's layer list: hls4ml's own layers where they are exact, else our cores."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, Overflow, Rounding
from ...sim.graph import Graph, Node
from ...sim.op import Operator, Spec
from ...sim.ops import (
    GDN,
    GRU,
    LSTM,
    Activation,
    Add,
    Argmax,
    AveragePool2D,
    BatchNorm,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Crop,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool2D,
    GlobalMaxPool2D,
    MaxPool2D,
    RepeatVector,
    Reverse,
    SimpleRNN,
    Softmax,
    UpSampling2D,
    ZeroPadding2D,
)
from . import cores, native, recurrent_cores
from .extension import CORE
from .gdn import gdn

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

    def add(self, node: Node, class_name: str, type: Any, **attributes: Any) -> None:
        """One of hls4ml's own layers; ``precision_<role>`` gives further types."""
        name = node.name if not _TAKEN.search(node.name) else self.fresh(node.name)
        self.names[node.name] = name
        self._append(name, class_name, [self._source(source) for source in node.inputs], type, **attributes)

    def core(self, name: str, inputs: list[str], core: cores.Core, y: Spec, type: Any) -> None:
        """One of ours, under our name for the tensor; ``inputs`` are our names too."""
        hls_name = name if not _TAKEN.search(name) else self.fresh(name)
        self.names[name] = hls_name
        weights: dict[str, tuple[Any, int | None]] = {}
        roles: dict[str, Any] = {}
        for role, (raw, of) in core.weights.items():
            if isinstance(of, Fixed):
                roles[f"precision_{role}"] = of
                weights[role] = (native.values(raw, of, name), None)
            else:
                weights[role] = (raw.astype(np.float64), of)
        weights |= {role: (table.astype(np.float64), cores.bits(table)) for role, table in core.tables.items()}
        self.headers.update(core.headers)
        attributes: dict[str, Any] = {"stem": core.stem, "output_shape": list(y.shape), "config_lines": core.lines}
        attributes |= {"headers": core.headers, "core_weights": weights, "core_arguments": list(core.weights), **roles}
        self._append(hls_name, CORE, [self._source(i) for i in inputs], type, **attributes)

    def _source(self, name: str) -> str:
        """The layer that the next reader of a tensor reads."""
        left = self.shared.get(name)
        return left.pop(0) if left else self.names[name]

    def _append(self, name: str, class_name: str, inputs: list[str], type: Any, **attributes: Any) -> None:
        roles = {key[10:]: attributes.pop(key) for key in list(attributes) if key.startswith("precision_")}
        self.precisions[name] = {"result": precision(type), **{role: precision(t) for role, t in roles.items()}}
        self.layers.append({"name": name, "class_name": class_name, "inputs": inputs, **attributes})


Rounded = tuple[Fixed, Rounding, Overflow]


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
    """Every node; ``threshold`` becomes a last input where the model ends in argmax."""
    result = LayerList(io_type)
    result.names = {node.name: node.name for node in graph.nodes}
    specs = graph.specs()
    for name, spec in graph.inputs:
        result.input(name, spec, f"{name}_input")
        _share(result, graph, name, spec)
    thresholds = [node for node in graph.nodes if isinstance(node.op, Argmax)]
    for node in thresholds:
        wanted = "threshold" if len(thresholds) == 1 else f"{node.name}_threshold"
        result.input(threshold_name(node), Spec((1,), graph.specs()[node.inputs[0]].type), wanted)
    for node in graph.nodes:
        _emit(result, graph, node, [specs[i] for i in node.inputs], specs[node.name])
        _share(result, graph, node.name, specs[node.name])
    return result


def live(graph: Graph) -> Graph:
    """Without the nodes that nobody reads: a stream that is written and never read stops the hardware."""
    needed = set(graph.outputs)
    for node in reversed(graph.nodes):
        needed |= set(node.inputs) if node.name in needed else set()
    return replace(graph, nodes=tuple(node for node in graph.nodes if node.name in needed))


def threshold_name(node: Node) -> str:
    """Our name for the input that an argmax reads its threshold from; no node can be called like this."""
    return f"{node.name}.threshold"


def _share(out: LayerList, graph: Graph, name: str, spec: Spec) -> None:
    """Arrays (io_parallel) can be read by any number."""
    if out.io_type == "io_stream":
        readers = sum(node.inputs.count(name) for node in graph.nodes)
        out.share(name, spec, readers, name in graph.outputs)


def _emit(out: LayerList, graph: Graph, node: Node, x: list[Spec], y: Spec) -> None:
    """hls4ml's layer where it is exact."""
    op: Operator = node.op
    if isinstance(op, Conv2D) and native.exact_conv2d(op, out.io_type):
        out.add(node, "Conv2D", y.type, **native.conv2d(node.name, op, x[0], y))
    elif isinstance(op, Dense):
        out.add(node, "Dense", y.type, **native.dense(node.name, op, y))
    elif isinstance(op, BatchNorm):
        out.add(node, "BatchNormalization", y.type, **native.batch_norm(node.name, op, y))
    elif isinstance(op, Activation) and native.exact_activation(op):
        rounded = (y.type, op.rounding, op.overflow)
        out.add(node, "Activation", rounded, activation=op.kind.value, n_in=prod(y.shape))
    elif isinstance(op, MaxPool2D) and native.exact_max_pool2d(op):
        out.add(node, "MaxPooling2D", y.type, **native.max_pool2d(op, x[0], y))
    elif isinstance(op, Add):
        out.add(node, "Merge", y.type, op="add")
    elif isinstance(op, Flatten) and _in_place(graph, node):
        out.add(node, "Reshape", y.type, target_shape=list(y.shape))
    else:
        _ours(out, node, x, y)


def _ours(out: LayerList, node: Node, x: list[Spec], y: Spec) -> None:
    """Operators that hls4ml lacks, or has without our rounding, padding or dilation."""
    op, inputs = node.op, list(node.inputs)
    if isinstance(op, Concatenate):
        _concatenate(out, node, x, y)
        return
    if isinstance(op, Argmax):
        inputs.append(threshold_name(node))
    if getattr(op, "interleaved", False):
        raise BitsmithError(f"'{node.name}': {op.stem} with interleaved sequences is for the Verilog; HLS takes one")
    make = _CORES.get(type(op))
    if make is None:
        raise BitsmithError(f"'{node.name}': the operator {op.stem} has no HLS core; use the Verilog")
    result: Fixed | Rounded = y.type
    if isinstance(op, (Activation, AveragePool2D, GlobalAveragePool2D, Softmax)):
        result = (y.type, op.rounding, op.overflow)
    out.core(node.name, inputs, make(op, x[0], y), y, result)


_CORES: dict[type[Operator], Callable[[Any, Spec, Spec], cores.Core]] = {
    Activation: lambda op, x, y: cores.activation(op, x),
    Argmax: lambda op, x, y: cores.argmax(x, y),
    AveragePool2D: cores.average_pool2d,
    Conv2D: cores.convolution,
    Conv2DTranspose: cores.conv2d_transpose,
    Crop: cores.crop,
    DepthwiseConv2D: cores.convolution,
    Flatten: lambda op, x, y: cores.flatten(x, y),
    GDN: lambda op, x, y: gdn(op, x),
    GRU: recurrent_cores.gru,
    GlobalAveragePool2D: lambda op, x, y: cores.global_average_pool2d(op, x),
    GlobalMaxPool2D: lambda op, x, y: cores.global_max_pool2d(x),
    LSTM: recurrent_cores.lstm,
    MaxPool2D: cores.max_pool2d,
    RepeatVector: lambda op, x, y: cores.repeat_vector(x, y),
    Reverse: lambda op, x, y: cores.reverse(x),
    SimpleRNN: recurrent_cores.simple_rnn,
    Softmax: lambda op, x, y: cores.softmax(op, x),
    UpSampling2D: lambda op, x, y: cores.up_sampling2d(op, x),
    ZeroPadding2D: cores.zero_padding2d,
}


def _concatenate(out: LayerList, node: Node, x: list[Spec], y: Spec) -> None:
    """Two at a time; only the last has the node's name."""
    name, left = node.inputs[0], x[0]
    for i, (source, right) in enumerate(zip(node.inputs[1:], x[1:]), 2):
        joined = Spec((*left.shape[:-1], left.shape[-1] + right.shape[-1]), y.type)
        target = node.name if i == len(x) else out.fresh(f"{node.name}_first_{i}")
        out.core(target, [name, source], cores.concatenate(left, right), joined, y.type)
        name, left = target, joined


def _in_place(graph: Graph, node: Node) -> bool:
    """Whether nothing but a dense layer reads the reshaped values: it takes them in beats of any size."""
    readers = graph.consumers(node.name)
    alone = len(graph.consumers(node.inputs[0])) == 1 and node.inputs[0] not in graph.outputs
    dense = bool(readers) and all(isinstance(reader.op, Dense) for reader in readers)
    vector = len(graph.specs()[node.name].shape) == 1
    return node.name not in graph.outputs and alone and dense and len(readers) == 1 and vector
