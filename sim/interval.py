"""Proven ranges of sums and products of tensors: the exact types inside an operator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from .errors import TooWide
from .fixed import Fixed, IntArray

MAX_BITS = 62  # every sum of two such numbers still fits int64


def exact_sum(*types: Fixed) -> Fixed:
    """The type of ``a + b + …``: every value, no rounding."""
    lows, highs, fraction = aligned_ends(types)
    return checked(sum(lows), sum(highs), fraction)


def exact_difference(a: Fixed, b: Fixed) -> Fixed:
    """The type of ``a - b``."""
    (low_a, low_b), (high_a, high_b), fraction = aligned_ends((a, b))
    return checked(low_a - high_b, high_a - low_b, fraction)


def exact_maximum(*types: Fixed) -> Fixed:
    """The type of the largest of values of these types: it is at least the largest of their least values."""
    lows, highs, fraction = aligned_ends(types)
    return checked(max(lows), max(highs), fraction)


def exact_minimum(*types: Fixed) -> Fixed:
    """The type of the smallest of values of these types."""
    lows, highs, fraction = aligned_ends(types)
    return checked(min(lows), min(highs), fraction)


def exact_product(a: Fixed, b: Fixed) -> Fixed:
    """The type of ``a * b``."""
    ends = [x * y for x, y in product((a.raw_min, a.raw_max), (b.raw_min, b.raw_max))]
    return checked(min(ends), max(ends), a.fraction + b.fraction)


def checked(low: int, high: int, fraction: int) -> Fixed:
    """The smallest type of a range; BitsmithError beyond 62 bits."""
    if max(high, -low).bit_length() >= MAX_BITS:
        raise TooWide(
            f"an exact value inside needs {max(high, -low).bit_length() + 1} bits and {MAX_BITS} is the most; "
            "use narrower inputs, weights, gates or states"
        )
    return Fixed.holding(low, high, fraction)


def aligned(raw: IntArray, source: Fixed, target: Fixed) -> IntArray:
    """The same values with the target's (larger or equal) fraction."""
    result: IntArray = raw << (target.fraction - source.fraction)
    return result


def union(types: Iterable[Fixed]) -> Fixed:
    """The smallest type that holds every value of all of them."""
    lows, highs, fraction = aligned_ends(list(types))
    return checked(min(lows), max(highs), fraction)


def aligned_ends(types: Sequence[Fixed]) -> tuple[list[int], list[int], int]:
    """The least and the largest values of the types, raw, and the finest fraction, which they all have."""
    fraction = max(t.fraction for t in types)
    lows = [t.raw_min << (fraction - t.fraction) for t in types]
    highs = [t.raw_max << (fraction - t.fraction) for t in types]
    return lows, highs, fraction
