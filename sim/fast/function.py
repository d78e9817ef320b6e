"""A rounding and then a function of the rounded value, in place on floats that hold exact numbers.

Inside a recurrent step every function follows a rounding to few bits. Both together are one table of the narrow type:
the sum of products arrives in units of the table's last place and shifted so that its integer part is the index.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..cast import Cast
from ..fixed import Fixed, FloatArray, IntArray, Overflow, Rounding
from ..ops.activation import ZERO, Activation, Kind
from ..rounding import limits
from ..table import ADDRESS_OVERFLOW, ADDRESS_ROUNDING, MAX_ADDRESS_BITS
from .epilogue import Epilogue, magnitude
from .steps import Buffers, Run

_MOST_FORMULA_BITS = 16
_BY_INDEX = (Rounding.TRN, Rounding.RND, Rounding.RND_CONV)


def reach(type: Fixed) -> int:
    """The largest magnitude of a type, raw."""
    return magnitude(type.raw_min, type.raw_max)


class Stage(ABC):
    """One pass over values that come as ``value * 2**unit + offset``."""

    @property
    @abstractmethod
    def unit(self) -> int: ...

    @property
    def offset(self) -> float:
        return 0.0

    @property
    @abstractmethod
    def output(self) -> Fixed:
        """The type of what comes out."""

    @abstractmethod
    def needs(self, most: int, fraction: int) -> int:
        """The largest integer the dtype must hold where |value| is at most ``most * 2**-fraction``."""

    @abstractmethod
    def bind(self, y: FloatArray, out: FloatArray, exponent: int, buffers: Buffers) -> Run:
        """What turns ``y``, which it spoils, into results times ``2**exponent`` in ``out`` (which may be ``y``)."""


@dataclass(frozen=True, eq=False)
class Formula(Stage):
    """An activation that is no table, as an epilogue."""

    activation: Activation

    @property
    def unit(self) -> int:
        return self.output.fraction

    @property
    def output(self) -> Fixed:
        return self.activation.output_type

    def needs(self, most: int, fraction: int) -> int:
        return max(most, Epilogue(self.activation).needs())

    def bind(self, y: FloatArray, out: FloatArray, exponent: int, buffers: Buffers) -> Run:
        return _scaled(lambda: Epilogue(self.activation).apply(y), y, out, exponent - self.output.fraction)


@dataclass(frozen=True, eq=False)
class Clip(Formula):
    """An activation that is a rounding and two limits once its slope and its offset are in the unit and the offset."""

    @staticmethod
    def takes(op: Activation) -> bool:
        """Saturating, with limits on the output's grid (there they commute with the rounding), the slope 2**n."""
        limits = [c for c in (op.lower, op.upper) if c is not None]
        return (
            op.kind in (Kind.LINEAR, Kind.RELU, Kind.HARD_SIGMOID, Kind.HARD_TANH)
            and op.rounding in _BY_INDEX
            and op.overflow in (Overflow.SAT, Overflow.SAT_SYM)
            and op.slope.raw > 0
            and op.slope.raw & (op.slope.raw - 1) == 0
            and all(np.ldexp(float(c), op.output_type.fraction).is_integer() for c in limits)
        )

    @property
    def _rounds(self) -> bool:
        return self.activation.exact_fraction > self.output.fraction

    @property
    def _up(self) -> int:
        """The slope is 2 to this power."""
        return self.activation.slope.raw.bit_length() - 1 - self.activation.slope.fraction

    @property
    def unit(self) -> int:
        return self.output.fraction + self._up

    @property
    def offset(self) -> float:
        half = 0.5 if self._rounds and self.activation.rounding is Rounding.RND else 0.0
        return half + float(np.ldexp(float(self.activation.offset), self.output.fraction))

    def needs(self, most: int, fraction: int) -> int:
        op, finest = self.activation, max(self.activation.exact_fraction, self.output.fraction + 1)
        half, added = 1 << (finest - self.output.fraction - 1), 0 if op.offset == ZERO else abs(op.aligned(op.offset))
        sum = (most << (finest - fraction + self._up)) + (added << (finest - op.exact_fraction)) + half
        return max(sum, super().needs(most, fraction))

    def bind(self, y: FloatArray, out: FloatArray, exponent: int, buffers: Buffers) -> Run:
        op, units = self.activation, 2.0**self.output.fraction
        least, most = limits(self.output.raw_min, self.output.raw_max, op.overflow)
        low = -np.inf if op.lower is None else float(op.lower) * units
        low = max(low, 0.0) if op.kind is Kind.RELU else low
        high = np.inf if op.upper is None else float(op.upper) * units
        low, high = (y.dtype.type(min(max(limit, least), most)) for limit in (low, high))
        round = np.rint if op.rounding is Rounding.RND_CONV else np.floor
        rounds = self._rounds

        def run() -> None:
            if rounds:
                round(y, out=y)
            y.clip(low, high, out=y)

        return _scaled(run, y, out, exponent - self.output.fraction)


def _scaled(run: Run, y: FloatArray, out: FloatArray, exponent: int) -> Run:
    """``run`` on ``y``, and then ``y * 2**exponent`` to ``out``."""
    scale = y.dtype.type(2.0**exponent)
    if exponent == 0 and out is y:
        return run

    def scaled() -> None:
        run()
        np.multiply(y, scale, out=out)

    return scaled


