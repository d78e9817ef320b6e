"""Weights onto their integer grid, as QKeras does it, or as a configured ap_fixed type says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, FloatArray, IntArray, Overflow, Rounding, quantize
from .auto_scale import EPSILON, LOG2, Float32Array, check_axes, least_squares, nearest_power, quantized_bits_levels
from .integers import integer_levels
from .linear_quantizer import is_sign, linear_levels
from .quantizers import Quantizer


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
    grid = shifted(_levels_of(q, values, where), where, "fewer bits" if q.name.endswith("po2") else "alpha=1")
    return _per_output(grid, q, where)


def _per_output(grid: WeightGrid, q: Quantizer, where: str) -> WeightGrid:
    """The grid; BitsmithError where scales that are no powers of two are not one for each output."""
    blocks = q.name == "integers" and q["block"] is not None
    if not blocks and grid.scale is not None and grid.raw.ndim > 1 and any(n > 1 for n in grid.scale.shape[:-1]):
        raise BitsmithError(
            f"{where}: {q.name} with scales along other axes than the last is supported with alpha='auto_po2', not "
            f"{q['alpha']!r}; train with that, or with scale_axis=None"
        )
    return grid


def bare_levels(q: Quantizer, values: FloatArray, where: str) -> WeightGrid:
    """``q``'s levels without the scale behind them: hls4ml writes their type for a layer's weights."""
    grid = _levels_of(q, values, where)
    if q.name == "quantized_bits" and isinstance(q["alpha"], str):
        integer = int(q["integer"])
        return WeightGrid(grid.raw, Fixed(True, integer, int(q["bits"]) - 1 - integer))
    return WeightGrid(grid.raw, grid.type)


def holds_written(q: Quantizer, levels: WeightGrid, type: Fixed) -> bool:
    """Whether a type, as hls4ml writes it, is that of ``q``'s bare ``levels``.

    Two levels are one bit there, the sign; a power of two is its sign and exponent.
    """
    if q.name.endswith("po2"):
        return bool(type.fraction == 0 and type.width >= q["bits"])
    if type.width == 1 and type.fraction == 0 and (np.abs(levels.raw) == 1).all() and levels.type.fraction == 0:
        return True
    return misfit(levels, type) is None


def misfit(grid: WeightGrid, type: Fixed) -> tuple[int, ...] | None:
    """The place of the first value, scale aside, that ``type`` does not hold exactly; None where it holds all."""
    shift = type.fraction - grid.type.fraction
    if shift > 62 - grid.type.width:  # as far as 63 bits reach: nothing that is not zero fits then
        bad = np.argwhere(grid.raw != 0)
    else:
        raw = grid.raw << shift if shift >= 0 else grid.raw >> min(-shift, 63)
        back = raw >> shift if shift >= 0 else raw << min(-shift, 63)
        bad = np.argwhere((back != grid.raw) | (raw < type.raw_min) | (raw > type.raw_max))
    return tuple(int(i) for i in bad[0]) if len(bad) else None


def _levels_of(q: Quantizer, values: FloatArray, where: str) -> WeightGrid:
    """Levels and their scale, whatever it is."""
    if q.name == "quantized_bits":
        return _bits(q, values, where)
    if q.name == "quantized_linear":
        return _linear(q, values, where)
    if q.name == "binary":
        return _binary(q, values, where)
    if q.name == "ternary":
        return _ternary(q, values)
    if q.name in ("quantized_po2", "quantized_relu_po2"):
        sign, powers = power_of_two(q, values)
        return WeightGrid(sign, Fixed(True, 1, 0), powers)
    if q.name == "integers":
        raw, scales = integer_levels(q, values, where)
        return WeightGrid(raw, Fixed.holding(min(int(raw.min(initial=0)), -1), int(raw.max(initial=0)), 0), scales)
    if q.name == "exact":
        return WeightGrid(*dyadic(values, where))
    raise BitsmithError(
        f"{where}: {q.name} is not supported for weights; use quantized_bits, quantized_po2, binary or ternary"
    )


def _bits(q: Quantizer, values: FloatArray, where: str) -> WeightGrid:
    bits, integer, alpha, signed = int(q["bits"]), int(q["integer"]), q["alpha"], bool(q["keep_negative"])
    if isinstance(alpha, str):
        z, found = quantized_bits_levels(q, values, where)
        return WeightGrid(z.astype(np.int64), Fixed(True, bits - 1, 0), found.astype(np.float64) * 2.0**integer)
    scale = None if alpha is None else np.float64(np.float32(alpha)) * np.ones(1)
    if bits - signed == 0:
        sign = np.where(values < 0, -1, 1).astype(np.int64)
        return WeightGrid(sign if signed else (sign + 1) // 2, Fixed(signed, 1, 0), scale)
    type = Fixed(signed, integer, bits - int(signed) - integer)
    overflow = Overflow.SAT_SYM if q["symmetric"] and signed else Overflow.SAT
    return WeightGrid(quantize(values, type, Rounding.RND_CONV, overflow), type, scale)


def _linear(q: Quantizer, values: FloatArray, where: str) -> WeightGrid:
    levels, found = linear_levels(q, values, where)
    step = np.atleast_1d(np.asarray(found, dtype=np.float64))
    if is_sign(q):
        return WeightGrid((2 * levels).astype(np.int64), Fixed(True, 1, 0), step / 2)
    type = Fixed(bool(q["keep_negative"]), int(q["bits"]) - bool(q["keep_negative"]), 0)
    return WeightGrid(levels.astype(np.int64), type, step)


def _binary(q: Quantizer, values: FloatArray, where: str) -> WeightGrid:
    if isinstance(q["alpha"], str):
        check_axes(q, values, where)
    sign = np.where(values < 0, -1, 1).astype(np.int64)
    raw = (sign + 1) // 2 if q["use_01"] else sign
    return WeightGrid(raw, Fixed(not q["use_01"], 1, 0), _scale(q, values, raw))


def _scale(q: Quantizer, values: FloatArray, raw: IntArray) -> FloatArray | None:
    alpha = q["alpha"]
    if isinstance(alpha, str):
        return least_squares(q, values.astype(np.float32), raw.astype(np.float32)).astype(np.float64)
    return None if alpha is None else np.float64(np.float32(alpha)) * np.ones(1)


def _ternary(q: Quantizer, values: FloatArray) -> WeightGrid:
    type = Fixed(True, 1, 0)
    if not isinstance(q["alpha"], str):
        threshold = np.float32(0.33 if q["threshold"] is None else q["threshold"])
        raw = np.where(np.abs(values) >= threshold, np.sign(values), 0).astype(np.int64)
        return WeightGrid(raw, type, _scale(q, values, raw))
    with np.errstate(divide="ignore", invalid="ignore"):
        x = values.astype(np.float32)
        axis = tuple(range(x.ndim - 1)) if x.ndim > 1 else None
        scale: Float32Array = np.float32(2) * np.abs(x).max(axis=axis, keepdims=True) / np.float32(3)
        if q["alpha"] == "auto_po2":
            scale = nearest_power(scale + EPSILON)
        for _ in range(int(q["number_of_unrolls"])):
            rounded = scale * np.rint(x / scale)
            ternary = np.where(np.abs(rounded) >= scale / np.float32(2), np.sign(x), np.float32(0))
            scale = least_squares(q, x, ternary)
    return WeightGrid(ternary.astype(np.int64), type, scale.astype(np.float64))


def po2_exponents(q: Quantizer, extra_sign_bit: int) -> tuple[int, int]:
    """Smallest and largest exponent of quantized_po2 (``extra_sign_bit`` 1) or quantized_relu_po2 (0)."""
    bits = int(q["bits"]) - extra_sign_bit - int(q["max_value"] is None or q["max_value"] > 1)
    low, high = -(2**bits), 2**bits - 1
    return int(low), int(2 * (high // 2) if q["quadratic_approximation"] else high)


def po2_exponent(q: Quantizer, magnitude: Float32Array, extra_sign_bit: int) -> IntArray:
    """The exponent that a magnitude is rounded to; that of 0, and of what is next to it, is the smallest."""
    low, high = po2_exponents(q, extra_sign_bit)
    kept = np.where(magnitude < EPSILON, EPSILON, magnitude)
    if q["max_value"] is not None:
        kept = np.minimum(kept, np.float32(q["max_value"]))
    factor = 2 if q["quadratic_approximation"] else 1
    log = np.log(np.sqrt(kept) if factor == 2 else kept) / LOG2
    rounded = np.floor(log) if q["log2_rounding"] == "floor" else np.rint(log)
    exponent: IntArray = np.where(magnitude < EPSILON, low, factor * np.clip(rounded, low, high)).astype(np.int64)
    return exponent


def power_of_two(q: Quantizer, values: FloatArray) -> tuple[IntArray, FloatArray]:
    """Signs and powers of two, which values become through quantized_po2 or quantized_relu_po2."""
    x = values.astype(np.float32)
    if q.name == "quantized_po2":
        negative, exponent = x < 0, po2_exponent(q, np.abs(x), 1)
    else:
        slope = np.float32(q["negative_slope"])
        negative = (x < 0) & (slope != 0)
        magnitude = np.where(negative, -x * slope, np.maximum(x, np.float32(0)))
        exponent = po2_exponent(q, magnitude, 0)
    powers: FloatArray = np.ldexp(1.0, exponent.astype(np.int32))
    return np.where(negative, -1, 1).astype(np.int64), powers


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


def dyadic(values: FloatArray, where: str) -> tuple[IntArray, Fixed]:
    """Float values as exact integers of one type; BitsmithError where that takes more than 62 bits."""
    mantissa, exponent = np.frexp(values)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    zeros = np.where(whole == 0, 64, np.log2(np.maximum(whole & -whole, 1))).astype(np.int64)
    used = whole != 0
    fraction = int((53 - exponent - zeros)[used].max()) if used.any() else 0
    scaled = np.ldexp(values, fraction)
    if np.abs(scaled).max(initial=0) >= 2.0**61:
        raise BitsmithError(f"{where} needs more than 62 bits to be exact; use a quantizer with alpha=1")
    raw = scaled.astype(np.int64)
    return raw, Fixed.holding(int(raw.min(initial=0)), int(raw.max(initial=0)), fraction)
