"""Bounds inside of a GDN: its sums from the largest squares, which lines of the tables they come to, and its gains."""

from __future__ import annotations

import math

import numpy as np

from ..fixed import IntArray
from ..op import Spec
from ..ops.gdn import GDN
from ..piecewise import PiecewiseLinear
from ..root import Form, Root
from .bound import Bound, rounded
from .rules import Found, Steps, rule

MARGIN = 2.0**-40
"""More than float64 loses."""


@rule(GDN)
def _gdn(op: GDN, sources: list[Bound], inputs: list[Spec]) -> Found:
    (x,), root = sources, op.root
    squares, steps = _squares(op, x)
    sums = op.accumulator
    ends = [
        ((np.broadcast_to(end, op.channels) @ op.gamma) << sums.product_shift) + (op.beta << sums.bias_shift)
        for end in (squares.low, squares.high)
    ]
    steps += _tables(root, *ends)
    exact = _scaled(root, *ends)
    gain = rounded(exact, root.scaled_fraction, root.gain)
    products = [np.broadcast_to(a * b, op.channels) for a in (x.low, x.high) for b in (gain.low, gain.high)]
    return Bound.between(np.min(products, axis=0), np.max(products, axis=0)), [*steps, exact]


def _squares(op: GDN, x: Bound) -> tuple[Bound, Steps]:
    least = np.where((x.low <= 0) & (x.high >= 0), 0, np.minimum(x.low**2, x.high**2))
    exact = Bound.between(least, np.maximum(x.low**2, x.high**2))
    return (exact, []) if op.square is None else (rounded(exact, op.exact_square.fraction, op.square), [exact])


def _tables(root: Root, low: IntArray, high: IntArray) -> Steps:
    """What comes to the lines that the sums choose, and to nothing else in front of the gain's rounding: which lines of
    a reciprocal follow is not looked for."""
    first = _lines(root, next(iter(root.tables.values())), low, high)
    behind = 2 * (root.form is Form.SQUARE_ROOT_RECIPROCAL and "reciprocal" in root.tables)  # its limits, its lines
    return [first, *[None] * (behind + (root.newton and root.inverse))]


def _lines(root: Root, table: PiecewiseLinear, low: IntArray, high: IntArray) -> Bound:
    """From the line of the least sum to that of the largest; behind the last line of a power of 4 comes the first."""
    (m, h), (last, most) = root.normalize(low), root.normalize(high)
    begin, end = (table.address(each >> (root.fraction - root.seed))[0] for each in (m, last))
    return Bound.between(begin, end + (most - h) * table.segments)


def _scaled(root: Root, low: IntArray, high: IntArray) -> Bound:
    """Gains of the sums before they are rounded: within the proven error, on the grid of the last shift."""
    error, half = root.error + MARGIN, root.source.fraction / 2
    powers = [root.normalize(end)[1] for end in (low, high)]
    step = np.array([1 << int(s) for s in (powers[0] if root.inverse else root.most - powers[1])])
    ends = []
    for least, most in zip(low, high):
        values = [math.sqrt(float(s)) * 2.0**-half for s in (int(least), int(most))]
        gains = values if root.inverse else [1 / values[1], 1 / values[0]]
        unit = 2.0**root.scaled_fraction
        ends.append((math.floor(gains[0] * (1 - error) * unit) - 1, math.ceil(gains[1] * (1 + error) * unit) + 1))
    first, last = (np.array(each, dtype=np.int64) for each in zip(*ends))
    return Bound(np.maximum(first // step * step, 0), last, step)
