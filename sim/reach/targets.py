"""A target: the integers that show one thing, all ``v`` with ``v = residue (mod modulus)`` from ``low`` to ``high``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from ..rounding import IntArray, Overflow, Rounding, limits, shift_right
from ..watch import Divided, Limited, Rounded, Split, Step

FAR = 1 << 61
"""No value of the reference is as large."""


@dataclass(frozen=True)
class Target:
    """``kind`` says in words what such a value shows; ``low`` and ``high`` are themselves in the set."""

    kind: str
    low: int = -FAR
    high: int = FAR
    modulus: int = 1
    residue: int = 0

    def within(self, low: int, high: int, step: int = 1) -> tuple[int, int, int] | None:
        """The first and the last member of ``low, low + step, … high``, and how far apart they lie; None without."""
        found = _meet(low, step, self.residue, self.modulus)
        if found is None:
            return None
        start, apart = found
        least, most = max(low, self.low), min(high, self.high)
        first, last = start + -(-(least - start) // apart) * apart, start + (most - start) // apart * apart
        return (first, last, apart) if first <= last else None

    def error(self, values: IntArray) -> IntArray:
        """What is missing from each value to the nearest member."""
        ends = self.within(-FAR, FAR)
        assert ends is not None, "a target without members is none"
        first, last, apart = ends
        if apart == 1:
            nearest: IntArray = np.clip(values, first, last)
        else:
            nearest = np.clip(self.residue + (values - self.residue + apart // 2) // apart * apart, first, last)
        return nearest - values

    def hit(self, values: IntArray) -> NDArray[np.bool_]:
        """Where a value is a member."""
        inside: NDArray[np.bool_] = np.full(values.shape, True) if self.low <= -FAR else np.asarray(values >= self.low)
        if self.high < FAR:
            inside &= values <= self.high
        if self.modulus > 1:
            power = self.modulus & (self.modulus - 1) == 0
            inside &= (values & (self.modulus - 1) if power else values % self.modulus) == self.residue
        return inside


def _meet(a: int, m: int, b: int, n: int) -> tuple[int, int] | None:
    """The numbers that are ``a (mod m)`` and ``b (mod n)``: one of them, and how far apart they lie."""
    if m == 0:
        return (a, n) if (a - b) % n == 0 else None
    common = gcd(m, n)
    if (b - a) % common:
        return None
    apart = m // common * n
    factor = (b - a) // common * pow(m // common, -1, n // common) if n > common else 0
    return (a + factor % (n // common) * m, apart)


def targets(step: Step) -> tuple[Target, ...]:
    """What values must come to a step of one of these kinds; tables and decisions are in ``sim/reach/points.py``."""
    return tuple(t for t in _targets(step) if t.within(-FAR, FAR) is not None)


@lru_cache(maxsize=1024)
def _targets(step: Step) -> tuple[Target, ...]:
    if isinstance(step, Rounded):
        return (*_rounding_ties(step), *_saturation(step))
    if isinstance(step, Divided):
        return tuple(_division_ties(step))
    if isinstance(step, Limited):
        return tuple(_limits(step))
    if isinstance(step, Split):
        if step.step is None:
            return Target("below", high=step.at - 1), Target("above", low=step.at + 1)
        return Target("just below", step.at - step.step, step.at - 1), Target("at", step.at, step.at + step.step - 1)
    return ()


def _rounding_ties(step: Rounded) -> Iterator[Target]:
    """Half a unit left over: where the modes differ. Only where neither neighbour is out of range."""
    shift = step.fraction - step.target.fraction
    if not 0 < shift < 61:
        return
    least, most = -FAR, FAR
    if step.overflow is not Overflow.WRAP:
        low, high = limits(step.target.raw_min, step.target.raw_max, step.overflow)
        least, most = max(low << shift, -FAR), min(high << shift, FAR)
    yield from _ties(step.rounding, 1 << shift, 1 << (shift - 1), least, most)


def _ties(rounding: Rounding, unit: int, half: int, least: int, most: int) -> Iterator[Target]:
    """To even and to odd where that decides, else above and below zero."""
    if rounding is Rounding.RND_CONV:
        yield Target("tie above an even number", least, most, 2 * unit, half)
        yield Target("tie above an odd number", least, most, 2 * unit, half + unit)
    else:
        yield Target("tie above zero", max(least, 1), most, unit, half)
        yield Target("tie below zero", least, min(most, -1), unit, half)


def _division_ties(step: Divided) -> Iterator[Target]:
    """``a * 2**(up + 1) = divisor (mod 2 * divisor)``: an odd divisor has no half of its own."""
    for unit, residues in _halves(step):
        if step.rounding is Rounding.RND_CONV:
            for name, residue in zip(("even", "odd"), residues):
                yield Target(f"tie above an {name} number", -FAR, FAR, unit, residue)
        else:
            yield Target("tie above zero", 1, FAR, unit, residues[0])
            yield Target("tie below zero", -FAR, -1, unit, residues[0])


def _halves(step: Divided) -> Iterator[tuple[int, list[int]]]:
    """The modulus of the sums that leave a half, and the residues: above even and odd quotients, or all of them."""
    scale, d = 1 << (step.up + 1), step.divisor
    even_and_odd = step.rounding is Rounding.RND_CONV
    whole = 4 * d if even_and_odd else 2 * d
    common = gcd(scale, whole)
    unit = whole // common
    wanted = (d, 3 * d) if even_and_odd else (d,)
    if all(residue % common == 0 for residue in wanted):
        inverse = pow(scale // common, -1, unit) if unit > 1 else 0
        yield unit, [residue // common * inverse % unit for residue in wanted]


def _saturation(step: Rounded) -> Iterator[Target]:
    """The last value that fits and the first that does not, at both ends, of those that lie apart as they come."""
    if step.overflow is Overflow.WRAP:
        return
    low, high = limits(step.target.raw_min, step.target.raw_max, step.overflow)
    shift = step.fraction - step.target.fraction
    if shift <= 0:
        up = min(-shift, 63)
        first, last = -(-low >> up), high >> up
        edges = [(first - 1, first - 1), (first, first), (last, last), (last + 1, last + 1)]
    elif max(abs(low), abs(high)).bit_length() + shift > 59:
        return
    else:
        edges = [_rounded_to(y, shift, step.rounding) for y in (low - 1, low, high, high + 1)]
    for name, ends in zip(("just below the least", "the least", "the most", "just above the most"), edges):
        yield Target(name, *ends)


def _rounded_to(y: int, shift: int, rounding: Rounding) -> tuple[int, int]:
    """The least and the largest integer that are rounded to ``y``."""
    unit = 1 << shift
    parts = (-1, 0, 1, unit // 2 - 1, unit // 2, unit // 2 + 1)  # no mode changes its mind anywhere else
    near = sorted({(y + k) * unit + part for k in (-1, 0, 1) for part in parts})
    found = [v for v, to in zip(near, shift_right(np.array(near, dtype=np.int64), shift, rounding)) if to == y]
    return min(found), max(found)


def _limits(step: Limited) -> Iterator[Target]:
    if step.low is not None:
        yield Target("just below the lower limit", step.low - step.step, step.low - 1)
        yield Target("the lower limit", step.low, step.low + step.step - 1)
    if step.high is not None:
        yield Target("the upper limit", step.high - step.step + 1, step.high)
        yield Target("just above the upper limit", step.high + 1, step.high + step.step)
