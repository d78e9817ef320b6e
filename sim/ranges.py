"""Proven ranges of accumulators: what a sum of products can reach, from the actual weights and the input's type.

Partial sums. Zero is a value of every type, so each product's range contains zero; hence a sum over any subset of the
products, in any order, stays inside the range of the whole sum without the bias. Only the bias can move that range, so
a partial sum may leave the accumulator's type where the bias is added last and points the other way. That is harmless:
two's complement sums (Verilog, ap_fixed with AP_WRAP, int64) are exact modulo 2**width, and the final sum is inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import TooWide
from .fixed import Fixed, IntArray


@dataclass(frozen=True)
class Accumulator:
    """Exact type and per-channel range of ``sum(kernel * x) + bias``, and the shifts that align its two parts."""

    type: Fixed
    low: tuple[int, ...]
    high: tuple[int, ...]
    product_shift: int
    bias_shift: int
    magnitude: int
    """The largest |partial sum| of any channel, in any order, bias at any place (raw, in the accumulator's unit)."""


def accumulator(
    stem: str, input_type: Fixed, kernel: IntArray, kernel_type: Fixed, bias: IntArray, bias_type: Fixed
) -> Accumulator:
    """The accumulator of ``kernel`` (terms, channels) and ``bias`` (channels,) on any input of ``input_type``."""
    fraction = max(input_type.fraction + kernel_type.fraction, bias_type.fraction)
    product_shift = fraction - input_type.fraction - kernel_type.fraction
    bias_shift = fraction - bias_type.fraction
    positive, negative = _column_sums(np.maximum(kernel, 0)), _column_sums(np.minimum(kernel, 0))
    x_min, x_max = input_type.raw_min, input_type.raw_max
    products = [
        ((x_min * p + x_max * n) << product_shift, (x_max * p + x_min * n) << product_shift)
        for p, n in zip(positive, negative)
    ]
    shifted = [int(b) << bias_shift for b in bias]
    low = tuple(p[0] + b for p, b in zip(products, shifted))
    high = tuple(p[1] + b for p, b in zip(products, shifted))
    magnitude = max(max(-p[0], p[1], abs(p[0] + b), abs(p[1] + b)) for p, b in zip(products, shifted))
    if magnitude.bit_length() > 62:
        raise TooWide(
            f"{stem}: the exact accumulator needs {magnitude.bit_length() + 1} bits and 63 is the most; "
            "use narrower inputs, weights or biases"
        )
    type = Fixed.holding(min(low), max(high), fraction)
    return Accumulator(type, low, high, product_shift, bias_shift, magnitude)


def _column_sums(values: IntArray) -> list[int]:
    """Exact sums over the first axis, as Python integers."""
    safe = int(np.abs(values).max()) * len(values) < 1 << 62
    return [int(s) for s in values.sum(axis=0, dtype=np.int64 if safe else object)]
