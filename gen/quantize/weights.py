"""Weights onto their integer grid, as qkeras 0.9.0 does it, or as a configured ap_fixed type says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, FloatArray, IntArray, Overflow, Rounding, quantize
from .quantizers import Quantizer

_LOG2 = np.float32(np.log(2.0))
_EPSILON = np.float32(1e-7)  # tf.keras.backend.epsilon()
Float32Array = NDArray[np.float32]


@dataclass(frozen=True)
class WeightGrid:
    """``value = raw * 2**-type.fraction * scale``; ``scale`` is None where it is 1, else it broadcasts to ``raw``."""

    raw: IntArray
    type: Fixed
    scale: FloatArray | None = None


def on_type(values: FloatArray, type: Fixed, rounding: Rounding, overflow: Overflow, where: str) -> WeightGrid:
    """Float weights rounded to a configured type; BitsmithError where it cannot hold one of them."""
    raw = quantize(values, type, rounding, Overflow.SAT)
    exact = quantize(values, _wider(type), rounding, Overflow.SAT)
    bad = np.argwhere(raw != exact)
    if len(bad) and overflow is not Overflow.SAT:
        index = tuple(int(i) for i in bad[0])
        raise BitsmithError(
            f"{where}{list(index)} = {values[index]:g} does not fit in {type}; give it more integer bits"
        )
    if len(bad) and _misses_far(values, raw, type):
        index = tuple(int(i) for i in np.unravel_index(np.argmax(np.abs(values)), values.shape))
        raise BitsmithError(
            f"{where}{list(index)} = {values[index]:g} does not fit in {type}; give it more integer bits"
        )
    return WeightGrid(raw, type)


def _wider(type: Fixed) -> Fixed:
    """The same grid with as much range as 63 bits allow."""
    return Fixed(True, 62 - type.fraction, type.fraction)


def _misses_far(values: FloatArray, raw: IntArray, type: Fixed) -> bool:
    """Whether saturation moved a value by more than one step: a value like 1.0 in fixed<8,1,RND,SAT> may."""
    return bool((np.abs(np.ldexp(values, type.fraction) - raw) > 1.0).any())


def quantize_weights(q: Quantizer, values: FloatArray, where: str) -> WeightGrid:
    """The integers of ``q(values)``; BitsmithError for a quantizer that is no weight quantizer."""
    if q.name == "quantized_bits":
        grid = _bits(q, values, where)
    elif q.name == "binary":
        grid = _binary(q, values)
    elif q.name == "ternary":
        grid = _ternary(q, values)
    elif q.name == "quantized_po2":
        grid = _power_of_two(q, values, where)
    else:
        raise BitsmithError(
            f"{where}: {q.name} is not supported for weights; use quantized_bits, quantized_po2, binary or ternary"
        )
    return shifted(grid, where, "fewer bits" if q.name == "quantized_po2" else "alpha=1")


def _bits(q: Quantizer, values: FloatArray, where: str) -> WeightGrid:
    bits, integer, alpha, signed = int(q["bits"]), int(q["integer"]), q["alpha"], bool(q["keep_negative"])
    if isinstance(alpha, str):
        if values.ndim > 1 and q["scale_axis"] != values.ndim - 1:  # the default: a scale for each output
            q.only(where, scale_axis=None)
        return _auto(bits, integer, alpha, values, where)
    scale = None if alpha is None else np.float64(np.float32(alpha)) * np.ones(1)
    if bits - signed == 0:
        sign = np.where(values < 0, -1, 1).astype(np.int64)
        return WeightGrid(sign if signed else (sign + 1) // 2, Fixed(signed, 1, 0), scale)
    type = Fixed(signed, integer, bits - int(signed) - integer)
    overflow = Overflow.SAT_SYM if q["symmetric"] and signed else Overflow.SAT
    return WeightGrid(quantize(values, type, Rounding.RND_CONV, overflow), type, scale)


def _auto(bits: int, integer: int, alpha: str, values: FloatArray, where: str) -> WeightGrid:
    """alpha="auto" and "auto_po2", in float32 as TensorFlow computes it, so that the same integers come out."""
    if bits < 2:
        raise BitsmithError(f"{where}: bits={bits} with alpha={alpha!r} is not supported; supported: 2 bits and more")
    with np.errstate(divide="ignore", invalid="ignore"):
        x = values.astype(np.float32) / np.float32(2.0**integer)
        half = np.float32(2 ** (bits - 1) - 1)
        axis = tuple(range(x.ndim - 1)) if x.ndim > 1 else (0,)
        scale: Float32Array = np.abs(x).max(axis=axis, keepdims=True) * np.float32(2) / (half * np.float32(2))
        if alpha == "auto":
            z = _levels(x, scale, half)
        else:
            scale = _nearest_power(scale + _EPSILON)
            for _ in range(5):
                z = _levels(x, scale, half)
                scale = _least_squares(alpha, x, z)
    fixed = Fixed(True, bits - 1, 0)
    return WeightGrid(z.astype(np.int64), fixed, scale.astype(np.float64) * 2.0**integer)


def _levels(x: Float32Array, scale: Float32Array, half: Any) -> Float32Array:
    v = np.floor(np.abs(x) / scale + np.float32(0.5))
    result: Float32Array = np.sign(x) * np.where(v < half, v, half)  # 0/0 is no level: sign(0) makes it 0
    return result


def _nearest_power(scale: Float32Array) -> Float32Array:
    exponent = np.rint(np.log(scale) / _LOG2)
    result: Float32Array = np.ldexp(np.float32(1), exponent.astype(np.int32))
    return result


def _least_squares(alpha: str, x: Float32Array, q: Float32Array) -> Float32Array:
    """qkeras's ``_get_scale``: per channel, or per value where there is one axis only."""
    axis = tuple(range(x.ndim - 1))
    qx, qq = x * q, q * q
    if x.ndim > 1:
        qx, qq = qx.mean(axis=axis, keepdims=True), qq.mean(axis=axis, keepdims=True)
    scale: Float32Array = qx / (qq + _EPSILON)
    return _nearest_power(scale + _EPSILON) if alpha == "auto_po2" else scale


