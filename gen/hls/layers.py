"""Our graph of integers as hls4ml's layer list: hls4ml's own layers where they are exact, else our cores."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, IntArray, Overflow, Rounding, to_float
from ...sim.op import Operator, Spec
from ...sim.ops import (
    Activation,
    Add,
    Argmax,
    AveragePool2D,
    BatchNorm,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool2D,
    GlobalMaxPool2D,
    Kind,
    MaxPool2D,
    Softmax,
)
from ...sim.params import NO_PADDING
from ..ir import Graph, Node
from . import cores
from .extension import CORE

_TAKEN = re.compile(r"^(clone|zp2d)_|_cpy\d+$|^input$")  # names that hls4ml makes itself
WIDEST_WEIGHT = 53  # hls4ml prints weights as decimal numbers by way of float64


@dataclass
class LayerList:
    """hls4ml's layers with their precisions; ``names`` maps our tensors to hls4ml's."""

    io_type: str
    layers: list[dict[str, Any]] = field(default_factory=list)
    precisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    headers: set[str] = field(default_factory=set)

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

    def add(self, node: Node, class_name: str, type: Any, **attributes: Any) -> None:
        """One of hls4ml's own layers; ``precision_<role>`` gives further types."""
        name = node.name if not _TAKEN.search(node.name) else self.fresh(node.name)
        self.names[node.name] = name
        self._append(name, class_name, [self.names[source] for source in node.inputs], type, **attributes)

    def core(self, name: str, inputs: list[str], core: cores.Core, y: Spec, type: Any = None) -> None:
        """One of ours, under our name for the tensor; ``inputs`` are our names too."""
        hls_name = name if not _TAKEN.search(name) else self.fresh(name)
        self.names[name] = hls_name
        weights, roles = {}, {}
        for role, (raw, of) in core.weights.items():
            if isinstance(of, Fixed):
                roles[f"precision_{role}"] = of
                weights[role] = (values(raw, of, name), None)
            else:
                weights[role] = (raw.astype(np.float64), of)
        self.headers.update(core.headers)
        attributes = {"stem": core.stem, "output_shape": list(y.shape), "config_lines": core.lines}
        attributes |= {"headers": core.headers, "core_weights": weights, **roles}
        self._append(hls_name, CORE, [self.names[i] for i in inputs], y.type if type is None else type, **attributes)

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


def values(raw: IntArray, type: Fixed, where: str) -> Any:
    """Weights as real numbers, exact; BitsmithError where a float64 cannot hold them."""
    if max(abs(int(raw.min())), abs(int(raw.max()))) >= 1 << WIDEST_WEIGHT:
        raise BitsmithError(
            f"'{where}': weights of {type} need more than {WIDEST_WEIGHT} bits in HLS; use a narrower type"
        )
    return to_float(raw, type)


def layer_list(graph: Graph, io_type: str) -> LayerList:
    """Every node; ``threshold`` becomes a last input where the model ends in argmax."""
    result = LayerList(io_type)
    result.names = {node.name: node.name for node in graph.nodes}
    specs = graph.specs()
    for name, spec in graph.inputs:
        result.input(name, spec, f"{name}_input")
    thresholds = [node for node in graph.nodes if isinstance(node.op, Argmax)]
    for node in thresholds:
        wanted = "threshold" if len(thresholds) == 1 else f"{node.name}_threshold"
        result.input(threshold_name(node), Spec((1,), graph.specs()[node.inputs[0]].type), wanted)
    for node in graph.nodes:
        _check_readers(graph, node.name, io_type)
        _emit(result, graph, node, [specs[i] for i in node.inputs], specs[node.name])
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


def _check_readers(graph: Graph, name: str, io_type: str) -> None:
    readers = sum(node.inputs.count(name) for node in graph.nodes) + (name in graph.outputs)
    if io_type == "io_stream" and readers > 7:
        raise BitsmithError(f"'{name}' is read {readers} times; hls4ml's io_stream can copy a stream 7 times at most")


def _emit(out: LayerList, graph: Graph, node: Node, x: list[Spec], y: Spec) -> None:
    op: Operator = node.op
    if isinstance(op, Conv2D) and _own_conv(op, out.io_type):
        _conv2d(out, node, op, x[0], y)
    elif isinstance(op, (Conv2D, DepthwiseConv2D)):
        out.core(node.name, list(node.inputs), cores.convolution(op, x[0], y), y)
    elif isinstance(op, Dense):
        _dense(out, node, op, y)
    elif isinstance(op, BatchNorm):
        _batch_norm(out, node, op, y)
    elif isinstance(op, Activation):
        _activation(out, node, op, x[0], y)
    elif isinstance(op, MaxPool2D) and op.padding == NO_PADDING and op.pool == op.strides:
        _max_pool2d(out, node, op, x[0], y)
    elif isinstance(op, Add):
        out.add(node, "Merge", y.type, op="add")
    elif isinstance(op, Concatenate):
        _concatenate(out, node, x, y)
    elif isinstance(op, Flatten) and _in_place(graph, node, out.io_type):
        out.add(node, "Reshape", y.type, target_shape=list(y.shape))
    elif isinstance(op, Argmax):
        out.core(node.name, [*node.inputs, threshold_name(node)], cores.argmax(x[0], y), y)
    else:
        _core(out, node, x[0], y)


