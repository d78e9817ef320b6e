"""Tables of nearest values: one computation, read by the reference, the HLS C++, the Verilog and the tests.

A table has one entry for each raw value of its address type. Entry ``i`` belongs to the address whose two's complement
bits, read as an unsigned number, are ``i``: hardware indexes with the bits as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import erf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import BitsmithError
from .fixed import Fixed, IntArray, Overflow, Rounding, quantize, requantize, to_float
from .watch import LookedUp, watched

MAX_ADDRESS_BITS = 18
ADDRESS_ROUNDING, ADDRESS_OVERFLOW = Rounding.RND, Overflow.SAT
KERAS_EPSILON = 1e-7
"""Keras's ``backend.epsilon()``: what it divides by at least."""
_HUGE = 2.0**512  # stands for infinity: every type saturates at it

FloatArray = NDArray[np.float64]


def _sigmoid(x: FloatArray) -> FloatArray:
    small = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def _reciprocal(x: FloatArray) -> FloatArray:
    return np.divide(1.0, x, out=np.full_like(x, _HUGE), where=x != 0)


def _reciprocal_square_root(x: FloatArray) -> FloatArray:
    return _reciprocal(np.sqrt(np.maximum(x, 0)))


def _exp_float32(x: FloatArray, slope: float = 1.0) -> FloatArray:
    """``exp(slope * x)``: the product and the result rounded to float32."""
    exponent = (x.astype(np.float32) * np.float32(slope)).astype(np.float64)
    with np.errstate(over="ignore"):
        found: FloatArray = np.exp(np.minimum(exponent, 300.0)).astype(np.float32).astype(np.float64)
    return found


def _reciprocal_float32(x: FloatArray) -> FloatArray:
    """``1 / (x + KERAS_EPSILON)`` in float32, operation by operation."""
    found: FloatArray = (np.float32(1) / (x.astype(np.float32) + np.float32(KERAS_EPSILON))).astype(np.float64)
    return found


def _elu(x: FloatArray) -> FloatArray:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _scaled_elu(x: FloatArray, slope: float) -> FloatArray:
    return np.where(x > 0, x, slope * np.expm1(np.minimum(x, 0)))


def _gelu(x: FloatArray) -> FloatArray:
    """x times the normal distribution's own probability below x."""
    return 0.5 * x * (1.0 + np.array([erf(v) for v in (x / np.sqrt(2.0)).ravel()]).reshape(x.shape))


def _gelu_tanh(x: FloatArray) -> FloatArray:
    """The approximation of ``gelu`` that has a hyperbolic tangent in it."""
    inner: FloatArray = np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x * x * x))
    return 0.5 * x * (1.0 + inner)


def _soft_shrink(x: FloatArray) -> FloatArray:
    return np.where(np.abs(x) > 0.5, x - np.sign(x) * 0.5, 0.0)


def _sparse_plus(x: FloatArray) -> FloatArray:
    return np.where(np.abs(x) < 1, 0.25 * (x + 1) * (x + 1), np.maximum(x, 0))


def _selu(x: FloatArray) -> FloatArray:
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))


def _power(factor: int, rounds: Callable[[Any], Any]) -> Callable[[FloatArray], FloatArray]:
    """``2**(factor * round(log2(x) / factor))`` of what is above 0, else 0: as QKeras does it, in float32."""

    def power(x: FloatArray) -> FloatArray:
        kept = np.maximum(x, 2.0**-126).astype(np.float32)
        log = np.log(np.sqrt(kept) if factor == 2 else kept) / np.float32(np.log(2.0))
        return np.where(x > 0, np.ldexp(1.0, factor * rounds(log).astype(np.int32)), 0.0)

    return power


FUNCTIONS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "exp": lambda x: np.exp(np.minimum(x, 300.0)),
    "exp_negative": lambda x: np.exp(-np.maximum(x, -300.0)),
    "exp_float32": _exp_float32,
    "exp_negative_float32": lambda x: _exp_float32(-x),
    "log": lambda x: np.log(np.maximum(x, 1 / _HUGE)),
    "reciprocal": _reciprocal,
    "reciprocal_float32": _reciprocal_float32,
    "square_root": lambda x: np.sqrt(np.maximum(x, 0)),
    "reciprocal_square_root": _reciprocal_square_root,
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "elu": _elu,
    "selu": _selu,
    "swish": lambda x: x * _sigmoid(x),
    "hard_swish": lambda x: x * np.clip(x + 3.0, 0, 6) / 6.0,
    "mish": lambda x: x * np.tanh(np.logaddexp(x, 0.0)),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "log_sigmoid": lambda x: -np.logaddexp(-x, 0.0),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "soft_shrink": _soft_shrink,
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "sparse_plus": _sparse_plus,
    "squareplus": lambda x: (x + np.sqrt(x * x + 4.0)) / 2.0,
    "sign": lambda x: np.where(x >= 0, 1.0, -1.0),
    "power_of_two": _power(1, np.rint),
    "power_of_two_floor": _power(1, np.floor),
    "power_of_four": _power(2, np.rint),
    "power_of_four_floor": _power(2, np.floor),
}
SLOPED: dict[str, Callable[[FloatArray, float], FloatArray]] = {
    "elu": _scaled_elu,
    "exp_float32": _exp_float32,
    "exp_negative_float32": lambda x, slope: _exp_float32(-x, slope),
}
"""Functions that have another form for a slope that is not 1."""


@lru_cache(maxsize=256)
def table(
    function: str,
    address_type: Fixed,
    output_type: Fixed,
    rounding: Rounding = Rounding.RND_CONV,
    overflow: Overflow = Overflow.SAT,
    lower: float = -_HUGE,
    upper: float = _HUGE,
    slope: float = 1.0,
) -> IntArray:
    """Read-only raw entries (2**width,) of ``clip(function(address), lower, upper)``, rounded to ``output_type``.

    Infinite values (1/0) stand as a huge number and saturate. BitsmithError for an unknown function, an address of
    more than 18 bits, or a slope of a function that has none.
    """
    if function not in FUNCTIONS:
        raise BitsmithError(f"no table for the function '{function}'; known are {', '.join(FUNCTIONS)}")
    if address_type.width > MAX_ADDRESS_BITS:
        raise BitsmithError(
            f"a table addressed by {address_type} has 2**{address_type.width} entries; "
            f"use an address of at most {MAX_ADDRESS_BITS} bits"
        )
    if slope != 1.0 and function not in SLOPED:
        raise BitsmithError(f"the function '{function}' has no slope; leave it out")
    bits = np.arange(1 << address_type.width, dtype=np.int64)
    raw = np.where(bits > address_type.raw_max, bits - (1 << address_type.width), bits)
    x = to_float(raw, address_type)
    values = FUNCTIONS[function](x) if slope == 1.0 else SLOPED[function](x, slope)
    values = np.clip(values, lower, upper)
    entries = quantize(values, output_type, rounding, overflow)
    entries.setflags(write=False)
    return entries


def address(raw: NDArray[Any], source_fraction: int, address_type: Fixed) -> IntArray:
    """The raw address of a value: rounded to nearest (ties up) and saturated, always."""
    rounded: IntArray = requantize(raw, source_fraction, address_type, ADDRESS_ROUNDING, ADDRESS_OVERFLOW)
    return rounded


def lookup(entries: IntArray, raw_address: IntArray) -> IntArray:
    """The entries of raw addresses; negative addresses index by their two's complement bits."""
    place = raw_address & (len(entries) - 1)
    if watcher := watched():
        watcher(place, LookedUp(len(entries)))
    values: IntArray = entries[place]
    return values
