"""Fixed-point types and the one function that rounds: ap_fixed's meaning, exactly.

Source: AMD UG1399, "Arbitrary Precision Fixed-Point Data Types".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import BitsmithError, TooWide
from .rounding import FloatArray, IntArray, Overflow, Rounding, limits, round_float, saturate, shift_right, wrap
from .watch import Rounded, watched

__all__ = [
    "Constant",
    "Fixed",
    "FloatArray",
    "IntArray",
    "Overflow",
    "Rounding",
    "quantize",
    "requantize",
    "to_float",
    "to_fxp",
]

_TYPE = re.compile(r"^(?:ap_)?(u?)(fixed|int)<([^<>]*)>$")
_MAX_FRACTION = 256  # beyond any float32 scale; keeps shifts and float64 exponents in range


@dataclass(frozen=True)
class Fixed:
    """A fixed-point type: the value is ``raw * 2**-fraction``; ``integer`` leaves the sign out.

    ``integer`` or ``fraction`` may be negative as long as the width stays between 1 and 63 bits.
    """

    signed: bool
    integer: int
    fraction: int

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 63:
            raise TooWide(f"{self} is {self.width} bits wide; a type has 1 to 63 bits")
        if abs(self.fraction) > _MAX_FRACTION:
            raise BitsmithError(f"{self} has {self.fraction} fraction bits; at most {_MAX_FRACTION} either way")

    @property
    def width(self) -> int:
        return int(self.signed) + self.integer + self.fraction

    @property
    def raw_min(self) -> int:
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def raw_max(self) -> int:
        return (1 << (self.width - int(self.signed))) - 1

    def __str__(self) -> str:
        """hls4ml's short form, ``fixed<width,integer with the sign>``."""
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.integer + int(self.signed)}>"

    def ap_type(self, rounding: Rounding = Rounding.TRN, overflow: Overflow = Overflow.WRAP) -> str:
        """The C++ type, ``ap_ufixed<8,0,AP_RND_CONV,AP_SAT>``; the modes are always written."""
        return f"ap_{str(self)[:-1]},AP_{rounding.value},AP_{overflow.value}>"

    def contains(self, other: Fixed) -> bool:
        """Whether every value of ``other`` is a value of this type."""
        shift = self.fraction - other.fraction
        if shift < 0:
            return False
        return self.raw_min <= other.raw_min << shift and other.raw_max << shift <= self.raw_max

    @staticmethod
    def holding(low: int, high: int, fraction: int) -> Fixed:
        """The smallest type that holds the raw integers ``low..high``; signed only where ``low`` is negative."""
        signed = low < 0
        bits = max(max(high, 0).bit_length(), (-low - 1).bit_length() if signed else 0)
        return Fixed(signed, (bits if signed else max(bits, 1)) - fraction, fraction)

    @staticmethod
    def parse(text: str) -> tuple[Fixed, Rounding, Overflow]:
        """A type as hls4ml and Vitis write it: ``ap_fixed<16,6,AP_RND,AP_SAT>``, ``ufixed<8,0>``, ``ap_uint<4>``."""
        compact = re.sub(r"\s", "", str(text))
        match = _TYPE.match(compact)
        parts = match.group(3).split(",") if match else []
        fixed_point = match is not None and match.group(2) == "fixed"
        if not match or not (2 <= len(parts) <= 5 if fixed_point else len(parts) == 1):
            raise BitsmithError(
                f"cannot read the type '{text}'; write e.g. fixed<16,6>, ufixed<8,0,RND_CONV,SAT>, int<8>"
            )
        width = _integer(parts[0], text)
        integer = _integer(parts[1], text) if fixed_point else width
        if len(parts) == 5 and parts[4] != "0":
            raise BitsmithError(f"'{text}': {parts[4]} saturation bits are not supported; leave them out")
        rounding = _mode(Rounding, parts[2] if len(parts) > 2 else "TRN", text)
        overflow = _mode(Overflow, parts[3] if len(parts) > 3 else "WRAP", text)
        signed = match.group(1) == ""
        if not 1 <= width <= 63:
            raise BitsmithError(f"'{text}' is {width} bits wide; a type has 1 to 63 bits")
        return Fixed(signed, integer - int(signed), width - integer), rounding, overflow


