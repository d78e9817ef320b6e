"""Values rounded to types that differ from channel to channel, or from element to element."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray, Overflow, Rounding, requantize
from ..interval import union
from ..op import Operator, Shape, Spec
from ..params import freeze_array, freeze_enum

_BITS = Fixed(True, 9, 0)
"""What a number of bits may be."""


@dataclass(frozen=True, eq=False)
class Retype(Operator):
    """Each value of ``x`` brought to its own type by one rounding and one overflow.

    ``signs``, ``integers`` and ``fractions`` have one axis, a type for each channel, or the axes of the whole tensor.
    A type of no bits, all three together 0, holds nothing but zero. All values travel in one type, ``output_type``, the
    smallest that holds every value of all types: a coarser value has zeros below, a smaller one its sign above.
    """

    stem: ClassVar[str] = "retype"

    input_type: Fixed
    signs: IntArray
    integers: IntArray
    fractions: IntArray
    rounding: Rounding = Rounding.RND
    overflow: Overflow = Overflow.WRAP

    def __post_init__(self) -> None:
        freeze_enum(self, "rounding", Rounding)
        freeze_enum(self, "overflow", Overflow)
        given = np.shape(self.signs)
        if len(given) not in (1, 2, 3):
            raise BitsmithError(f"retype: signs has shape {given}; give one value a channel, or one for each element")
        for name, type_ in (("signs", Fixed(False, 1, 0)), ("integers", _BITS), ("fractions", _BITS)):
            freeze_array(self, name, given, type_)
        wrong = ~((self.widths >= 0) & (self.widths <= 63))
        if wrong.any() or ((self.widths == 0) & (self.signs > 0)).any():
            raise BitsmithError(
                "retype: signs, integers and fractions give a type that has not 0 to 63 bits; one of 0 bits has no sign"
            )
        self.output_type  # noqa: B018  types too far apart are an error now, not later

    @property
    def per_pixel(self) -> bool:  # type: ignore[override]
        """Not where the types differ from pixel to pixel."""
        return self.signs.ndim == 1

    @cached_property
    def widths(self) -> IntArray:
        """The bits of each type."""
        total: IntArray = self.signs + self.integers + self.fractions
        return total

    @cached_property
    def types(self) -> tuple[Fixed | None, ...]:
        """Each different type once, in the order of first use; None holds nothing but zero."""
        return tuple(dict.fromkeys(map(self._type, *(part.ravel() for part in self._parts))))

    @cached_property
    def kinds(self) -> IntArray:
        """The place in ``types`` of each channel's or element's type."""
        place = {type_: k for k, type_ in enumerate(self.types)}
        flat = [place[type_] for type_ in map(self._type, *(part.ravel() for part in self._parts))]
        return np.array(flat, dtype=np.int64).reshape(self.signs.shape)

    @property
    def _parts(self) -> tuple[IntArray, IntArray, IntArray]:
        return self.signs, self.integers, self.fractions

    @staticmethod
    def _type(sign: int, integer: int, fraction: int) -> Fixed | None:
        return Fixed(bool(sign), int(integer), int(fraction)) if sign + integer + fraction else None

    @cached_property
    def output_type(self) -> Fixed:
        """The smallest type that holds every value of every type."""
        used = [type_ for type_ in self.types if type_ is not None]
        return union(used) if used else Fixed(False, 1, 0)

    def kinds_of(self, shape: Shape) -> IntArray:
        """``kinds`` of every element of a tensor."""
        return np.broadcast_to(self.kinds, shape)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,))
        shape, given = inputs[0].shape, self.signs.shape
        if given not in (shape, shape[-1:]):
            raise BitsmithError(f"retype: types of shape {given} for a tensor of shape {shape}; give one a channel")
        return Spec(shape, self.output_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        (x,) = inputs
        y = np.zeros_like(x)
        for kind, type_ in enumerate(self.types):
            if type_ is not None:
                at = (..., self.kinds == kind) if self.per_pixel else (slice(None), self.kinds == kind)
                own = requantize(x[at], self.input_type.fraction, type_, self.rounding, self.overflow)
                y[at] = own << (self.output_type.fraction - type_.fraction)
        return y
