"""Products with constant weights: Gemm, MatMul and Conv as Keras's layers, and batch normalization."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ....sim.errors import BitsmithError
from ....sim.fixed import FloatArray
from ..attributes import Attributes
from .constants import Given, constant, required, tensor
from .proto import Node
from .values import BATCH, Const, Value, powers_of_two
from .walk import Walk, handles
from .windows import check_group, geometry, places_after

EXACT = {"class_name": "exact", "config": {}}


class Weights(NamedTuple):
    """A layer's kernel in its own layout, and what is to be multiplied behind it (one number for each output)."""

    kernel: FloatArray
    quantized: bool
    scale: FloatArray | None


def weights_of(w: Const, outputs_last: Any) -> Weights:
    """Weights with their outputs on the last axis, which ``outputs_last`` brings there.

    Quantized ones with scales that are powers of two are what they are; others become integers and a factor for each
    output, where every output has one.
    """
    if w.raw is None or w.scale is None:
        return Weights(outputs_last(np.asarray(w.array, dtype=np.float64)), False, None)
    scale = outputs_last(w.scale)
    flat = scale.reshape(-1, scale.shape[-1])
    if powers_of_two(flat) or not flat.size or (flat != flat[0]).any():
        return Weights(outputs_last(np.asarray(w.array, dtype=np.float64)), True, None)
    return Weights(outputs_last(w.raw), True, np.asarray(flat[0]))