def _integer(part: str, text: str) -> int:
    if not re.match(r"^[+-]?\d{1,6}$", part):
        raise BitsmithError(f"'{text}': '{part}' is no number of bits; write e.g. fixed<16,6>")
    return int(part)


def _mode(kind: Any, part: str, text: str) -> Any:
    try:
        return kind(part.removeprefix("AP_"))
    except ValueError:
        known = ", ".join(mode.value for mode in kind)
        raise BitsmithError(f"'{text}': unknown mode '{part}'; known are {known}") from None


@dataclass(frozen=True)
class Constant:
    """An exact number, ``raw * 2**-fraction``: a slope, an offset or a limit of an activation."""

    raw: int
    fraction: int = 0

    def __float__(self) -> float:
        return float(np.ldexp(float(self.raw), -self.fraction))

    @staticmethod
    def of(value: float, fraction: int) -> Constant:
        """The nearest multiple of ``2**-fraction`` (ties to even)."""
        if not np.isfinite(value):
            raise BitsmithError(f"{value} is no finite constant; give a finite number")
        return Constant(int(np.rint(np.ldexp(float(value), fraction))), fraction)


def requantize(
    raw: NDArray[Any],
    source_fraction: int,
    target: Fixed,
    rounding: Rounding = Rounding.TRN,
    overflow: Overflow = Overflow.WRAP,
) -> NDArray[Any]:
    """``raw * 2**-source_fraction`` as raw integers of ``target``: one rounding, then one overflow, as ap_fixed.

    Integers give int64. A float32 or float64 array that holds exact integers gives the same integers in its own
    dtype (the fast road); BitsmithError where the target's range is not exact in that dtype.
    """
    raw = np.asarray(raw)
    if raw.dtype.kind == "f":
        return _requantize_float(raw, source_fraction, target, rounding, overflow)
    raw = raw.astype(np.int64, copy=False)
    if watcher := watched():
        watcher(raw, Rounded(source_fraction, target, rounding, overflow))
    shift = source_fraction - target.fraction
    if shift > 0:
        return _overflow(shift_right(raw, shift, rounding), 0, target, overflow)
    return _overflow(raw, -shift, target, overflow)


def _overflow(raw: IntArray, up: int, target: Fixed, overflow: Overflow) -> IntArray:
    """``raw << up`` brought into the target's range, without ever overflowing int64."""
    if overflow is Overflow.WRAP:
        return wrap(raw << up if up < 64 else np.zeros_like(raw), target.width, target.signed)
    low, high = limits(target.raw_min, target.raw_max, overflow)
    # raw << up is inside low..high exactly when raw is inside ceil(low / 2**up) .. floor(high / 2**up).
    inside_low, inside_high = -(-low >> up), high >> up
    shifted = np.clip(raw, inside_low, inside_high) << min(up, 63)
    if overflow is Overflow.SAT_ZERO:
        return np.where((raw < inside_low) | (raw > inside_high), 0, shifted)
    return np.where(raw < inside_low, low, np.where(raw > inside_high, high, shifted))


def exact_limit(dtype: np.dtype[Any]) -> int:
    """Every integer up to this magnitude is exact in the float dtype: 2**24 or 2**53."""
    return 1 << (int(np.finfo(dtype).nmant) + 1)


