"""How far a graph may be from the model that it was made of, in float32: a bound that is proven, value by value.

A running error analysis as in ``recurrent_bound``, which does the recurrent layers: beside each computed tensor stands
a bound of its distance from the model's. It grows by what is rounded here (weights to their types, results, tables'
addresses and entries) and by what Keras rounds (float32, the standard model of floating-point sums). A value that
leaves its type is an error. Nothing is taken from the model's outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from recurrent_bound import recurrent, rounding

from bitsmith.sim.fixed import Fixed, Overflow, to_float
from bitsmith.sim.graph import Graph
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.max_pool2d import MaxPool2D
from bitsmith.sim.recurrent import Recurrent

Array = Any
UNIT = 2.0**-24
"""The relative error of one rounding to float32."""
NARROW = 20
"""Bits of an error while it passes through a layer's own sums as an integer, rounded up."""
LIPSCHITZ = {"sigmoid": 0.25, "tanh": 1.0, "elu": 1.0, "selu": 1.76, "softplus": 1.0, "softsign": 1.0, "silu": 1.1}
"""The most that a function's values differ, for each unit of its argument; elu's with a slope below zero of 1."""
Rule = Callable[["Bound", Any, list[Array], list[Array]], Array]


class Unbounded(Exception):
    """An operator without a rule."""


class Leaves(Exception):
    """A value that wraps around: no bound holds behind it."""


class Bound:
    """``weights``: fraction bits of the model's weights where they are on such a grid, None where they are anywhere.

    ``quantized``: every activation is a quantizer of the model's, and rounds there as here.
    """

    def __init__(self, weights: int | None, quantized: bool) -> None:
        self.weights, self.quantized = weights, quantized

    def outputs(self, graph: Graph, raw: list[Array]) -> list[tuple[Array, Array]]:
        """Every output, real, with its bound; ``raw`` are the inputs."""
        found = dict(zip((name for name, _ in graph.inputs), raw))
        specs, errors = graph.specs(), {name: np.zeros(x.shape) for name, x in found.items()}
        for node in graph.nodes:
            given, known = [found[name] for name in node.inputs], [errors[name] for name in node.inputs]
            found[node.name] = node.op.compute(*given)
            if isinstance(node.op, Recurrent):
                errors[node.name] = recurrent(node.op, given, known) + 64 * UNIT
                continue
            values = [to_float(x, specs[name].type) for x, name in zip(given, node.inputs)]
            rule = RULES.get(node.op.stem, RULES["moves"] if node.op.stem in MOVING else None)
            if rule is None:
                raise Unbounded(node.op.stem)
            errors[node.name] = rule(self, node.op, values, known)
        return [(to_float(found[name], specs[name].type), errors[name]) for name in graph.outputs]

    def step(self, type: Fixed) -> float:
        """How far a weight may be from the model's."""
        exact = self.weights is not None and self.weights <= type.fraction
        return 0.0 if exact else 2.0**-type.fraction


def through(op: Any, kernel: Array, values: Array) -> Array:
    """A layer's sums of ``values`` (not negative) with another kernel (raw, not negative), rounded up."""
    largest = float(values.max(initial=0))
    if largest == 0:
        values = np.zeros_like(values)
    shift = NARROW - 1 - int(np.ceil(np.log2(largest))) if largest else 0
    whole = np.ceil(np.ldexp(values, shift)).astype(np.int64)
    zeros = np.zeros_like(op.bias)
    bits = max(1, int(np.asarray(kernel).max(initial=0)).bit_length())
    types = {
        "input_type": Fixed(False, NARROW, 0),
        "kernel_type": Fixed(False, bits, 0),
        "bias_type": Fixed(False, 1, 0),
    }
    plain = replace(op, kernel=kernel, bias=zeros, **types)
    return np.ldexp(plain.compute(whole).astype(np.float64), -shift)


def _sums(bound: Bound, op: Any, x: list[Array], e: list[Array]) -> Array:
    size, scale = np.abs(op.kernel), 2.0**-op.kernel_type.fraction
    far = np.abs(x[0]) + e[0]
    terms, total = float(np.prod(op.kernel.shape[:-1])), scale * through(op, size, far)
    step = bound.step(op.kernel_type)
    weights = step * through(op, np.ones_like(size), far) if step else 0.0
    bias = np.abs(to_float(op.bias, op.bias_type))
    return scale * through(op, size, e[0]) + weights + bound.step(op.bias_type) + (terms + 3) * UNIT * (total + bias)


def _scaled(bound: Bound, op: Any, x: list[Array], e: list[Array]) -> Array:
    """A normalization's factors are on no grid of the model's."""
    scale, far = np.abs(to_float(op.scale, op.scale_type)), np.abs(x[0]) + e[0]
    steps = 2.0**-op.scale_type.fraction * far + 2.0**-op.offset_type.fraction
    return e[0] * scale + steps + 8 * UNIT * (far * scale + 4)


def _activation(bound: Bound, op: Activation, x: list[Array], e: list[Array]) -> Array:
    if bound.quantized:
        return _quantizer(op, x[0], e[0])
    value, own = _exactly(op, x[0]), rounding(op.output_type, op.rounding)
    slope = max(abs(float(op.slope)), LIPSCHITZ[op.function] if op.kind is Kind.TABLE else 1.0)
    if op.table_type is not None and op.table_type.fraction < op.input_type.fraction:
        own += slope * 2.0 ** -(op.table_type.fraction + 1)
    low, high = (v * 2.0**-op.output_type.fraction for v in (op.output_type.raw_min, op.output_type.raw_max))
    beyond = np.maximum(np.maximum(value - high, low - value), 0)
    if op.overflow is Overflow.WRAP and (beyond > 2.0**-op.output_type.fraction).any():
        raise Leaves(f"{op.kind.value}: {float(np.abs(value).max()):g} in {op.output_type}")
    near = (np.abs(x[0] - float(op.offset)) <= e[0]) & (op.kind is Kind.THRESHOLDED_RELU)  # where it jumps
    return slope * e[0] + own + beyond + np.where(near, np.abs(x[0]), 0) + 16 * UNIT * (1 + np.abs(value))


