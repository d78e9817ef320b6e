"""Activations in float64, as Keras computes them; of a quantizer that does more than round, by its operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, quantize, to_float
from ...sim.op import Spec
from ...sim.table import FUNCTIONS
from ..quantize.activation import activation_operators, plain_type
from ..quantize.quantizers import Quantizer, is_quantizer, parse_quantizer
from ..quantize.weights import power_of_two
from ..read.attributes import Attributes
from ..read.build import value_of
from ..read.network import Layer
from ..read.policy import is_keras3
from .floats import Array

_WIDE = Fixed(True, 15, 16)
"""What the input of a quantizer that does more than round is taken as."""


def activate(layer: Layer, activation: Any, x: Array) -> Array:
    """A Keras function, or a quantizer of QKeras; None is none."""
    if activation is None:
        return x
    if is_quantizer(activation):
        return _quantized(parse_quantizer(activation, f"'{layer.name}'"), f"'{layer.name}'", x)
    name = str(value_of(activation))
    if name == "hard_sigmoid" and (own := _hard_sigmoid_slope(layer)):
        return np.clip(own * x + 0.5, 0, 1)
    if name not in _FUNCTIONS:
        raise BitsmithError(f"activation={name} on '{layer.name}' is not supported; supported: {', '.join(_FUNCTIONS)}")
    return _FUNCTIONS[name](x)


def activated(layer: Layer, x: Array) -> Array:
    """``x`` through the layer's ``activation=``."""
    return activate(layer, Attributes(layer.name, layer.config).function("activation", None), x)


def _quantized(q: Quantizer | None, where: str, x: Array) -> Array:
    """A quantizer's values; those of one that does more than round, from its operators."""
    plain = plain_type(q)
    if q is None or plain is not None:
        return x if plain is None else to_float(quantize(x, plain[0], overflow=plain[1]), plain[0])
    if q.name.endswith("po2"):
        return np.multiply(*power_of_two(q, x))
    raw, spec = quantize(x, _WIDE), Spec(x.shape[1:], _WIDE)
    for op in activation_operators(q, spec, where, table_bits=16):
        raw, spec = op.compute(raw), op.infer(spec)
    return to_float(raw, spec.type)


def _hard_sigmoid_slope(layer: Layer) -> float:
    """0 for Keras 2, whose slope is the usual one here."""
    if layer.class_name == "FixedGRU" or layer.class_name.startswith("Q"):
        return 0.5
    return 1 / 6 if is_keras3(layer.config) else 0.0


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu1": lambda x: np.clip(x, 0, 1),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "smooth_sigmoid": lambda x: np.clip(0.1875 * x + 0.5, 0, 1),
    "smooth_tanh": lambda x: np.clip(0.375 * x, -1, 1),
    "binary_sigmoid": lambda x: np.where(x > 0, 1.0, 0.0),
    "binary_tanh": lambda x: np.where(x > 0, 1.0, -1.0),
    "ternary_tanh": lambda x: np.where(x > 0.5, 1.0, np.where(x <= -0.5, -1.0, 0.0)),
    "abs": np.abs,
    "absolute": np.abs,
    "round": np.rint,
    "silu": FUNCTIONS["swish"],
    "exponential": FUNCTIONS["exp"],
    "softmax": softmax,
    **FUNCTIONS,
}


def relu(layer: Layer, x: Array) -> Array:
    a = Attributes(layer.name, layer.config)
    slope, upper = a.number("negative_slope", 0.0), a.number("max_value", None)
    return np.minimum(np.where(x > 0, x, slope * x), np.inf if upper is None else upper)


def leaky_relu(layer: Layer, x: Array) -> Array:
    slope = Attributes(layer.name, layer.config).number("negative_slope", None)
    slope = Attributes(layer.name, layer.config).number("alpha", 0.3) if slope is None else slope
    return np.where(x > 0, x, (slope or 0.0) * x)


def operation(layer: Layer, x: Array) -> Array:
    """A TensorFlow function as a layer."""
    return activate(layer, str(layer.config.get("function")).removeprefix("math."), x)


def named_by_class(layer: Layer, x: Array) -> Array:
    """A function that is a layer of its own: ELU, Absolute, Round, Softmax."""
    return _FUNCTIONS[layer.class_name.lower()](x)
