"""Rounded division of integers by a constant, as hardware does it: one multiplication by an integer reciprocal.

The claim: for every integer ``|a| <= limit``, ``(a * multiplier) >> shift`` equals ``floor(a / divisor)``, for
negative ``a`` by way of ``floor(a / d) = ~floor(~a / d)``. The proof, for ``0 <= a <= limit``: let ``multiplier *
divisor = 2**shift + e`` with ``0 <= e < divisor``. Then ``a * multiplier / 2**shift = a / divisor + a * e / (divisor *
2**shift)``. ``a / divisor`` is at least ``1 / divisor`` below the next integer, so the floor is unchanged when the
second part is less than ``1 / divisor``, that is ``a * e < 2**shift``. ``Reciprocal.of`` takes the smallest such shift.
(Granlund and Montgomery, "Division by Invariant Integers using Multiplication", 1994.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fixed import IntArray
from .rounding import Rounding
from .watch import Divided, watched


@dataclass(frozen=True)
class Reciprocal:
    """``floor(a / divisor) == (a * multiplier) >> shift`` for ``0 <= a <= limit``."""

    divisor: int
    limit: int
    multiplier: int
    shift: int

    @staticmethod
    def of(divisor: int, limit: int) -> Reciprocal:
        """The smallest shift for which the module's proof holds."""
        shift = 0
        while (multiplier := -(-(1 << shift) // divisor)) * divisor - (1 << shift) and (
            (multiplier * divisor - (1 << shift)) * limit >= 1 << shift
        ):
            shift += 1
        return Reciprocal(divisor, limit, multiplier, shift)

    def floor(self, a: IntArray) -> IntArray:
        """``floor(a / divisor)`` by the multiplication, for ``-limit - 1 <= a <= limit``."""
        sign = a >> 63
        return (((a ^ sign) * self.multiplier) >> self.shift) ^ sign


@dataclass(frozen=True)
class RoundedDivision:
    """``round(a * 2**up / divisor)`` for ``low <= a <= high`` (low <= 0 <= high), in any of ap_fixed's modes.

    In hardware: ``b = (a << (up + 1)) + c`` with ``c = c_positive`` or, where a < 0, ``c_negative``; the quotient is
    ``reciprocal.floor(b)``; in mode RND_CONV one less where it is odd and ``quotient * 2 * divisor == b`` (a tie).
    """

    low: int
    high: int
    up: int
    divisor: int
    rounding: Rounding

    @property
    def c_positive(self) -> int:
        below_half = self.rounding in (Rounding.RND_MIN_INF, Rounding.RND_ZERO)
        return 0 if self.rounding in (Rounding.TRN, Rounding.TRN_ZERO) else self.divisor - int(below_half)

    @property
    def c_negative(self) -> int:
        if self.rounding is Rounding.TRN:
            return 0
        if self.rounding is Rounding.TRN_ZERO:
            return 2 * self.divisor - 1
        return self.divisor - int(self.rounding in (Rounding.RND_MIN_INF, Rounding.RND_INF))

    @property
    def reciprocal(self) -> Reciprocal:
        """The reciprocal of ``2 * divisor``, valid for every numerator ``b``."""
        high = (self.high << (self.up + 1)) + self.c_positive
        low = (self.low << (self.up + 1)) + self.c_negative
        return Reciprocal.of(2 * self.divisor, max(high, -low - 1, 2 * self.divisor))

    def compute(self, a: IntArray) -> IntArray:
        """The result by the hardware's steps, in int64 (the product must stay below 2**63)."""
        b = (a << (self.up + 1)) + np.where(a < 0, self.c_negative, self.c_positive)
        return self._ties_to_even(self.reciprocal.floor(b), b)

    def exact(self, a: IntArray) -> IntArray:
        """The result by a true division; ``compute`` is proven and tested equal to it."""
        if watcher := watched():
            watcher(a, Divided(self.up, self.divisor, self.rounding))
        b = (a << (self.up + 1)) + np.where(a < 0, self.c_negative, self.c_positive)
        return self._ties_to_even(b // (2 * self.divisor), b)

    def _ties_to_even(self, quotient: IntArray, b: IntArray) -> IntArray:
        if self.rounding is not Rounding.RND_CONV:
            return quotient
        even: IntArray = quotient - ((quotient & 1) & (quotient * (2 * self.divisor) == b))
        return even