def _core(out: LayerList, node: Node, x: Spec, y: Spec) -> None:
    """Operators that hls4ml lacks, or has without our rounding or padding."""
    op, inputs = node.op, list(node.inputs)
    if isinstance(op, MaxPool2D):
        out.core(node.name, inputs, cores.max_pool2d(op, x, y), y)
    elif isinstance(op, AveragePool2D):
        out.core(node.name, inputs, cores.average_pool2d(op, x, y), y, (y.type, op.rounding, op.overflow))
    elif isinstance(op, GlobalAveragePool2D):
        out.core(node.name, inputs, cores.global_average_pool2d(op, x), y, (y.type, op.rounding, op.overflow))
    elif isinstance(op, GlobalMaxPool2D):
        out.core(node.name, inputs, cores.global_max_pool2d(x), y)
    elif isinstance(op, Softmax):
        out.core(node.name, inputs, cores.softmax(op, x), y, (y.type, op.rounding, op.overflow))
    elif isinstance(op, Flatten):
        out.core(node.name, inputs, cores.flatten(x, y), y)
    else:
        raise BitsmithError(f"'{node.name}': the operator {op.stem} has no HLS core; use the Verilog")


def _own_conv(op: Conv2D, io_type: str) -> bool:
    """Whether hls4ml's conv2d is exact: its streams ignore the row stride of a kernel of height 1, and dilation."""
    rows = op.kernel.shape[0] > 1 or op.strides[0] == 1 or io_type == "io_parallel"
    return op.dilation == (1, 1) and rows


def _conv2d(out: LayerList, node: Node, op: Conv2D, x: Spec, y: Spec) -> None:
    (top, bottom), (left, right) = op.padding
    out.add(
        node,
        "Conv2D",
        y.type,
        data_format="channels_last",
        in_height=x.shape[0],
        in_width=x.shape[1],
        n_chan=x.shape[2],
        out_height=y.shape[0],
        out_width=y.shape[1],
        n_filt=y.shape[2],
        filt_height=op.kernel.shape[0],
        filt_width=op.kernel.shape[1],
        stride_height=op.strides[0],
        stride_width=op.strides[1],
        pad_top=top,
        pad_bottom=bottom,
        pad_left=left,
        pad_right=right,
        **_weights(node, op, y),
    )


def _weights(node: Node, op: Conv2D | Dense, y: Spec) -> dict[str, Any]:
    return {
        "weight_data": values(op.kernel, op.kernel_type, node.name),
        "bias_data": values(op.bias, op.bias_type, node.name),
        "precision_weight": op.kernel_type,
        "precision_bias": op.bias_type,
        "precision_accum": y.type,
    }


def _dense(out: LayerList, node: Node, op: Dense, y: Spec) -> None:
    n_in, n_out = op.kernel.shape
    out.add(node, "Dense", y.type, n_in=n_in, n_out=n_out, **_weights(node, op, y))


def _batch_norm(out: LayerList, node: Node, op: BatchNorm, y: Spec) -> None:
    out.add(
        node,
        "BatchNormalization",
        y.type,
        n_in=prod(y.shape),
        n_filt=y.shape[-1],
        scale_data=values(op.scale, op.scale_type, node.name),
        bias_data=values(op.offset, op.offset_type, node.name),
        precision_scale=op.scale_type,
        precision_bias=op.offset_type,
    )


def _activation(out: LayerList, node: Node, op: Activation, x: Spec, y: Spec) -> None:
    type = (y.type, op.rounding, op.overflow)
    room = op.input_type.fraction - op.output_type.fraction <= op.input_type.width  # see cores.roomy
    if op.kind in (Kind.LINEAR, Kind.RELU) and op.lower is None and op.upper is None and room:
        out.add(node, "Activation", type, activation=op.kind.value, n_in=prod(x.shape))
    else:
        out.core(node.name, list(node.inputs), cores.activation(op, x), y, type)


def _max_pool2d(out: LayerList, node: Node, op: MaxPool2D, x: Spec, y: Spec) -> None:
    out.add(
        node,
        "MaxPooling2D",
        y.type,
        data_format="channels_last",
        in_height=x.shape[0],
        in_width=x.shape[1],
        n_filt=x.shape[2],
        out_height=y.shape[0],
        out_width=y.shape[1],
        pool_height=op.pool[0],
        pool_width=op.pool[1],
        stride_height=op.strides[0],
        stride_width=op.strides[1],
        pad_top=0,
        pad_bottom=0,
        pad_left=0,
        pad_right=0,
        precision_accum=y.type,
    )


def _concatenate(out: LayerList, node: Node, x: list[Spec], y: Spec) -> None:
    """Two at a time; only the last has the node's name."""
    name, left = node.inputs[0], x[0]
    for i, (source, right) in enumerate(zip(node.inputs[1:], x[1:]), 2):
        joined = Spec((*left.shape[:-1], left.shape[-1] + right.shape[-1]), y.type)
        target = node.name if i == len(x) else out.fresh(f"{node.name}_first_{i}")
        out.core(target, [name, source], cores.concatenate(left, right), joined)
        name, left = target, joined


def _in_place(graph: Graph, node: Node, io_type: str) -> bool:
    """Whether nothing but a dense layer reads the reshaped values: it takes them in beats of any size."""
    readers = graph.consumers(node.name)
    alone = len(graph.consumers(node.inputs[0])) == 1 and node.inputs[0] not in graph.outputs
    dense = bool(readers) and all(isinstance(reader.op, Dense) for reader in readers)
    vector = len(graph.specs()[node.name].shape) == 1
    return node.name not in graph.outputs and alone and dense and len(readers) == 1 and vector
