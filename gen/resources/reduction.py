"""Many values made one: the largest, or a rounded mean."""

from __future__ import annotations

from math import ceil

from ...sim.division import RoundedDivision
from ...sim.rounding import Rounding
from .cost import Resources, constant_multiplier, logic, registers


def picks(terms: int, bits: int) -> Resources:
    """One of many, two by two: a comparison on a carry chain of two bits a LUT, and a multiplexer."""
    return logic((terms - 1) * (bits / 2 + bits))


def largest(terms: int, bits: int) -> Resources:
    """A tree that keeps the larger of two."""
    stages = ceil(max(terms - 1, 0).bit_length() / 3)
    return picks(terms, bits) + registers(bits * stages)


def division(parameters: RoundedDivision, bits: int, out_bits: int) -> Resources:
    """``hw.rtl.divide``: fold, multiply, fold back, correct a tie, saturate."""
    width = bits + parameters.up + 2
    product = constant_multiplier(width, parameters.reciprocal.multiplier)
    tie = constant_multiplier(width, 2 * parameters.divisor) if parameters.rounding is Rounding.RND_CONV else logic(0)
    stored = 2 * width + width + parameters.reciprocal.multiplier.bit_length()
    return product + tie + logic(2 * width + 2 * out_bits) + registers(stored + out_bits)
