"""QONNX's quantizers, of constants and of tensors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ....sim.errors import BitsmithError
from ....sim.fixed import FloatArray
from ...quantize.quant import WEIGHT_ROUNDINGS, integers
from ..attributes import Attributes
from .constants import Given, required, tensor
from .elementwise import per_channel
from .proto import Node
from .values import Const, Value, powers_of_two
from .walk import Walk, handles

QUANTIZERS = ("Quant", "IntQuant", "BipolarQuant", "Trunc")
_REASONS = {
    "FloatQuant": "its values have no fixed point; use Quant",
    "MultiThreshold": "it is FINN's form after streamlining; give the model before that",
}


@handles("Quant", "IntQuant")
def read_quant(walk: Walk, node: Node, a: Attributes, given: Given) -> Value | Const:
    scale, zero = required(given, 1, "scale"), required(given, 2, "zero point")
    bits = one_width(given, 3, "bit width")
    signed, narrow = flag(a, "signed", 1), flag(a, "narrow", 0)
    rounding = rounding_of(a, "ROUND")
    if isinstance(given[0], Const):
        return quantized_constant(given[0], scale, zero, bits, signed, narrow, rounding)
    config = {"bits": bits, "signed": signed, "narrow": narrow, "rounding_mode": rounding}
    return _of_tensor(walk, node, tensor(given), scale, zero, config)


def one_width(given: Given, index: int, what: str) -> int:
    """A number of bits."""
    width = required(given, index, what).array.reshape(-1)
    if len(width) != 1 or not 1 <= float(width[0]) <= 32 or not float(width[0]).is_integer():
        raise BitsmithError(f"a bit width of {width[:4].tolist()} is not supported; supported: one number from 1 to 32")
    return int(width[0])


def rounding_of(a: Attributes, default: str) -> str:
    rounding = str(a.get("rounding_mode", default)).upper()
    rounding = "DOWN" if rounding == "ROUND_TO_ZERO" else rounding
    if rounding not in WEIGHT_ROUNDINGS:
        a.refuse("rounding_mode", rounding, ", ".join(WEIGHT_ROUNDINGS))
    return rounding


def flag(a: Attributes, name: str, default: int) -> bool:
    value = a.get(name, default)
    if value not in (0, 1):
        a.refuse(name, value, "0, 1")
    return bool(value)


@handles("BipolarQuant")
def read_bipolar(walk: Walk, node: Node, a: Attributes, given: Given) -> Value | Const:
    """Plus or minus the scale: a Quant of one signed bit."""
    scale, zero = required(given, 1, "scale"), Const(np.zeros(1, dtype=np.float32))
    if isinstance(given[0], Const):
        return quantized_constant(given[0], scale, zero, 1, True, False, "ROUND")
    config = {"bits": 1, "signed": True, "narrow": False, "rounding_mode": "ROUND"}
    return _of_tensor(walk, node, tensor(given), scale, zero, config)


@handles(*_REASONS)
def refuse(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    raise BitsmithError(f"{node.op} is not supported: {_REASONS[node.op]}")


def positive(scale: Const) -> Any:
    array = np.asarray(scale.array, dtype=np.float32)
    if not array.size or not (array > 0).all():
        raise BitsmithError("a scale that is not positive is not supported; export the model again")
    return array


def whole_zeros(zero: Const) -> FloatArray:
    zeros = np.asarray(zero.array, dtype=np.float64)
    if not (zeros == np.rint(zeros)).all():
        raise BitsmithError(f"a zero point of {zeros.reshape(-1)[0]} is not supported; supported: whole numbers")
    return zeros


def quantized_constant(
    x: Const, scale: Const, zero: Const, bits: int, signed: bool, narrow: bool, rounding: str
) -> Const:
    """Integers, scales and values of quantized weights, of one shape."""
    values, scales, zeros = np.asarray(x.array), positive(scale), np.asarray(zero.array)
    try:
        full = np.broadcast_to(scales, values.shape)
        zeros = np.broadcast_to(zeros, values.shape)
    except ValueError:
        raise BitsmithError(f"scales {scales.shape} or zero points do not fit weights {values.shape}") from None
    raw = integers(values, full, zeros, bits, signed, narrow, rounding)
    array = np.asarray(raw.astype(np.float32) * full, dtype=np.float32)
    return Const(array, raw, full.astype(np.float64))


def _of_tensor(walk: Walk, node: Node, x: Value, scale: Const, zero: Const, config: dict[str, Any]) -> Value:
    """A layer of the quantizer; a scale that is no power of two is divided out before and stays pending behind."""
    scales, zeros = positive(scale).astype(np.float64), whole_zeros(zero)
    sign = config["bits"] == 1 and config["signed"]
    if scales.size == 1 and powers_of_two(scales) and not zeros.any() and not sign:
        s = float(scales.reshape(-1)[0])
        return walk.behind(walk.plain(x), node.name, "QActivation", _activation(config, s))
    if scales.size > 1 and zeros.size > 1 and scales.shape != zeros.shape:
        raise BitsmithError(f"scales {scales.shape} and zero points {zeros.shape} are not of one shape")
    x, s_channel = per_channel(walk, x, scales, node.name)
    x, z_channel = per_channel(walk, x, zeros, node.name)
    alike = sign and not zeros.any()  # the sign does not depend on the scale
    x = walk.plain(x) if alike else divided(walk, x, s_channel, z_channel, node.name)
    y = walk.behind(x, node.name, "QActivation", _activation(config, 1.0))
    if (s_channel == 1).all() and not zeros.any():
        return y
    return y.composed(s_channel, -z_channel * s_channel, f"{node.name}_scale")


def _activation(config: dict[str, Any], scale: float) -> dict[str, Any]:
    return {"activation": {"class_name": "Quant", "config": {**config, "scale": scale}}}


def divided(walk: Walk, x: Value, scale: Any, zero: Any, name: str) -> Value:
    """``x / scale + zero``: inside of the layer ``Affine`` in front, before a ReLU or not, where nothing else reads
    it; else in one of its own."""
    layer, key = walk.layers[x.key], x.key
    through = layer.class_name == "ReLU" and set(layer.config) == {"name"} and not zero.any()
    if through:
        key = layer.inputs[0]
        layer = walk.layers[key]
    if x.single and not x.pending and key in walk.once and layer.class_name == "Affine" and x.order is None:
        weights = {"scale": layer.weights["scale"] / scale, "offset": layer.weights["offset"] / scale + zero}
        walk.layers[key] = replace(layer, weights=weights)
        return x
    return walk.plain(x.composed(1.0 / scale, zero, f"{name}_divide"))
