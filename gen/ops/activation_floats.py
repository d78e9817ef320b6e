"""Activations in float64, as Keras computes them; of a quantizer that does more than round, by its operators."""

from __future__ import annotations

import re
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
from .activation_curves import SPELLINGS
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
    name = SPELLINGS.get(name, name)
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
    return 1 / 6 if of_keras3(layer) else 0.0


def of_keras3(layer: Layer) -> bool:
    """Whether a layer's functions are those of Keras 3; one that is such a function has no dtype to tell by."""
    return is_keras3(layer.config) or layer.class_name == "HardSigmoid"


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_softmax(x: Array) -> Array:
    below = x - x.max(axis=-1, keepdims=True)
    return below - np.log(np.exp(below).sum(axis=-1, keepdims=True))


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
    "sparse_sigmoid": lambda x: np.clip(0.5 * (x + 1), 0, 1),
    "abs": np.abs,
    "round": np.rint,
    "softmax": softmax,
    "log_softmax": log_softmax,
    **FUNCTIONS,
}


def relu(layer: Layer, x: Array) -> Array:
    a = Attributes(layer.name, layer.config)
    slope, upper = a.number("negative_slope", 0.0), a.number("max_value", None)
    threshold = a.number("threshold", 0.0)
    return np.minimum(np.where(x > threshold, x, slope * (x - threshold)), np.inf if upper is None else upper)


def thresholded_relu(layer: Layer, x: Array) -> Array:
    return np.where(x > Attributes(layer.name, layer.config).number("theta", 1.0), x, 0.0)


def leaky_relu(layer: Layer, x: Array) -> Array:
    return np.where(x > 0, x, negative_slope(layer, Attributes(layer.name, layer.config)) * x)


def negative_slope(layer: Layer, a: Attributes) -> float:
    """A LeakyReLU's slope: Keras 2 calls it alpha; Keras 3's function of the same name has another default."""
    slope = a.number("negative_slope", 0.2 if layer.class_name == "LeakyRelu" else None)
    if slope is not None and slope < 0:  # as in Keras 3
        a.refuse("negative_slope", slope, "0 and more")
    slope = a.number("alpha", 0.3) if slope is None else slope
    a.harmless("alpha")
    return slope or 0.0


def elu(layer: Layer, x: Array) -> Array:
    slope = Attributes(layer.name, layer.config).number("alpha", 1.0)
    return np.where(x > 0, x, slope * np.expm1(np.minimum(x, 0)))


OPERATIONS = {
    "math.abs": "abs",
    "math.round": "round",
    "math.exp": "exp",
    "math.sigmoid": "sigmoid",
    "math.softplus": "softplus",
    "math.tanh": "tanh",
    "nn.elu": "elu",
    "nn.relu": "relu",
    "nn.relu6": "relu6",
    "nn.selu": "selu",
    "nn.softsign": "softsign",
}
"""TensorFlow's functions of one argument, as layers of class TFOpLambda, and Keras's names for them."""
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def operation(layer: Layer, x: Array) -> Array:
    """A TensorFlow function as a layer."""
    function = Attributes(layer.name, layer.config).only("function", *OPERATIONS)
    return activate(layer, OPERATIONS[function], x)


def operation_name(layer: Layer, a: Attributes) -> str:
    """The function of a Keras 3 operation; gelu has two forms."""
    if layer.class_name == "Gelu":
        return "gelu_tanh" if a.flag("approximate", True) else "gelu"
    return _CAPITAL.sub("_", layer.class_name).lower()


def named_by_class(layer: Layer, x: Array) -> Array:
    """A function that is a layer of its own: Absolute, Round, Softmax, Keras 3's operations."""
    return activate(layer, operation_name(layer, Attributes(layer.name, layer.config)), x)
