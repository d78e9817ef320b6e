"""Functions of each value, joins of tensors, and arithmetic with constants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ....sim.errors import BitsmithError
from ....sim.fixed import FloatArray
from ....sim.join import joined_shape
from ...classes import short
from ..attributes import Attributes
from .constants import Given, constant, folded, tensor
from .proto import Node
from .values import BATCH, Const, Value
from .walk import Walk, handles

_NAMED = {"Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "Softsign": "softsign", "Abs": "abs",
          "Round": "round", "Exp": "exp"}  # fmt: skip
_JOINS = {"Add": "Add", "Sub": "Subtract", "Mul": "Multiply", "Max": "Maximum", "Min": "Minimum", "Mean": "Average"}
_KERAS3 = {"dtype": {"class_name": "DTypePolicy", "config": {"name": "float32"}}}
"""What makes hard_sigmoid's slope 1/6 and not 0.2."""


def function(walk: Walk, node: Node, x: Value, class_name: str, config: dict[str, Any]) -> Value:
    """A layer of a function, behind the value with nothing pending."""
    return walk.behind(walk.plain(x), node.name, class_name, config)


@handles(*_NAMED)
def read_named(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    return function(walk, node, tensor(given), "Activation", {"activation": _NAMED[node.op]})


@handles("Relu")
def read_relu(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    """A positive factor passes through it."""
    a.harmless("consumed_inputs")
    x = tensor(given)
    if x.offset is None and x.scale is not None and bool((x.scale > 0).all()):
        return walk.behind(x, node.name, "ReLU")
    return function(walk, node, x, "ReLU", {})


@handles("LeakyRelu")
def read_leaky_relu(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    return function(walk, node, tensor(given), "LeakyReLU", {"negative_slope": a.number("alpha", 0.01)})


@handles("Clip")
def read_clip(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    """From 0 to a number: a ReLU with a bound."""
    ends = []
    for index, name in ((1, "min"), (2, "max")):
        found = constant(given, index, name)
        ends.append(a.number(name, None) if found is None else _number(found))
    if ends[0] != 0 or (ends[1] is not None and ends[1] <= 0):
        a.refuse("min, max", ends, "0 and a number above it")
    return function(walk, node, tensor(given), "ReLU", {} if ends[1] is None else {"max_value": ends[1]})


def _number(c: Const) -> float:
    if c.array.size != 1:
        raise BitsmithError(f"a limit of shape {c.array.shape} is not supported; give one number")
    return float(c.array.reshape(-1)[0])


@handles("HardSigmoid")
def read_hard_sigmoid(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    alpha, beta = a.number("alpha", 0.2), a.number("beta", 0.5)
    slopes = {float(np.float32(0.2)): {}, float(np.float32(1 / 6)): _KERAS3}
    more = slopes.get(float(np.float32(alpha or 0.0)))
    if more is None or beta != 0.5:
        a.refuse("alpha, beta", (alpha, beta), "0.2 or 1/6, and 0.5")
    return function(walk, node, tensor(given), "Activation", {"activation": "hard_sigmoid", **(more or {})})


@handles("Elu", "Selu")
def read_elu(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    usual = {"Elu": {"alpha": 1.0}, "Selu": {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805}}[node.op]
    for name, value in usual.items():
        found = a.number(name, value)
        if found is None or abs(found - value) > 1e-5:
            a.refuse(name, found, f"{value:.8g}")
    return function(walk, node, tensor(given), "Activation", {"activation": node.op.lower()})


@handles("Softmax", "LogSoftmax")
def read_softmax(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    x = tensor(given)
    rank, old = len(x.labels), walk.model.opset < 13
    axis = a.get("axis", 1 if old else -1)
    if not isinstance(axis, int) or not -rank <= axis < rank or (old and axis % rank != rank - 1):
        a.refuse("axis", axis, "the last axis" if old else "one of its axes")
    x = x if x.order is not None else walk.channels(x, axis, node.name)
    return function(walk, node, x, node.op, {"axis": -1})


@handles(*_JOINS, "Div")
def read_join(walk: Walk, node: Node, a: Attributes, given: Given) -> Value | Const:
    """Two constants: computed; a tensor and a constant: a factor or an offset; tensors: a join."""
    a.harmless("broadcast", "consumed_inputs")
    a.only("axis", 1)
    if any(x is None for x in given):
        raise BitsmithError("one of its inputs is missing; export the model again")
    values = [x for x in given if isinstance(x, Value)]
    if not values:
        return folded(node, given) if node.op in ("Add", "Sub", "Mul", "Div") else _unknown(node)
    if len(values) == len(given):
        return _joined(walk, node, values)
    if len(given) != 2 or node.op in ("Max", "Min", "Mean"):
        return _unknown(node)
    return _with_constant(walk, node, given)


def _unknown(node: Node) -> Const:
    raise BitsmithError(f"{node.op} of a constant is not supported; compute it before the export")


def _joined(walk: Walk, node: Node, values: list[Value]) -> Value:
    if node.op == "Div":
        raise BitsmithError("the quotient of two tensors is not supported; divide by a constant")
    if len(values) == 1:
        return values[0]
    values = [walk.plain(x) for x in values]
    first = max(values, key=lambda x: len(x.shape))
    same = all(x.order is first.order for x in values)
    if not same:
        values = [walk.natural(x, f"{node.name}_{i}") for i, x in enumerate(values)]
        first = max(values, key=lambda x: len(x.shape))
    rank = len(first.labels)
    if any(len(x.labels) != rank for x in values):
        raise BitsmithError(f"tensors of {[len(x.labels) for x in values]} axes are not supported; reshape them before")
    if len({x.labels.index(BATCH) for x in values}) > 1:
        raise BitsmithError("its tensors have the batch at different places; transpose it back")
    aligned = [
        x if same and x.order is not None else _like(walk, x, first, f"{node.name}_{i}") for i, x in enumerate(values)
    ]
    shape = joined_shape(f"'{node.name}'", [x.shape for x in aligned])
    key = walk.emit(node.name, _JOINS[node.op], {}, *aligned)
    return replace(first, key=key, shape=shape, image=any(x.image for x in values))


def _like(walk: Walk, x: Value, other: Value, name: str) -> Value:
    """A tensor with its axes in the order of another; a vector of channels is left as it is."""
    if len(x.axes) < len(other.axes) and x.axes == other.axes[len(other.axes) - len(x.axes) :]:
        return x
    return walk.arranged(x, other.axes, name)


def per_channel(walk: Walk, x: Value, array: Any, name: str) -> tuple[Value, FloatArray]:
    """A constant that is broadcast to a tensor, as one number or one for each place of our last axis, which becomes
    the axis that it goes along."""
    rank = len(x.labels)
    if array.ndim > rank:
        raise BitsmithError(
            f"a constant of shape {array.shape} makes its tensor {x.dims} larger; that is not supported"
        )
    shape = ((1,) * rank + array.shape)[-rank:]
    along = [axis for axis, n in enumerate(shape) if n != 1]
    if not along:
        return x, np.asarray(array, dtype=np.float64).reshape(1)
    if len(along) > 1 or x.labels[along[0]] == BATCH or x.dims[along[0]] != shape[along[0]]:
        raise BitsmithError(
            f"a constant of shape {short(array.shape)} with a tensor of shape {x.dims} is not supported; supported: "
            "one number, or one for each channel"
        )
    values = np.asarray(array, dtype=np.float64).reshape(-1)
    if x.order is not None:
        return x, x.ours(values)
    return walk.channels(x, along[0], name), values


def _with_constant(walk: Walk, node: Node, given: Given) -> Value:
    x, at = (given[0], 1) if isinstance(given[0], Value) else (given[1], 0)
    other = given[at]
    assert isinstance(x, Value)
    assert isinstance(other, Const)
    x, c = per_channel(walk, x, other.array, node.name)
    if node.op == "Add" and (merged := _bias(walk, x, other, c)) is not None:
        return merged
    one, none = np.ones(1), np.zeros(1)
    if node.op == "Div":
        if at == 0:
            raise BitsmithError("a constant divided by a tensor is not supported")
        if (c == 0).any():
            raise BitsmithError("a division by 0; export the model again")
        return x.composed(1.0 / c, none, node.name)
    if node.op == "Mul":
        return x.composed(c, none, node.name)
    if node.op == "Sub":
        return x.composed(one, -c, node.name) if at == 1 else x.composed(-one, c, node.name)
    return x.composed(one, c, node.name)


def _bias(walk: Walk, x: Value, other: Const, c: FloatArray) -> Value | None:
    """The value with a constant as its layer's bias; None where that has one, or is no such layer."""
    layer = walk.layers[x.key]
    if layer.config.get("use_bias") is not False or x.pending or not x.single or x.order is not None:
        return None
    bias = np.broadcast_to(c, (x.shape[-1],)).astype(np.float64)
    config = {**layer.config, "use_bias": True}
    if other.quantized or walk.quantized:
        config["bias_quantizer"] = {"class_name": "exact", "config": {}}
    walk.layers[x.key] = replace(layer, config=config, weights={**layer.weights, "bias": bias})
    return x
