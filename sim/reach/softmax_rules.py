"""Bounds inside of a softmax: its differences, its sum, and what the tables make of them."""

from __future__ import annotations

import numpy as np

from ..cast import Cast
from ..op import Spec
from ..ops.log_softmax import LogSoftmax
from ..ops.softmax import Softmax
from ..table import ADDRESS_OVERFLOW, ADDRESS_ROUNDING
from .bound import Bound, addresses
from .rules import Found, entries, rule


def _differences(x: Bound) -> Bound:
    """From the largest: at most as far as the largest of all can be from the least of its own."""
    return Bound.between(np.zeros_like(x.low), x.high.max() - x.low)


def _total(e: Bound, first: int | None) -> Bound:
    """The sum of all; ``first`` is what the largest gives, where that is known."""
    low, high = int(e.low.sum()), int(e.high.sum())
    if first is not None:
        low = max(low, first + low - int(e.low.max()))
    return Bound.of_range(min(low, high), high)


@rule(Softmax)
def _softmax(op: Softmax, sources: list[Bound], inputs: list[Spec]) -> Found:
    x = _differences(sources[0]) if op.stable else sources[0]
    place = addresses(
        x, op.input_type.fraction, Cast(op.difference_type, op.difference_rounding, op.difference_overflow)
    )
    e = entries(op.exp_table, place)
    total = _total(e, int(op.exp_table[0]) if op.stable else None)
    sum_place = addresses(total, op.exp_type.fraction, Cast(op.sum_type, op.sum_rounding, op.sum_overflow))
    r = entries(op.reciprocal_table, sum_place)
    products = Bound.between(e.low * r.low, e.high * r.high)  # neither is negative
    return None, [x, place, total, sum_place, products]


@rule(LogSoftmax)
def _log_softmax(op: LogSoftmax, sources: list[Bound], inputs: list[Spec]) -> Found:
    x = _differences(sources[0])
    place = addresses(x, op.input_type.fraction, Cast(op.difference_type, ADDRESS_ROUNDING, ADDRESS_OVERFLOW))
    total = _total(entries(op.exp_table, place), int(op.exp_table[0]))
    sum_place = addresses(total, op.exp_type.fraction, Cast(op.sum_type, ADDRESS_ROUNDING, ADDRESS_OVERFLOW))
    log, exact = entries(op.log_table, sum_place), op.exact_type.fraction
    ups = exact - op.input_type.fraction, exact - op.log_type.fraction
    least = -((x.high << ups[0]) + (log.high << ups[1]))
    return None, [x, place, total, sum_place, Bound.between(least, -(x.low << ups[0]) - (log.low << ups[1]))]