def _binary(q: Quantizer, values: FloatArray) -> WeightGrid:
    sign = np.where(values < 0, -1, 1).astype(np.int64)
    raw = (sign + 1) // 2 if q["use_01"] else sign
    return WeightGrid(raw, Fixed(not q["use_01"], 1, 0), _scale(q["alpha"], values, raw))


def _scale(alpha: Any, values: FloatArray, raw: IntArray) -> FloatArray | None:
    if isinstance(alpha, str):
        return _least_squares(alpha, values.astype(np.float32), raw.astype(np.float32)).astype(np.float64)
    return None if alpha is None else np.float64(np.float32(alpha)) * np.ones(1)


def _ternary(q: Quantizer, values: FloatArray) -> WeightGrid:
    type = Fixed(True, 1, 0)
    if not isinstance(q["alpha"], str):
        threshold = np.float32(0.33 if q["threshold"] is None else q["threshold"])
        raw = np.where(np.abs(values) >= threshold, np.sign(values), 0).astype(np.int64)
        return WeightGrid(raw, type, _scale(q["alpha"], values, raw))
    with np.errstate(divide="ignore", invalid="ignore"):
        x = values.astype(np.float32)
        axis = tuple(range(x.ndim - 1)) if x.ndim > 1 else None
        scale: Float32Array = np.float32(2) * np.abs(x).max(axis=axis, keepdims=True) / np.float32(3)
        if q["alpha"] == "auto_po2":
            scale = _nearest_power(scale + _EPSILON)
        for _ in range(int(q["number_of_unrolls"])):
            rounded = scale * np.rint(x / scale)
            ternary = np.where(np.abs(rounded) >= scale / np.float32(2), np.sign(x), np.float32(0))
            scale = _least_squares(q["alpha"], x, ternary)
    return WeightGrid(ternary.astype(np.int64), type, scale.astype(np.float64))


def po2_exponents(q: Quantizer, extra_sign_bit: int) -> tuple[int, int]:
    """Smallest and largest exponent of quantized_po2 (``extra_sign_bit`` 1) or quantized_relu_po2 (0)."""
    bits = int(q["bits"]) - extra_sign_bit - int(q["max_value"] is None or q["max_value"] > 1)
    low, high = -(2**bits), 2**bits - 1
    return int(low), int(2 * (high // 2) if q["quadratic_approximation"] else high)


def _power_of_two(q: Quantizer, values: FloatArray, where: str) -> WeightGrid:
    low, high = po2_exponents(q, 1)
    x = np.abs(values).astype(np.float32)
    kept = np.where(x < _EPSILON, _EPSILON, x)
    if q["max_value"] is not None:
        kept = np.minimum(kept, np.float32(q["max_value"]))
    factor = 2 if q["quadratic_approximation"] else 1
    log = np.log(np.sqrt(kept) if factor == 2 else kept) / _LOG2
    rounded = np.floor(log) if q["log2_rounding"] == "floor" else np.rint(log)
    exponent = np.where(x < _EPSILON, low, factor * np.clip(rounded, low, high)).astype(np.int64)
    sign = np.where(values < 0, -1, 1).astype(np.int64)
    return WeightGrid(sign, Fixed(True, 1, 0), np.ldexp(1.0, exponent.astype(np.int32)).astype(np.float64))


def shifted(grid: WeightGrid, where: str, cure: str) -> WeightGrid:
    """Scales that are powers of two become shifts of the integers and of the type's binary point."""
    if grid.scale is None:
        return grid
    raw = np.where(grid.scale == 0, 0, grid.raw)  # a channel of zeros
    scale = np.where(grid.scale == 0, 1.0, grid.scale)
    mantissa, exponent = np.frexp(scale)
    if (mantissa != 0.5).any():
        return WeightGrid(raw, grid.type, scale)
    exponent = exponent.astype(np.int64) - 1
    used = np.broadcast_to(exponent, raw.shape)[raw != 0]
    low, high = (int(used.min()), int(used.max())) if used.size else (0, 0)
    if grid.type.width + high - low > 62:
        raise BitsmithError(f"{where}: scales from 2**{low} to 2**{high} need more than 62 bits; use {cure}")
    type = Fixed(grid.type.signed, grid.type.integer + high, grid.type.fraction - low)
    up: IntArray = np.clip(exponent - low, 0, high - low)
    return WeightGrid(raw << up, type)
