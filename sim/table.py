"""Tables of nearest values: one computation, read by the reference, the HLS C++, the Verilog and the tests.

A table has one entry for each raw value of its address type. Entry ``i`` belongs to the address whose two's complement
bits, read as an unsigned number, are ``i``: hardware indexes with the bits as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import BitsmithError
from .fixed import Fixed, IntArray, Overflow, Rounding, quantize, requantize, to_float

MAX_ADDRESS_BITS = 18
ADDRESS_ROUNDING, ADDRESS_OVERFLOW = Rounding.RND, Overflow.SAT
_HUGE = 2.0**512  # stands for infinity: every type saturates at it

FloatArray = NDArray[np.float64]


def _sigmoid(x: FloatArray) -> FloatArray:
    small = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def _reciprocal(x: FloatArray) -> FloatArray:
    return np.divide(1.0, x, out=np.full_like(x, _HUGE), where=x != 0)


def _reciprocal_square_root(x: FloatArray) -> FloatArray:
    return _reciprocal(np.sqrt(np.maximum(x, 0)))


def _elu(x: FloatArray) -> FloatArray:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


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
    "reciprocal": _reciprocal,
    "square_root": lambda x: np.sqrt(np.maximum(x, 0)),
    "reciprocal_square_root": _reciprocal_square_root,
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "elu": _elu,
    "selu": _selu,
    "swish": lambda x: x * _sigmoid(x),
    "sign": lambda x: np.where(x >= 0, 1.0, -1.0),
    "power_of_two": _power(1, np.rint),
    "power_of_two_floor": _power(1, np.floor),
    "power_of_four": _power(2, np.rint),
    "power_of_four_floor": _power(2, np.floor),
}


@lru_cache(maxsize=256)
def table(
    function: str,
    address_type: Fixed,
    output_type: Fixed,
    rounding: Rounding = Rounding.RND_CONV,
    overflow: Overflow = Overflow.SAT,
    lower: float = -_HUGE,
    upper: float = _HUGE,
) -> IntArray:
    """Read-only raw entries (2**width,) of ``clip(function(address), lower, upper)``, rounded to ``output_type``.

    Infinite values (1/0) stand as a huge number and saturate. BitsmithError for an unknown function or an address of
    more than 18 bits.
    """
    if function not in FUNCTIONS:
        raise BitsmithError(f"no table for the function '{function}'; known are {', '.join(FUNCTIONS)}")
    if address_type.width > MAX_ADDRESS_BITS:
        raise BitsmithError(
            f"a table addressed by {address_type} has 2**{address_type.width} entries; "
            f"use an address of at most {MAX_ADDRESS_BITS} bits"
        )
    bits = np.arange(1 << address_type.width, dtype=np.int64)
    raw = np.where(bits > address_type.raw_max, bits - (1 << address_type.width), bits)
    values = np.clip(FUNCTIONS[function](to_float(raw, address_type)), lower, upper)
    entries = quantize(values, output_type, rounding, overflow)
    entries.setflags(write=False)
    return entries


def address(raw: NDArray[Any], source_fraction: int, address_type: Fixed) -> IntArray:
    """The raw address of a value: rounded to nearest (ties up) and saturated, always."""
    rounded: IntArray = requantize(raw, source_fraction, address_type, ADDRESS_ROUNDING, ADDRESS_OVERFLOW)
    return rounded


def lookup(entries: IntArray, raw_address: IntArray) -> IntArray:
    """The entries of raw addresses; negative addresses index by their two's complement bits."""
    values: IntArray = entries[raw_address & (len(entries) - 1)]
    return values