def layer_of(
    walk: Walk, node: Node, x: Value, class_name: str, config: dict[str, Any], w: Weights, bias: Const | None,
    kernel: str = "kernel",
) -> Value:  # fmt: skip
    """The layer, with the factors of its input and its weights pending behind it; ``kernel`` is its variable's name."""
    outputs = _outputs(w.kernel, class_name)
    each = class_name.startswith("Depthwise")  # a channel's factor is that of its own outputs
    if x.offset is not None or (x.scale is not None and x.scale.size > 1 and not each):
        x = walk.plain(x)
    before = x.scale if x.scale is None or x.scale.size == 1 else np.repeat(x.scale, outputs // x.scale.size)
    factor = w.scale if before is None else before * (1.0 if w.scale is None else w.scale)
    weights = {kernel: w.kernel}
    config = {**config, "use_bias": False}
    if w.quantized:
        config[f"{kernel.removesuffix('_kernel')}_quantizer"] = EXACT
    values = None if bias is None else np.broadcast_to(bias.array.astype(np.float64).reshape(-1), (outputs,))
    if values is not None and factor is None:
        config["use_bias"], weights["bias"] = True, values
        if bias is not None and (bias.quantized or walk.quantized):
            config["bias_quantizer"] = EXACT
    prefix = "Q" if w.quantized and class_name != "DepthwiseConv1D" else ""
    key = walk.emit(node.name, prefix + class_name, config, x, **weights)
    y = replace(x, key=key, order=None, before=None, scale=None, offset=None)
    if factor is None:
        return y
    return y.composed(np.asarray(factor), np.zeros(1) if values is None else values, f"{node.name}_scale")


def _outputs(kernel: FloatArray, class_name: str) -> int:
    return int(np.prod(kernel.shape[-2:])) if class_name.startswith("Depthwise") else kernel.shape[-1]


def _dense(walk: Walk, node: Node, x: Value, w: Const, bias: Const | None) -> Value:
    """``w`` is (inputs, outputs)."""
    if w.array.ndim != 2:
        raise BitsmithError(f"weights of shape {w.array.shape} are not supported; supported: (inputs, outputs)")
    rank = len(x.labels)
    if x.labels[0] != BATCH or rank < 2:
        raise BitsmithError("the batch is not in front of its input; transpose it back")
    if x.dims[-1] != w.array.shape[0]:
        raise BitsmithError(f"weights of shape {w.array.shape} do not fit an input of shape {x.dims}; export it again")
    if x.order is not None:
        back = np.argsort(x.order)
        w = w.changed(lambda array: array[back])
    else:
        x = walk.channels(x, rank - 1, node.name)
    outputs = w.array.shape[1]
    y = layer_of(walk, node, x, "Dense", {"units": outputs}, weights_of(w, lambda v: v), bias)
    return replace(y, shape=(*x.shape[:-1], outputs))


@handles("MatMul")
def read_matmul(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    if len(given) == 2 and isinstance(given[0], Const) and isinstance(given[1], Value):
        raise BitsmithError("weights in front of the tensor are not supported; write it as tensor times weights")
    if len(given) == 2 and all(isinstance(x, Value) and len(x.labels) > 2 for x in given):
        return _product(walk, node, tensor(given), tensor(given, 1))
    return _dense(walk, node, tensor(given), required(given, 1, "weights"), None)


def _product(walk: Walk, node: Node, left: Value, right: Value) -> Value:
    """Two tensors (batch, a, b) and (batch, b, c); the second is read as it is where its axes are exchanged here."""
    values = [walk.plain(x) for x in (left, right)]
    for x in values:
        if len(x.labels) != 3 or x.labels[0] != BATCH or x.order is not None:
            raise BitsmithError(
                f"a product of tensors of shapes {left.dims} and {right.dims} is not supported; supported: "
                "(batch, a, b) and (batch, b, c)"
            )
    transposed = values[1].axes == (2, 1)
    x = walk.arranged(values[0], (1, 2), f"{node.name}_left")
    y = values[1] if transposed else walk.arranged(values[1], (1, 2), f"{node.name}_right")
    key = walk.emit(node.name, "Matmul", {"transposed": transposed}, x, y)
    shape = (x.shape[0], y.shape[0] if transposed else y.shape[1])
    return Value(key, shape, (BATCH, 0, 1), image=True)


@handles("Gemm")
def read_gemm(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    x, w, c = tensor(given), required(given, 1, "weights"), constant(given, 2, "bias")
    a.only("transA", 0)
    a.harmless("broadcast")
    if len(x.labels) != 2:
        raise BitsmithError(f"an input of shape {x.dims} is not supported; supported: (batch, inputs)")
    if w.array.ndim != 2:
        raise BitsmithError(f"weights of shape {w.array.shape} are not supported; supported: (inputs, outputs)")
    w = _times(w, a.number("alpha", 1.0))
    w = w.changed(lambda array: array.T) if a.only("transB", 0, 1) else w
    c = None if c is None else _times(c, a.number("beta", 1.0))
    if c is not None and c.array.shape not in _bias_shapes(w.array.shape[-1]):
        raise BitsmithError(f"a bias of shape {c.array.shape} is not supported; supported: one number for each output")
    return _dense(walk, node, x, w, c)


def _bias_shapes(outputs: int) -> tuple[tuple[int, ...], ...]:
    return (), (1,), (outputs,), (1, 1), (1, outputs)


def _times(c: Const, factor: float | None) -> Const:
    if factor == 1.0 or factor is None:
        return c
    scale = None if c.scale is None else c.scale * factor
    return Const(c.array.astype(np.float32) * np.float32(factor), c.raw, scale)


@handles("Conv")
def read_conv(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    w, bias = required(given, 1, "weights"), constant(given, 2, "bias")
    x = walk.image(tensor(given), node.channels_last, node.name, factor=True, each=a.get("group", 1) != 1)
    d = len(x.shape) - 1
    if w.array.ndim != d + 2:
        raise BitsmithError(f"weights of shape {w.array.shape} do not fit an input of shape {x.dims}; export it again")
    if node.channels_last:
        w = w.changed(lambda array: np.moveaxis(array, -1, 1))
    outputs, inputs, *size = w.array.shape
    a.only("kernel_shape", *([size] if a.get("kernel_shape") is not None else [None]))
    config, group = geometry(a, x, tuple(size)), check_group(a, x.shape[-1], outputs, inputs)
    config["kernel_size"] = list(size)
    if bias is not None and bias.array.size != outputs:
        raise BitsmithError(f"a bias of shape {bias.array.shape} for {outputs} outputs; export the model again")
    if group > 1 and inputs == 1:
        multiplier = outputs // group
        config["depth_multiplier"] = multiplier

        def depthwise(v: FloatArray) -> FloatArray:  # (outputs, 1, *size) to (*size, inputs, multiplier)
            return np.moveaxis(v[:, 0], 0, -1).reshape(*size, group, multiplier)

        ready = _depthwise_weights(w, depthwise)
        y = layer_of(walk, node, x, f"DepthwiseConv{d}D", config, ready, bias, "depthwise_kernel")
    else:
        config["filters"] = outputs
        ready = weights_of(_ungrouped(w, group), lambda v: np.moveaxis(v, (0, 1), (-1, -2)))
        y = layer_of(walk, node, x, f"Conv{d}D", config, ready, bias)
    return replace(y, shape=(*places_after(config, x.shape[:-1], size), outputs))


def _depthwise_weights(w: Const, arranged: Any) -> Weights:
    """As ``weights_of``; the outputs are the last two axes."""
    found = weights_of(w, lambda v: np.moveaxis(v, 0, -1))
    kernel = arranged(np.moveaxis(found.kernel, -1, 0))
    return Weights(kernel, found.quantized, found.scale)


def _ungrouped(w: Const, group: int) -> Const:
    """Weights of groups as those of one, with zeros between them."""
    if group == 1:
        return w

    def spread(v: Any) -> Any:
        outputs, inputs = v.shape[:2]
        whole = np.zeros((outputs, inputs * group, *v.shape[2:]), dtype=v.dtype)
        for g in range(group):
            rows = slice(g * outputs // group, (g + 1) * outputs // group)
            whole[rows, g * inputs : (g + 1) * inputs] = v[rows]
        return whole

    scale = None if w.scale is None else np.repeat(w.scale, group, axis=1)
    return Const(spread(w.array), None if w.raw is None else spread(w.raw), scale)


@handles("BatchNormalization")
def read_batch_norm(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    """A layer that is folded into the weights before it, or in a network with quantizers a factor and an offset."""
    x = tensor(given)
    a.only("training_mode", 0)
    a.only("spatial", 1)
    a.harmless("momentum", "is_test", "consumed_inputs")
    epsilon = a.number("epsilon", 1e-5) or 0.0
    parts = [required(given, i + 1, name).array for i, name in enumerate(("scale", "bias", "mean", "variance"))]
    statistics: list[FloatArray] = [np.asarray(p, dtype=np.float64).reshape(-1) for p in parts]
    axis, count = len(x.labels) - 1 if node.channels_last else 1, statistics[0].size
    if axis >= len(x.labels) or x.dims[axis] != count or any(p.size != count for p in statistics):
        raise BitsmithError(
            f"it normalizes axis {axis} of {x.dims}, which does not fit its {count} scales; the file is no valid "
            "ONNX (some exporters transpose the batch away), export it again"
        )
    if (statistics[3] + epsilon <= 0).any():
        raise BitsmithError("a variance plus epsilon is not positive; train the model again")
    if x.order is None:
        x = walk.channels(x, axis, node.name)
        x = replace(x, image=len(x.labels) > 2)
    gamma, beta, mean, variance = (x.ours(p) for p in statistics)
    if walk.quantized or x.pending:
        scale: FloatArray = gamma / np.sqrt(variance + epsilon)
        return x.composed(scale, beta - mean * scale, node.name)
    config = {"axis": -1, "epsilon": epsilon, "center": True, "scale": True}
    weights = {"gamma": gamma, "beta": beta, "moving_mean": mean, "moving_variance": variance}
    return replace(x, key=walk.emit(node.name, "BatchNormalization", config, x, **weights))