def _requantize_float(
    raw: FloatArray, source_fraction: int, target: Fixed, rounding: Rounding, overflow: Overflow
) -> FloatArray:
    if max(-target.raw_min, target.raw_max) > exact_limit(raw.dtype):
        raise BitsmithError(f"{target} is not exact in {raw.dtype}; use int64")
    y = raw.astype(np.float64) if raw.dtype.itemsize < 4 or abs(source_fraction - target.fraction) > 60 else raw
    y = round_float(np.ldexp(y, target.fraction - source_fraction), rounding)
    low, high = limits(target.raw_min, target.raw_max, overflow)
    if overflow is Overflow.WRAP:
        span = 1 << target.width
        y = np.fmod(y, span)  # exact, with y's sign
        y = np.where(y < low, y + span, np.where(y > high, y - span, y))
    elif overflow is Overflow.SAT_ZERO:
        y = np.where((y < low) | (y > high), 0, y)
    else:
        y = np.clip(y, low, high)
    return np.asarray(y + 0, dtype=raw.dtype)  # + 0 turns -0.0 into 0.0


def quantize(
    x_float: ArrayLike, target: Fixed, rounding: Rounding = Rounding.RND_CONV, overflow: Overflow = Overflow.SAT
) -> IntArray:
    """Real numbers as raw integers of ``target``: exact for every finite float64, however large or small.

    Raises BitsmithError for NaN, infinities and what is no number.
    """
    x = np.asarray(x_float)
    if x.dtype.kind in "bui" and x.dtype != np.uint64:
        return np.asarray(requantize(x.astype(np.int64), 0, target, rounding, overflow))
    if x.dtype.kind not in "fu" or x.dtype.itemsize > 8:
        raise BitsmithError(f"values of dtype {x.dtype} cannot be quantized; give float64, float32 or integers")
    x = x.astype(np.float32 if x.dtype.itemsize < 4 else np.float64 if x.dtype.kind == "u" else x.dtype, copy=False)
    largest = float(max(-x.min(), x.max())) if x.size else 0.0
    if not np.isfinite(largest):
        raise BitsmithError("NaN or infinity cannot be quantized; give finite values")
    if 0 <= target.fraction <= 60 and largest < 2.0**60:
        y = x * x.dtype.type(2.0**target.fraction)  # exact: no underflow, no overflow
    else:
        # Beyond these limits a value saturates, wraps to zero or rounds as the limit does; ldexp is exact between them.
        x = x.astype(np.float64)
        y = np.ldexp(np.copysign(np.where(x == 0, 0.0, np.clip(np.abs(x), 2.0**-600, 2.0**700)), x), target.fraction)
    return _round_to_raw(y, target, rounding, overflow)


def _round_to_raw(y: FloatArray, target: Fixed, rounding: Rounding, overflow: Overflow) -> IntArray:
    """``y``, in units of the target's last place, as its raw integers."""
    y = round_float(y, rounding)
    if overflow is Overflow.WRAP:
        low_bits = np.fmod(y.astype(np.float64), float(1 << target.width)).astype(np.int64)
        return wrap(low_bits, target.width, target.signed)
    low, high = limits(target.raw_min, target.raw_max, overflow)
    if overflow is not Overflow.SAT_ZERO and max(-low, high) <= exact_limit(y.dtype):
        return np.clip(y, low, high).astype(np.int64)
    y = y.astype(np.float64)
    # raw_min and raw_max + 1 are powers of two and so exact where raw_max may not be.
    below, above = y < float(target.raw_min), y >= float(target.raw_max + 1)
    raw = saturate(np.where(below | above, 0.0, y).astype(np.int64), low, high, overflow)
    if overflow is Overflow.SAT_ZERO:
        return raw
    return np.where(below, low, np.where(above, high, raw))


def to_float(raw: ArrayLike, type: Fixed) -> NDArray[np.float64]:
    """The real values, float64: exact while ``|raw| < 2**53``."""
    return np.ldexp(np.asarray(raw).astype(np.float64), -type.fraction)


def to_fxp(raw: ArrayLike, type: Fixed) -> Any:
    """The same integers as fxpmath's ``Fxp``; BitsmithError where the package fxpmath is not installed."""
    try:
        make = import_module("fxpmath").Fxp
    except ImportError:
        raise BitsmithError("fxpmath is not installed; pip install fxpmath") from None
    result = make(None, signed=type.signed, n_word=type.width, n_frac=type.fraction)
    result.set_val(np.asarray(raw), raw=True)
    return result
