"""An activation applied in place to floats that hold exact numbers: scale, clip, round, clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..fixed import FloatArray, Overflow, Rounding, requantize
from ..ops.activation import Activation, Kind
from ..rounding import limits, round_float

DType = np.dtype[Any]
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_IN_PLACE: dict[Rounding, np.ufunc] = {
    Rounding.RND_CONV: np.rint,
    Rounding.TRN: np.floor,
    Rounding.TRN_ZERO: np.trunc,
}


def carrier(magnitude: int, exponent: int = 0) -> DType | None:
    """The float dtype in which integers up to ``magnitude``, scaled by ``2**exponent``, are exact; None for neither."""
    if magnitude <= 1 << 24 and abs(exponent) <= 60:
        return FLOAT32
    return FLOAT64 if magnitude <= 1 << 53 and abs(exponent) <= 400 else None


def magnitude(low: int, high: int) -> int:
    return max(-low, high, 1)


@dataclass(frozen=True)
class Epilogue:
    """An activation (no table) on values that are already in units of its output's last place.

    ``apply`` is exact in a dtype that ``needs`` allows: there every product and limit fits the mantissa.
    """

    activation: Activation

    @property
    def exponent(self) -> int:
        """The raw input times ``2**exponent`` is in output units: fold it into the weights, that costs nothing."""
        return self.activation.output_type.fraction - self.activation.input_type.fraction

    def needs(self) -> int:
        """The largest integer that the dtype must hold."""
        op = self.activation
        exact, out = op.exact_type, op.output_type
        hard = op.kind in (
            Kind.HARD_SIGMOID,
            Kind.HARD_TANH,
        )  # slope * x alone may reach twice as far as with the offset
        return max(magnitude(exact.raw_min, exact.raw_max) << int(hard), magnitude(out.raw_min, out.raw_max))

    @property
    def monotone(self) -> bool:
        """Whether a larger input never gives a smaller output, so that a maximum may be taken before it."""
        op = self.activation
        rising = op.kind is not Kind.ABSOLUTE and op.slope.raw >= 0
        return rising and op.overflow in (Overflow.SAT, Overflow.SAT_SYM)

    def apply(self, y: FloatArray) -> None:
        """Apply the activation in place."""
        op = self.activation
        if op.kind is Kind.LEAKY_RELU:
            np.multiply(y, y.dtype.type(float(op.slope)), out=y, where=y < 0)
        elif op.kind is Kind.THRESHOLDED_RELU:
            np.copyto(y, 0, where=y < y.dtype.type(self._units(float(op.offset))))
        elif op.kind is Kind.ABSOLUTE:
            np.abs(y, out=y)
        elif op.kind in (Kind.HARD_SIGMOID, Kind.HARD_TANH):
            np.multiply(y, y.dtype.type(float(op.slope)), out=y)
            np.add(y, y.dtype.type(self._units(float(op.offset))), out=y)
        low, high = self._limits_before()
        if op.exact_fraction > op.output_type.fraction:
            if not (low.is_integer() or np.isinf(low)) or not (high.is_integer() or np.isinf(high)):
                np.clip(y, low, high, out=y)
                low, high = -np.inf, np.inf
            self._round(y)
        self._overflow(y, low, high)

    def _units(self, value: float) -> float:
        return float(np.ldexp(value, self.activation.output_type.fraction))

    def _limits_before(self) -> tuple[float, float]:
        """The activation's own limits, in output units."""
        op = self.activation
        low = -np.inf if op.lower is None else self._units(float(op.lower))
        high = np.inf if op.upper is None else self._units(float(op.upper))
        return max(low, 0.0) if op.kind is Kind.RELU else low, high

    def _round(self, y: FloatArray) -> None:
        in_place = _IN_PLACE.get(self.activation.rounding)
        if in_place is not None:
            in_place(y, out=y)
        else:
            y[...] = round_float(y, self.activation.rounding)

    def _overflow(self, y: FloatArray, low: float, high: float) -> None:
        """Limits on the output's grid commute with the rounding, so they join the saturation in one clip."""
        op = self.activation
        if op.overflow in (Overflow.SAT, Overflow.SAT_SYM):
            least, most = limits(op.output_type.raw_min, op.output_type.raw_max, op.overflow)
            np.clip(y, *(min(max(limit, least), most) for limit in (low, high)), out=y)
            return
        np.clip(y, low, high, out=y)
        fits = self.needs().bit_length() + max(self.exponent, 0) <= 62
        y[...] = requantize(
            y.astype(np.int64) if fits else y, op.output_type.fraction, op.output_type, overflow=op.overflow
        )
