"""Piecewise-linear roots and reciprocals of a normalized number: tables of best lines, with a proven error.

The argument is ``x * 2**-F`` in [1, 4) (``reciprocal``: in [1, 2)), ``F = width - 2``. It is cut into octaves, each
octave into equal segments, and on each segment the function is a line. Slope and intercept are integers; the line is
the one with the least largest error for that slope (half way between the two parallels that touch the function), one
bit better than the chord. Only roots and divisions in float64 are used, which IEEE 754 rounds the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .errors import BitsmithError
from .fixed import FloatArray, IntArray
from .watch import LookedUp, watched

_SLOPE_GUARD = 8  # bits of a slope beyond log2(segments): its rounding costs a thirtieth of the line's own error
_FLOAT_MARGIN = 2.0**-48  # more than float64 loses in evaluating a bound
MIN_WIDTH, MAX_WIDTH = 8, 32
MAX_SEGMENTS = 1024


@dataclass(frozen=True)
class _Shape:
    """A function, where it has a given derivative, where its distance from a line is extreme, and its domain."""

    value: Callable[[FloatArray], FloatArray]
    slope_at: Callable[[FloatArray], FloatArray]  # the x where the derivative is this
    extreme: Callable[[FloatArray, FloatArray], FloatArray]  # of (intercept + slope * x) / value(x)
    octaves: int
    least: float  # the smallest value in the domain


def _cube_root(cube: FloatArray) -> FloatArray:
    """Of numbers from 1 to 64 by Newton's method: libraries' own differ in the last bit from machine to machine."""
    root = np.full_like(cube, 4.0)
    for _ in range(12):  # from above it falls to within an ulp
        root = root - (root - cube / (root * root)) / 3.0
    return root


_SHAPES = {
    "square_root": _Shape(np.sqrt, lambda s: 0.25 / (s * s), lambda a, s: a / s, 2, 1.0),
    "reciprocal": _Shape(lambda x: 1.0 / x, lambda s: 1.0 / np.sqrt(-s), lambda a, s: -a / (2 * s), 1, 0.5),
    "reciprocal_square_root": _Shape(
        lambda x: 1.0 / np.sqrt(x), lambda s: _cube_root(0.25 / (s * s)), lambda a, s: -a / (3 * s), 2, 0.5
    ),
}


@dataclass(frozen=True)
class PiecewiseLinear:
    """``y = (intercepts[k] + slopes[k] * d) >> shift``; ``k`` and ``d`` are bits of the argument (``address``).

    ``width``: bits of the argument, two of them in front of the binary point. ``segments``: lines in the whole domain.
    """

    function: str
    segments: int
    width: int

    def __post_init__(self) -> None:
        if self.function not in _SHAPES:
            raise BitsmithError(f"no lines for the function '{self.function}'; known are {', '.join(_SHAPES)}")
        if not MIN_WIDTH <= self.width <= MAX_WIDTH:
            raise BitsmithError(f"an internal width of {self.width} bits; use {MIN_WIDTH} to {MAX_WIDTH}")
        least = 2 * self.octaves
        if self.segments & (self.segments - 1) or not least <= self.segments <= MAX_SEGMENTS:
            raise BitsmithError(f"{self.segments} segments; use a power of two from {least} to {MAX_SEGMENTS}")
        if self.segment_bits >= self.fraction:
            raise BitsmithError(
                f"{self.segments} segments need more than {self.width} bits inside; use fewer, or more bits"
            )

    @property
    def octaves(self) -> int:
        return _SHAPES[self.function].octaves

    @property
    def fraction(self) -> int:
        """F: fraction bits of the argument and of the result."""
        return self.width - 2

    @property
    def segment_bits(self) -> int:
        """Address bits within an octave."""
        return (self.segments // self.octaves).bit_length() - 1

    @property
    def offset_bits(self) -> int:
        """Bits of ``d``."""
        return self.fraction + self.octaves - 1 - self.segment_bits

    @property
    def shift(self) -> int:
        """Fraction bits of the slopes."""
        return min(self.segment_bits + _SLOPE_GUARD, self.offset_bits)

    def address(self, x: IntArray) -> tuple[IntArray, IntArray]:
        """(k, d) of arguments; those of the lower of two octaves move up by one bit, so that all have the same bits."""
        if self.octaves == 1:
            inside = x - (1 << self.fraction)
            return inside >> self.offset_bits, inside & ((1 << self.offset_bits) - 1)
        upper = x >> (self.fraction + 1)
        mantissa = np.where(upper > 0, x, x << 1) & ((1 << (self.fraction + 1)) - 1)
        k = (upper << self.segment_bits) + (mantissa >> self.offset_bits)
        return k, mantissa & ((1 << self.offset_bits) - 1)

    def __call__(self, x: IntArray) -> IntArray:
        """Raw results with ``fraction`` bits of raw arguments in the domain."""
        k, d = self.address(x)
        if watcher := watched():
            watcher(k, LookedUp(self.segments))
        y: IntArray = (self.intercepts[k] + self.slopes[k] * d) >> self.shift
        return y

    @property
    def intercepts(self) -> IntArray:
        """(segments,) with ``fraction + shift`` fraction bits; half a unit of the result is in them: ``>>`` rounds."""
        return self._lines[0]

    @property
    def slopes(self) -> IntArray:
        """(segments,) units of the result, times ``2**shift``, for each unit of ``d``."""
        return self._lines[1]

    @property
    def low(self) -> int:
        """The smallest result, raw."""
        return int(self._ends.min())

    @property
    def high(self) -> int:
        """The largest result, raw."""
        return int(self._ends.max())

    @cached_property
    def _ends(self) -> IntArray:
        """Results at both ends of every segment: a line has its extremes there."""
        last = (1 << self.offset_bits) - 1
        ends: IntArray = np.stack([self.intercepts, self.intercepts + self.slopes * last]) >> self.shift
        return ends

    @cached_property
    def _edges(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(start, end, units of d in a unit of x) of every segment."""
        each = self.segments // self.octaves
        octave, place = np.divmod(np.arange(self.segments), each)
        size = 2.0**octave
        start = size * (1 + place / each)
        return start, start + size / each, 2.0 ** (self.fraction + self.octaves - 1) / size

    @cached_property
    def _lines(self) -> tuple[IntArray, IntArray]:
        shape, (start, end, units) = _SHAPES[self.function], self._edges
        scale = 2.0 ** (self.fraction + self.shift)
        chord = (shape.value(end) - shape.value(start)) / (end - start)
        slopes = np.floor(chord * scale / units + 0.5)
        slope = slopes * units / scale
        touch = np.clip(shape.slope_at(slope), start, end)
        distances = [shape.value(x) - slope * (x - start) for x in (start, touch, end)]
        middle = (np.max(distances, axis=0) + np.min(distances, axis=0)) / 2
        intercepts = np.floor(middle * scale + 0.5) + (1 << self.shift) // 2
        found = intercepts.astype(np.int64), slopes.astype(np.int64)
        for array in found:
            array.setflags(write=False)
        return found

    @cached_property
    def line_error(self) -> float:
        """The largest relative error of the lines as they are stored, before the result is rounded. Proven: a line over
        one of these functions has its extremes at a segment's ends and at one point where the derivative is zero.
        """
        shape, (start, end, units) = _SHAPES[self.function], self._edges
        scale = 2.0 ** (self.fraction + self.shift)
        slope = self.slopes * units / scale
        at_zero = (self.intercepts - (1 << self.shift) // 2) / scale - slope * start
        with np.errstate(divide="ignore", invalid="ignore"):
            extreme = np.nan_to_num(shape.extreme(at_zero, slope), nan=1.0)
        places = [start, np.clip(extreme, start, end), end]
        errors = [np.abs((at_zero + slope * x) / shape.value(x) - 1) for x in places]
        return float(np.max(errors)) + _FLOAT_MARGIN

    @property
    def error(self) -> float:
        """The largest relative error of a result: the line and its rounding to ``fraction`` bits."""
        return self.line_error + 2.0 ** -(self.fraction + 1) / _SHAPES[self.function].least
