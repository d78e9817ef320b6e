"""What the values of a tensor can be at all, channel by channel: proven, and no wider than is easily seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..cast import Cast
from ..fixed import Fixed, IntArray, Overflow
from ..rounding import limits


@dataclass(frozen=True)
class Bound:
    """Values of channel c are ``low[c] + k * step[c]``, at most ``high[c]``; a step of 0 is one value alone.

    All are of shape (channels,), or of (1,) for one bound of all channels. ``ends`` are further values, of any channel:
    those where something saturates.
    """

    low: IntArray
    high: IntArray
    step: IntArray
    ends: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        span = self.high - self.low
        kept = np.where(self.step > 0, span // np.maximum(self.step, 1) * self.step, 0)
        object.__setattr__(self, "high", self.low + kept)

    def channel(self, c: int) -> tuple[int, int, int]:
        """Its ends and its step."""
        c = c if len(self.low) > 1 else 0
        return int(self.low[c]), int(self.high[c]), int(self.step[c])

    @property
    def channels(self) -> list[tuple[int, int, int]]:
        """Every ``channel``, each once where they are the same."""
        rows = np.stack([self.low, self.high, self.step], axis=1)
        return [(int(a), int(b), int(c)) for a, b, c in np.unique(rows, axis=0)]

    def at(self, channels: IntArray) -> Bound:
        """Of some channels."""
        return self if len(self.low) == 1 else Bound(self.low[channels], self.high[channels], self.step[channels])

    @staticmethod
    def of_type(type_: Fixed, channels: int = 1) -> Bound:
        """Every value of a type."""
        return Bound.between(np.full(channels, type_.raw_min), np.full(channels, type_.raw_max))

    @staticmethod
    def between(low: IntArray, high: IntArray) -> Bound:
        """Every integer from one to the other."""
        return Bound(low, high, np.where(low == high, 0, 1))

    @staticmethod
    def of_range(low: int, high: int) -> Bound:
        """The same of all channels."""
        return Bound.between(np.array([low]), np.array([high]))


def rounded(x: Bound, fraction: int, to: Cast) -> Bound:
    """What values within a bound are when they have been rounded and saturated."""
    low, high, inside = _ends(x, fraction, to)
    if to.overflow is Overflow.WRAP and not inside.all():
        return Bound.of_type(to.type, len(x.low))
    if to.overflow is Overflow.SAT_ZERO and not inside.all():
        return Bound.between(np.where(inside, low, to.type.raw_min), np.where(inside, high, to.type.raw_max))
    up = to.type.fraction - fraction
    return Bound(low, high, x.step << up) if 0 <= up < 40 and inside.all() else Bound.between(low, high)


def addresses(x: Bound, fraction: int, to: Cast) -> Bound:
    """The addresses of values within a bound: where they are finer than the values, those on the values' grid, and the
    limits beside it."""
    low, high, inside = _ends(x, fraction, to)
    up = to.type.fraction - fraction
    if up < 0 or up >= 40 or inside.all() or to.overflow is not Overflow.SAT:
        return rounded(x, fraction, to)
    start, step = x.low << up, x.step << up
    missing = np.maximum(low - start, 0)
    start += np.where(step > 0, -(-missing // np.maximum(step, 1)) * step, missing)
    return Bound(np.minimum(start, high), high, step, tuple({int(end) for end in (*low, *high)}))


def _ends(x: Bound, fraction: int, to: Cast) -> tuple[IntArray, IntArray, NDArray[np.bool_]]:
    """Both ends rounded and saturated, and of which channels no value is beyond the limits."""
    least, most = limits(to.type.raw_min, to.type.raw_max, to.overflow)
    low, high = to(x.low, fraction), to(x.high, fraction)
    wide = Fixed(True, 62 - to.type.fraction, to.type.fraction) if abs(to.type.fraction) < 62 else None
    if wide is None:
        return low, high, np.zeros(len(low), dtype=bool)
    free = replace(to, type=wide, overflow=Overflow.SAT)
    inside: NDArray[np.bool_] = (free(x.low, fraction) >= least) & (free(x.high, fraction) <= most)
    return low, high, inside
