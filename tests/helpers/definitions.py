"""Operators written down in float64 from their definitions, place by place: what the contract compares with.

Nothing here comes from the code under test; every value in the tests is far from float64's limits, so these are exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsmith.sim.fixed import Fixed, IntArray, Overflow, Rounding

Real = NDArray[np.float64]
Pair = tuple[int, int]


def real(raw: IntArray, type_: Fixed) -> Real:
    """What raw integers stand for."""
    return np.asarray(raw, dtype=np.float64) * 2.0**-type_.fraction


def windows(x: Real, size: Pair, strides: Pair, padding: Any, dilation: Pair = (1, 1), fill: float = 0.0) -> Real:
    """(frames, rows, columns, size[0], size[1], channels): each window of the padded image."""
    x = np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=fill)
    reach = [(n - 1) * d + 1 for n, d in zip(size, dilation)]
    rows, columns = ((x.shape[1 + a] - reach[a]) // strides[a] + 1 for a in range(2))
    y = np.empty((len(x), rows, columns, *size, x.shape[3]))
    for r, c in np.ndindex(rows, columns):
        top, left = r * strides[0], c * strides[1]
        y[:, r, c] = x[:, top : top + reach[0] : dilation[0], left : left + reach[1] : dilation[1]]
    return y


def rounded(value: Real, mode: Rounding) -> Real:
    """An integer near each value, by UG1399's description of the mode."""
    away = np.copysign(np.floor(np.abs(value) + 0.5), value)
    toward = np.copysign(np.ceil(np.abs(value) - 0.5), value)
    return {
        Rounding.TRN: np.floor(value),
        Rounding.TRN_ZERO: np.trunc(value),
        Rounding.RND: np.floor(value + 0.5),
        Rounding.RND_ZERO: toward,
        Rounding.RND_INF: away,
        Rounding.RND_MIN_INF: np.ceil(value - 0.5),
        Rounding.RND_CONV: np.rint(value),
    }[mode]


def in_range(raw: Real, type_: Fixed, mode: Overflow) -> Real:
    """Integers brought into the type, by UG1399's description of the mode."""
    low, high = float(type_.raw_min), float(type_.raw_max)
    outside = (raw < low) | (raw > high)
    if mode is Overflow.WRAP:
        return low + np.mod(raw - low, 2.0**type_.width)
    if mode is Overflow.SAT_ZERO:
        return np.where(outside, 0.0, raw)
    if mode is Overflow.SAT_SYM and type_.signed:
        return np.clip(raw, -high, high)
    return np.clip(raw, low, high)


def quantized(value: Real, type_: Fixed, rounding: Rounding, overflow: Overflow) -> Real:
    """The real values that the type holds instead."""
    raw = rounded(value * 2.0**type_.fraction, rounding)
    return in_range(raw, type_, overflow) * 2.0**-type_.fraction
