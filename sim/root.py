"""The gain of a generalized divisive normalization: ``1 / sqrt(s)`` or ``sqrt(s)`` of a positive integer, step by step.

``s = m * 4**e`` with m in [1, 4): m is cut to ``width`` bits, its root comes from piecewise-linear tables, one Newton
step may follow, and the result is shifted back and rounded to the gain's type. Where a step follows, the tables are no
wider than one factor of a multiplier, which each of the step's products then has; the step squares their error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np

from .cast import Cast
from .errors import BitsmithError
from .fixed import Fixed, IntArray
from .interval import MAX_BITS
from .piecewise import PiecewiseLinear
from .watch import Limited, watched

SEED = 18  # bits inside the tables in front of a Newton step: their root has 17, a factor of a DSP48E2 with its sign


class Form(str, Enum):
    """Which tables a root is computed from."""

    SQUARE_ROOT_RECIPROCAL = "square_root_reciprocal"  # two tables, one behind the other, as in Mazouz et al. 2025
    RECIPROCAL_SQUARE_ROOT = "reciprocal_square_root"  # one table


@dataclass(frozen=True)
class Root:
    """``gain = s ** -0.5``, or ``s ** 0.5`` where ``inverse``, of raw integers ``low`` to ``high`` of ``source``."""

    source: Fixed
    low: int
    high: int
    gain: Cast
    inverse: bool
    form: Form
    segments: int
    width: int
    newton: bool

    def __post_init__(self) -> None:
        if self.low < 1:
            raise BitsmithError("the sum under the root can be zero; give every beta at least one step of its type")
        if self.gain.type.signed:
            raise BitsmithError(f"the gain's type {self.gain.type} is signed and a root is not; use ufixed")
        for table in self.tables.values():
            table.intercepts  # noqa: B018  bad segments are an error now, not later
        if self.width + 1 + self.most > MAX_BITS:
            raise BitsmithError(
                f"a root of {2 * self.most + 2} bits with {self.width} inside needs {self.width + 1 + self.most} "
                f"bits and {MAX_BITS} is the most; use a narrower input or gamma, or fewer bits inside"
            )

    @property
    def fraction(self) -> int:
        """F: fraction bits of m and of its root."""
        return self.width - 2

    @property
    def seed(self) -> int:
        """Fraction bits of what the tables take and give."""
        return min(self.width, SEED) - 2 if self.newton else self.fraction

    @property
    def odd(self) -> int:
        """1 where the sum moves up by a bit, so that its fraction is even."""
        return self.source.fraction % 2

    @property
    def most(self) -> int:
        """The largest h in ``s = m * 4**h`` (raw, even fraction)."""
        return ((self.high << self.odd).bit_length() - 1) // 2

    @cached_property
    def tables(self) -> dict[str, PiecewiseLinear]:
        """The tables that are used, by function."""
        needed = {
            Form.RECIPROCAL_SQUARE_ROOT: ["reciprocal_square_root"],
            Form.SQUARE_ROOT_RECIPROCAL: ["square_root", *(["reciprocal"] * (self.newton or not self.inverse))],
        }
        return {name: PiecewiseLinear(name, self.segments, self.seed + 2) for name in needed[self.form]}

    # the steps ------------------------------------------------------------------------------------

    def __call__(self, s: IntArray) -> IntArray:
        """The raw gains of raw sums."""
        m, h = self.normalize(s)
        return self.scale(self.root(m), h)

    def normalize(self, s: IntArray) -> tuple[IntArray, IntArray]:
        """(m, h): ``s << odd`` is ``m * 2**(2h - F)``; bits of m below ``2**-F`` are cut off."""
        aligned = s << self.odd
        h = (bit_length(aligned) - 1) >> 1
        up = np.maximum(self.fraction - 2 * h, 0)
        down = np.maximum(2 * h - self.fraction, 0)
        return (aligned << up) >> down, h

    def root(self, m: IntArray) -> IntArray:
        """``m ** -0.5`` (``m ** 0.5`` where inverse), F fraction bits."""
        q, r = self._look_up(m >> (self.fraction - self.seed))
        return self._step(q, r, m) if self.newton else q if self.inverse else r

    def _look_up(self, m: IntArray) -> tuple[IntArray, IntArray]:
        """(square root, its reciprocal) by the tables; one that is not needed is the other."""
        if self.form is Form.RECIPROCAL_SQUARE_ROOT:
            r = self.tables["reciprocal_square_root"](m)
            return ((m * r) >> self.seed if self.inverse else r), r
        q = self.tables["square_root"](m)
        return q, self.tables["reciprocal"](self.clamp(q)) if "reciprocal" in self.tables else q

    def clamp(self, q: IntArray) -> IntArray:
        """A square root within the reciprocal's domain [1, 2): a line can leave it by its error."""
        low, high = 1 << self.seed, (2 << self.seed) - 1
        if watcher := watched():
            watcher(q, Limited(low, high, 1))
        clamped: IntArray = np.clip(q, low, high)
        return clamped

    def _step(self, q: IntArray, r: IntArray, m: IntArray) -> IntArray:
        """One Newton step: ``r + r * (1 - m * r * r) / 2``; for a square root q it is ``q + r * (m - q * q) / 2``."""
        f, seed = self.fraction, self.seed
        if self.inverse:
            q = self.clamp(q)
            rest = ((m << (2 * seed - f)) - q * q) >> (2 * seed - f)
        else:
            rest = ((1 << (f + seed)) - ((m * r) >> seed) * r) >> seed
        return ((q if self.inverse else r) << (f - seed)) + ((r * rest) >> (seed + 1))

    def scale(self, root: IntArray, h: IntArray) -> IntArray:
        """The root of the whole sum, rounded to the gain's type."""
        return self.gain(root << (h if self.inverse else self.most - h), self.scaled_fraction)

    @property
    def scaled_fraction(self) -> int:
        """Fraction bits of the shifted root, which is ``width + 1 + most`` bits wide at the most."""
        half = (self.source.fraction + self.odd) // 2
        return self.fraction + half if self.inverse else self.fraction + self.most - half

    # what is proven -------------------------------------------------------------------------------

    @property
    def cut(self) -> int:
        """Bits of the sum that may be cut off."""
        return max(0, 2 * self.most - self.fraction)

    @property
    def error(self) -> float:
        """The largest relative error of the root before it is rounded to the gain's type, proven over all sums."""
        return _of_cut(self._root_error(), 2.0**-self.fraction if self.cut else 0.0)

    def _root_error(self) -> float:
        q, r = self.seed_errors
        if not self.newton:
            return q if self.inverse else r
        # The exact step makes e^2 (3 + e) / 2 of r's error e, or q's error times r's. Then what is cut of m * r, of the
        # rest (both are halved), and of the correction; q is at least 1, r at least 1/2.
        ulp = 2.0**-self.fraction
        if self.inverse:
            return q * q / 2 + q * r * (1 + q / 2) + (0.5 + 1) * ulp * (1 + r)
        return r * r * (3 + r) / 2 + (0.5 + 0.5 + 2) * ulp * (1 + r)

    @property
    def seed_errors(self) -> tuple[float, float]:
        """The largest relative errors of ``_look_up``'s square root and reciprocal, over all m."""
        ulp = 2.0**-self.seed
        if self.form is Form.RECIPROCAL_SQUARE_ROOT:
            r = self.tables["reciprocal_square_root"].error
            q = r + ulp  # the product is cut, and q is at least 1
        else:
            q = self.tables["square_root"].error
            r = q / (1 - q) + self.tables["reciprocal"].error * (1 + q) + ulp if "reciprocal" in self.tables else q
        m_cut = ulp if self.seed < self.fraction else 0.0
        return _of_cut(q, m_cut), _of_cut(r, m_cut)

    @property
    def range(self) -> tuple[float, float]:
        """The exact gain of the largest and the smallest sum, smaller one first."""
        ends = [math.sqrt(math.ldexp(s, -self.source.fraction)) for s in (self.low, self.high)]
        return (ends[0], ends[1]) if self.inverse else (1 / ends[1], 1 / ends[0])


def _of_cut(error: float, cut: float) -> float:
    """The error of a root whose argument lost ``cut`` of itself before: a root halves that."""
    return error * (1 + cut) + cut / 2 * (1 + cut)


def gain_type(high: float, width: int) -> Fixed:
    """The unsigned type of ``width`` bits with the finest step that holds gains up to ``high`` and a margin.

    The margin is a 128th: a root may come out larger than it is by its error.
    """
    wanted = high * (1 + 2.0**-7)
    integer = math.frexp(wanted)[1]
    if wanted > math.ldexp((1 << width) - 1, integer - width):  # between the largest value and the next power of two
        integer += 1
    return Fixed(False, integer, width - integer)


def bit_length(x: IntArray) -> IntArray:
    """Of positive integers below 2**62: 1 for 1, 2 for 2 and 3, and so on; exact beyond float64's 53 bits, too."""
    high = x >> 31
    upper = np.frexp(high.astype(np.float64))[1]
    lower = np.frexp((x & 0x7FFFFFFF).astype(np.float64))[1]
    found: IntArray = np.where(high > 0, upper + 31, lower).astype(np.int64)
    return found
