"""Rounding by a power of two and overflow, in ap_fixed's modes, on int64 or on floats that hold integers.

Source: AMD UG1399, "Arbitrary Precision Fixed-Point Data Types"; held to hls4ml's ap_types in tests/sim/test_fixed.py.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.floating[Any]]
BoolArray = NDArray[np.bool_]


class Rounding(str, Enum):
    """ap_fixed's quantization modes."""

    TRN = "TRN"
    TRN_ZERO = "TRN_ZERO"
    RND = "RND"
    RND_ZERO = "RND_ZERO"
    RND_INF = "RND_INF"
    RND_MIN_INF = "RND_MIN_INF"
    RND_CONV = "RND_CONV"


class Overflow(str, Enum):
    """ap_fixed's overflow modes."""

    SAT = "SAT"
    SAT_ZERO = "SAT_ZERO"
    SAT_SYM = "SAT_SYM"
    WRAP = "WRAP"


# Whether a value goes up to the next integer: from the floor q, the half bit, any bit below it, and the sign.
_UP: dict[Rounding, Callable[[IntArray, BoolArray, BoolArray, BoolArray], BoolArray]] = {
    Rounding.TRN_ZERO: lambda q, half, sticky, negative: negative & (half | sticky),
    Rounding.RND: lambda q, half, sticky, negative: half,
    Rounding.RND_ZERO: lambda q, half, sticky, negative: half & (sticky | negative),
    Rounding.RND_INF: lambda q, half, sticky, negative: half & (sticky | ~negative),
    Rounding.RND_MIN_INF: lambda q, half, sticky, negative: half & sticky,
    Rounding.RND_CONV: lambda q, half, sticky, negative: half & (sticky | ((q & 1) != 0)),
}


def shift_right(raw: IntArray, shift: int, rounding: Rounding) -> IntArray:
    """``raw * 2**-shift`` rounded to an integer; ``shift >= 1``, and exact for any int64 and any shift."""
    q = raw >> min(shift, 63)
    if rounding is Rounding.TRN:
        return q
    half = ((raw >> min(shift - 1, 63)) & 1) != 0
    mask = np.int64((1 << (shift - 1)) - 1 if shift <= 63 else (1 << 63) - 1 if shift == 64 else -1)
    sticky = (raw & mask) != 0
    up: IntArray = q + _UP[rounding](q, half, sticky, raw < 0)
    return up


def round_float(y: FloatArray, rounding: Rounding) -> FloatArray:
    """``y`` rounded to an integer, exact: ``y - trunc(y)`` never rounds in binary floating point."""
    if rounding is Rounding.RND_CONV:
        return np.rint(y)
    if rounding is Rounding.TRN:
        return np.floor(y)
    t = np.trunc(y)
    if rounding is Rounding.TRN_ZERO:
        return t
    r = y - t
    up_at_half = rounding in (Rounding.RND, Rounding.RND_INF)
    down_at_half = rounding in (Rounding.RND_INF, Rounding.RND_MIN_INF)
    t += (r >= 0.5) if up_at_half else (r > 0.5)
    t -= (r <= -0.5) if down_at_half else (r < -0.5)
    return t


def limits(raw_min: int, raw_max: int, overflow: Overflow) -> tuple[int, int]:
    """The smallest and largest integer that a mode lets through unchanged."""
    if overflow is Overflow.SAT_SYM and raw_min < 0:
        return raw_min | 1, raw_max  # -raw_max, but -1 for a single bit: so ap_fixed does
    return raw_min, raw_max


def wrap(raw: IntArray, width: int, signed: bool) -> IntArray:
    """The low ``width`` bits (1 to 63), sign- or zero-extended."""
    low_bits: IntArray = (raw << (64 - width)) >> (64 - width) if signed else raw & np.int64((1 << width) - 1)
    return low_bits


def saturate(raw: IntArray, low: int, high: int, overflow: Overflow) -> IntArray:
    """Values outside ``low..high`` become the nearer limit, or zero for SAT_ZERO."""
    if overflow is Overflow.SAT_ZERO:
        return np.where((raw < low) | (raw > high), 0, raw)
    return np.clip(raw, low, high)
