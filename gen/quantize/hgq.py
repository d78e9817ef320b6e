"""Quantizers of HGQ2: fixed point with bits of its own for each weight, channel or element.

Weights are quantized in float32 in the order in which hgq2 0.2.0 computes; a tensor's values exactly, on integers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, IntArray, Overflow, Rounding
from ...sim.interval import union
from ...sim.op import Operator, Shape, Spec
from ...sim.ops.activation import Activation, Kind
from ...sim.ops.retype import Retype

HALF = 0.5
_ROUND: dict[Rounding, Callable[[Any], Any]] = {
    Rounding.TRN: np.floor,
    Rounding.RND: lambda x: np.floor(x + x.dtype.type(HALF)),
    Rounding.RND_CONV: np.rint,
    Rounding.TRN_ZERO: lambda x: np.floor(np.abs(x)) * np.sign(x),
    Rounding.RND_ZERO: lambda x: -np.floor(-np.abs(x) + x.dtype.type(HALF)) * np.sign(x),
    Rounding.RND_MIN_INF: lambda x: -np.floor(-x + x.dtype.type(HALF)),
    Rounding.RND_INF: lambda x: np.floor(np.abs(x) + x.dtype.type(HALF)) * np.sign(x),
}
"""In floating point, as the package quantizers computes them: the half is added in the value's own precision."""


@dataclass(frozen=True)
class HgqQuantizer:
    """One quantizer with the bits that training left: arrays of one shape, which broadcasts to the tensor's.

    ``signs`` are 0 or 1, ``integers`` leave the sign out, either number of bits may be negative. ``free``: values are
    rounded and nothing else, which HGQ2 does with weights whose range follows them.
    """

    signs: IntArray
    integers: IntArray
    fractions: IntArray
    rounding: Rounding
    overflow: Overflow
    free: bool = False

    @property
    def used(self) -> Any:
        """Where there are bits at all; elsewhere every value is zero."""
        bits = self.signs + self.integers + self.fractions
        one_value = (self.overflow is Overflow.SAT_SYM) & (self.signs == 1) & (bits == 1)
        return (bits > 0) & ~one_value

    def values(self, x: Any) -> Any:
        """Real values on their grids, computed in their own floating-point type."""
        kind = x.dtype.type
        one, k, f = kind(1), self.signs.astype(x.dtype), self.fractions
        scale, i = np.ldexp(one, f), np.maximum(self.integers, -f)
        if self.overflow is not Overflow.WRAP:
            high = np.ldexp(one, i) - np.ldexp(one, -f)
            x = np.clip(x, -k * (high if self.overflow is Overflow.SAT_SYM else np.ldexp(one, i)), high)
        x = _ROUND[self.rounding](x * scale) / scale
        if self.free:
            return x
        if self.overflow is Overflow.WRAP:
            bias = k * np.ldexp(one, i + self.signs - 1)
            x = np.mod(x + bias, np.ldexp(one, i + self.signs)) - bias
        return np.where(self.signs + self.integers + f > 0, x, kind(0))

    def over(self, shape: Shape) -> tuple[IntArray, IntArray, IntArray]:
        """Sign, integer and fraction bits of every value of a tensor; zeros where there are none of them.

        BitsmithError where the quantizer belongs to a tensor of another shape.
        """
        parts = (np.where(self.used, part, 0) for part in (self.signs, self.integers, self.fractions))
        try:
            signs, integers, fractions = (np.broadcast_to(part, (1, *shape))[0] for part in parts)
        except ValueError:
            raise BitsmithError(
                f"the tensor has shape {shape} and its bits {self.signs.shape}; save the model again"
            ) from None
        return signs, integers, fractions

    @property
    def types(self) -> set[Fixed]:
        """The different types, without those that hold nothing."""
        parts = (part[self.used] for part in (self.signs, self.integers, self.fractions))
        return {Fixed(bool(s), int(i), int(f)) for s, i, f in zip(*parts)}

    @property
    def one_type(self) -> Fixed | None:
        """The type that all values have; None where they differ."""
        return self.types.pop() if self.used.all() and len(self.types) == 1 else None

    def container(self) -> Fixed:
        """The smallest type that holds every value of every type; BitsmithError where they are too far apart."""
        return union(self.types) if self.types else Fixed(False, 1, 0)


def operator(q: HgqQuantizer, x: Spec, shape: Shape) -> Operator | None:
    """What brings a tensor, of ``shape`` in Keras, onto the quantizer's grids; None where it is there already.

    BitsmithError where the quantizer belongs to a tensor of another shape, or has types too far apart.
    """
    parts = [_narrowed(part.reshape(x.shape)) for part in q.over(shape)]
    rank = max(part.ndim for part in parts)
    signs, integers, fractions = (part if part.ndim == rank else np.broadcast_to(part, x.shape) for part in parts)
    op = Retype(x.type, signs, integers, fractions, q.rounding, q.overflow)
    if all(type_ is not None and _keeps(type_, x.type, q.overflow) for type_ in op.types):
        return None
    if len(op.types) == 1 and op.types[0] is not None:
        return Activation(x.type, Kind.LINEAR, op.types[0], q.rounding, q.overflow)
    return op


def _narrowed(part: IntArray) -> IntArray:
    """One value a channel where all pixels have the same."""
    flat = part.reshape(-1, part.shape[-1])
    return np.array(flat[0]) if (flat == flat[0]).all() else part


def _keeps(type_: Fixed, source: Fixed, overflow: Overflow) -> bool:
    """Whether every value of ``source`` stays as it is."""
    if not type_.contains(source):
        return False
    least = source.raw_min << (type_.fraction - source.fraction)
    return overflow is not Overflow.SAT_SYM or least >= -type_.raw_max
