"""Attention layers as the layers that they are made of, each with a name, a result and types of its own.

``mha`` of class MultiHeadAttention becomes ``mha_query``, ``mha_key`` and ``mha_value`` (Dense over the channels),
``mha_scaled`` (Affine, where 1 / sqrt(key_dim) is not 1), ``mha_scores`` and ``mha_context`` (Matmul, head by head),
``mha_softmax`` between them, and the layer itself, which projects the heads' context to the output. A layer of class
Attention is ``_scores``, ``_softmax`` and itself, the product with the values.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod, sqrt
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ..classes import ATTENTION
from .attributes import Attributes
from .hdf5 import FloatArray
from .layer import Layer

MULTI, PLAIN = ATTENTION
ATTENTION_PARTS = ("query", "key", "value", "scaled", "scores", "softmax", "context")
"""What the names of the layers end with."""
_GENERAL = ("dtype", "trainable")


def expanded(layer: Layer) -> list[Layer]:
    """The layers in the place of one; itself where it is no attention, or one that is not supported.

    Its converter then says what is not (``check_expanded``).
    """
    if layer.class_name not in ATTENTION:
        return [layer]
    try:
        return parts(layer)
    except BitsmithError:
        return [layer]


def check_expanded(layer: Layer) -> None:
    """BitsmithError, which says why, for an attention that was not taken apart."""
    if not any(key == f"{layer.key}_{part}" for key in layer.inputs for part in ("context", "softmax")):
        parts(layer)


def parts(layer: Layer) -> list[Layer]:
    """The layers that an attention is made of, in order; BitsmithError for one that is not supported."""
    if len(layer.inputs) not in (2, 3):
        raise BitsmithError(
            f"'{layer.name}': {layer.class_name} of {len(layer.inputs)} tensors; give a query, a value and maybe a key"
        )
    found = _multi_head(layer) if layer.class_name == MULTI else _plain(layer)
    layer.check_taken()  # the scale of integers inside, for one: no part would ask for it
    return found


def _inner(layer: Layer, part: str, class_name: str, inputs: tuple[str, ...], config: dict[str, Any]) -> Layer:
    general = {name: layer.config[name] for name in _GENERAL if name in layer.config}
    name, key = (f"{text}_{part}" if part else text for text in (layer.name, layer.key))
    whole = general | {"name": name} | config
    return replace(layer, key=key, name=name, class_name=class_name, config=whole, inputs=inputs, weights={})


def _plain(layer: Layer) -> list[Layer]:
    a = Attributes(layer.name, layer.config)
    a.check_general(layer.class_name)
    a.only("use_scale", False)
    a.only("score_mode", "dot")
    a.harmless("dropout", "seed")
    a.finish()
    query, value, key = (*layer.inputs, layer.inputs[1])[:3]
    scores = _inner(layer, "scores", "Matmul", (query, key), {"transposed": True})
    softmax = _inner(layer, "softmax", "Softmax", (scores.key,), {"axis": -1})
    return [scores, softmax, _inner(layer, "", PLAIN, (softmax.key, value), {})]


def _multi_head(layer: Layer) -> list[Layer]:
    a = Attributes(layer.name, layer.config)
    a.check_general(layer.class_name)
    heads, size, values = (a.integer(name) for name in ("num_heads", "key_dim", "value_dim"))
    bias = a.flag("use_bias", True)
    a.only("use_gate", False)
    a.only("sliding_window", None)
    axes = a.get("attention_axes")
    steps = list(axes) if isinstance(axes, (list, tuple)) else [axes]
    if axes is not None and (steps != [1] or type(steps[0]) is not int):
        a.refuse("attention_axes", axes, "None, (1,): the steps of sequences")
    a.get("output_shape")
    a.harmless("dropout", "seed", "flash_attention", "softmax_robust_masking")
    a.finish("query_shape", "key_shape", "value_shape")
    query, value, key = (*layer.inputs, layer.inputs[1])[:3]
    found: list[Layer] = []
    for part, source, width in (("query", query, size), ("key", key, size), ("value", value, values)):
        found.append(_inner(layer, part, "Dense", (source,), _dense(heads * width, bias)))
        found[-1].weights.update(_projection(layer, part, (heads, width), bias))
    scaled = found[0]
    if size != 1:
        scaled = _inner(layer, "scaled", "Affine", (scaled.key,), {})
        scaled.weights.update(scale=np.full(heads * size, 1 / sqrt(size)), offset=np.zeros(heads * size))
        found.append(scaled)
    scores = _inner(layer, "scores", "Matmul", (scaled.key, found[1].key), {"heads": heads, "transposed": True})
    softmax = _inner(layer, "softmax", "Softmax", (scores.key,), {"axis": -1, "heads": heads})
    context = _inner(layer, "context", "Matmul", (softmax.key, found[2].key), {"heads": heads})
    weights = _output(layer, a, (heads, values), bias)
    output = _inner(layer, "", MULTI, (context.key,), _dense(weights["kernel"].shape[1], bias))
    output.weights.update(weights)
    return [*found, scores, softmax, context, output]


def _dense(units: int, bias: bool) -> dict[str, Any]:
    return {"units": units, "use_bias": bias, "activation": "linear"}


def _projection(layer: Layer, part: str, shape: tuple[int, int], bias: bool) -> dict[str, FloatArray]:
    """The kernel (channels, heads * size) and the bias of the query, the key or the value."""
    kernel = layer.variable(f"{part}_dense/kernel", f"{part}_dense/0")
    _check_shape(layer, f"{part} kernel", kernel, (kernel.shape[0] if kernel.ndim else 0, *shape))
    found: dict[str, FloatArray] = {"kernel": kernel.reshape(len(kernel), -1)}
    if bias:
        values = layer.variable(f"{part}_dense/bias", f"{part}_dense/1")
        _check_shape(layer, f"{part} bias", values, shape)
        found["bias"] = values.ravel()
    return found


def _output(layer: Layer, a: Attributes, shape: tuple[int, int], bias: bool) -> dict[str, FloatArray]:
    """The kernel (heads * size, channels) and the bias of the output."""
    kernel = layer.variable("output_dense/kernel", "output_dense/0")
    units = kernel.shape[-1] if kernel.ndim else 0
    _check_shape(layer, "output kernel", kernel, (*shape, units))
    given = a.get("output_shape")
    if given is not None and (list(given) if isinstance(given, (list, tuple)) else [given]) != [units]:
        a.refuse("output_shape", given, f"None, {units}: one axis, as the file's kernel has it")
    found = {"kernel": kernel.reshape(prod(shape), units)}
    if bias:
        found["bias"] = layer.variable("output_dense/bias", "output_dense/1")
        _check_shape(layer, "output bias", found["bias"], (units,))
    return found


def _check_shape(layer: Layer, what: str, values: FloatArray, shape: tuple[int, ...]) -> None:
    if values.shape != shape or 0 in shape:
        raise BitsmithError(f"'{layer.name}': {what} has shape {values.shape}, expected {shape}; {layer.cure}")