@dataclass(frozen=True, eq=False)
class Lookup(Stage):
    """Rounds to ``type`` and looks the result up; ``values`` are raw of ``output``, indexed by the bits of ``type``.

    Saturation is the index's own clipping: the entries stand in ascending order of the address, behind an even number
    of others (so that a tie still goes to the even address), and a conversion to integers cuts off what RND and TRN
    cut off; what is negative falls on entry 0 either way.
    """

    type: Fixed
    rounding: Rounding
    overflow: Overflow
    values: IntArray
    output_type: Fixed

    @property
    def unit(self) -> int:
        return self.type.fraction

    @property
    def output(self) -> Fixed:
        return self.output_type

    @property
    def offset(self) -> float:
        return self._front + (0.5 if self.rounding is Rounding.RND else 0.0)

    @property
    def _front(self) -> int:
        """The index of address 0: for WRAP the bits themselves are the index."""
        if self.overflow is Overflow.WRAP:
            return 0
        least = -self.type.raw_min + int(self.overflow is Overflow.SAT_ZERO)
        return least + least % 2

    def needs(self, most: int, fraction: int) -> int:
        finest = max(fraction, self.unit + 1)
        sum = (most << (finest - fraction)) + ((self._front + 1) << (finest - self.unit))
        return max(sum, reach(self.output))

    @cached_property
    def entries(self) -> IntArray:
        """The raw results, by index."""
        if self.overflow is Overflow.WRAP:
            return self.values
        least, most = limits(self.type.raw_min, self.type.raw_max, self.overflow)
        raw = np.arange(-self._front, self.type.raw_max + 2)
        inside = np.clip(raw, least, most)
        if self.overflow is Overflow.SAT_ZERO:
            inside = np.where(raw == inside, raw, 0)
        found: IntArray = self.values[inside & (len(self.values) - 1)]
        return found

    def bind(self, y: FloatArray, out: FloatArray, exponent: int, buffers: Buffers) -> Run:
        entries = (self.entries * 2.0 ** (exponent - self.output.fraction)).astype(y.dtype)
        index = buffers.new(y.shape, np.dtype(np.intp))
        wraps, mask = self.overflow is Overflow.WRAP, len(self.values) - 1
        to_even = self.rounding is Rounding.RND_CONV

        def run() -> None:
            if to_even:
                np.rint(y, out=y)
            elif wraps:
                np.floor(y, out=y)
            np.copyto(index, y, casting="unsafe")
            if wraps:
                np.bitwise_and(index, mask, out=index)
            entries.take(index, None, out, "clip")

        return run


@dataclass(frozen=True, eq=False)
class Function:
    """``activation(cast(x))`` of values of ``source``; without a cast, of the exact values."""

    source: Fixed
    cast: Cast | None
    activation: Activation

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """One stage, or two: the rounding, and then the function."""
        op, cast = self.activation, self.cast
        last: Stage = _formula(op) if op.table_type is None else _table(op.table_type, op)
        if cast is None:
            return (last,)
        most = MAX_ADDRESS_BITS if op.kind is Kind.TABLE else _MOST_FORMULA_BITS
        if cast.rounding in _BY_INDEX and cast.type.width <= most:
            bits = np.arange(1 << cast.type.width)
            raw = np.where(bits > cast.type.raw_max, bits - (1 << cast.type.width), bits)
            return (Lookup(cast.type, cast.rounding, cast.overflow, op.compute(raw), op.output_type),)
        return rounding(self.source, cast), last

    @property
    def unit(self) -> int:
        return self.stages[0].unit

    @property
    def offset(self) -> float:
        return self.stages[0].offset

    def needs(self, most: int, fraction: int) -> int:
        """As ``Stage.needs``, the largest of all stages."""
        found = []
        for stage in self.stages:
            found.append(stage.needs(most, fraction))
            most, fraction = reach(stage.output), stage.output.fraction
        return max(found)

    def bind(self, y: FloatArray, out: FloatArray, exponent: int, buffers: Buffers) -> Run:
        """As a stage's: ``y`` comes as ``value * 2**unit + offset``, ``out`` is ``result * 2**exponent``."""
        if len(self.stages) == 1:
            return self.stages[0].bind(y, out, exponent, buffers)
        round, then = self.stages
        first, second = round.bind(y, y, then.unit, buffers), then.bind(y, out, exponent, buffers)
        offset = y.dtype.type(then.offset)

        def run() -> None:
            first()
            if offset:
                np.add(y, offset, out=y)
            second()

        return run


def _table(type: Fixed, op: Activation) -> Lookup:
    return Lookup(type, ADDRESS_ROUNDING, ADDRESS_OVERFLOW, op.table, op.output_type)


def _formula(op: Activation) -> Formula:
    return Clip(op) if Clip.takes(op) else Formula(op)


def rounding(source: Fixed, cast: Cast) -> Formula:
    """A cast of values of ``source``; its ``unit`` is the cast's fraction."""
    return _formula(Activation(source, Kind.LINEAR, cast.type, cast.rounding, cast.overflow))


def bind_rounding(source: Fixed, cast: Cast, y: FloatArray, buffers: Buffers) -> Run:
    """``cast`` of values of ``source`` that stand in ``y`` in units of its last place, in place."""
    stage = rounding(source, cast)
    run, offset = stage.bind(y, y, stage.unit, buffers), y.dtype.type(stage.offset)
    if not offset:
        return run

    def shifted() -> None:
        np.add(y, offset, out=y)
        run()

    return shifted


def needs_of(source: Fixed, cast: Cast) -> int:
    """The largest integer that a dtype must hold for a cast of any value of ``source``."""
    return rounding(source, cast).needs(reach(source), source.fraction)