def _exactly(op: Activation, x: Array) -> Array:
    """The function's value before its result is rounded."""
    if op.kind is Kind.TABLE:
        assert op.table_type is not None
        wide = np.clip(x, op.table_type.raw_min * 2.0**-op.table_type.fraction, None)
        return to_float(op.compute(np.ldexp(wide, op.input_type.fraction).astype(np.int64)), op.output_type)
    raw = np.ldexp(x, op.input_type.fraction).astype(np.int64)
    return np.ldexp(op.exact(raw).astype(np.float64), -op.exact_fraction)


def _quantizer(op: Activation, x: Array, e: Array) -> Array:
    """The same function there and here, and monotone: between its values at both ends of what the input may be."""

    def at(values: Array, rounds: Any) -> Array:
        raw = np.clip(rounds(np.ldexp(values, op.input_type.fraction)), op.input_type.raw_min, op.input_type.raw_max)
        return to_float(op.compute(raw.astype(np.int64)), op.output_type)

    here = at(x, np.rint)
    return np.maximum(np.abs(at(x + e, np.ceil) - here), np.abs(here - at(x - e, np.floor)))


def _softmax(bound: Bound, op: Any, x: list[Array], e: list[Array]) -> Array:
    """The bound that ``test_softmax`` proves, and the inputs' largest error: no output changes by more."""
    from test_softmax import bound as tables

    low = op.overflow is Overflow.WRAP and op.output_type.raw_max < 2**op.output_type.fraction
    if low:
        raise Leaves(f"softmax: 1 in {op.output_type}")
    worst = e[0].max(axis=-1, keepdims=True)
    return np.broadcast_to(tables(op, x[0].shape[-1]) + worst + 16 * UNIT, x[0].shape)


def _moves(bound: Bound, op: Any, x: list[Array], e: list[Array]) -> Array:
    return np.asarray(op.compute(*e), dtype=np.float64)


def _mean(bound: Bound, op: Any, x: list[Array], e: list[Array]) -> Array:
    """A mean is no further off than the worst of its values."""
    if hasattr(op, "pool"):
        worst, size = MaxPool2D(op.input_type, op.pool, op.strides, op.padding), int(np.prod(op.pool))
        errors, values = worst.compute(e[0]), worst.compute(np.abs(x[0]))
    else:
        size = x[0].shape[1] * x[0].shape[2]
        errors, values = e[0].max(axis=(1, 2)), np.abs(x[0]).max(axis=(1, 2))
    return np.maximum(errors, 0) + rounding(op.output_type, op.rounding) + (size + 2) * UNIT * np.abs(values)


def _added(bound: Bound, op: Any, x: list[Array], e: list[Array]) -> Array:
    return sum(e[1:], e[0]) + 2 * UNIT * sum((np.abs(v) for v in x[1:]), np.abs(x[0]))


def _picked(bound: Bound, op: Any, x: list[Array], e: list[Array]) -> Array:
    return np.maximum.reduce(np.broadcast_arrays(*e))


def _average(bound: Bound, op: Any, x: list[Array], e: list[Array]) -> Array:
    largest = _picked(bound, op, x, [np.abs(value) for value in x])
    return _picked(bound, op, x, e) + rounding(op.to.type, op.to.rounding) + 4 * UNIT * largest


def _multiplied(bound: Bound, op: Any, x: list[Array], e: list[Array]) -> Array:
    exact, far = np.ones(()), np.ones(())
    for value, error in zip(x, e):
        exact, far = exact * np.abs(value), far * (np.abs(value) + error)
    return far - exact + len(x) * UNIT * far


def _embedding(bound: Bound, op: Any, x: list[Array], e: list[Array]) -> Array:
    return np.full((*x[0].shape[:-1], op.table.shape[1]), bound.step(op.table_type))


def _prelu(bound: Bound, op: Any, x: list[Array], e: list[Array]) -> Array:
    slope = np.abs(to_float(op.slope, op.slope_type))
    return e[0] * np.maximum(1, slope) + (np.abs(x[0]) + e[0]) * (bound.step(op.slope_type) + 2 * UNIT * (1 + slope))


MOVING = ("flatten", "permute", "crop", "up_sampling2d", "zero_padding2d", "reverse", "repeat_vector", "concatenate",
          "max_pool2d", "global_max_pool2d")  # fmt: skip
"""These compute on errors as on values: a window's largest error bounds that of its largest value."""
RULES: dict[str, Rule] = {
    "moves": _moves,
    "batch_norm": _scaled,
    "activation": _activation,
    "softmax": _softmax,
    "multiply": _multiplied,
    "average": _average,
    "embedding": _embedding,
    "prelu": _prelu,
    **dict.fromkeys(("dense", "conv2d", "depthwise_conv2d", "conv2d_transpose"), _sums),
    **dict.fromkeys(("add", "subtract"), _added),
    **dict.fromkeys(("maximum", "minimum"), _picked),
    **dict.fromkeys(("average_pool2d", "global_average_pool2d"), _mean),
}
