"""One rounding as a parameter: the type of a tensor inside an operator, and how values come to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from .fixed import Fixed, IntArray, Overflow, Rounding, requantize


@dataclass(frozen=True)
class Cast:
    """A type and ap_fixed's two modes."""

    type: Fixed
    rounding: Rounding = Rounding.RND_CONV
    overflow: Overflow = Overflow.SAT

    def __call__(self, raw: NDArray[Any], fraction: int) -> IntArray:
        """Raw integers of ``fraction`` in this type."""
        result: IntArray = requantize(raw, fraction, self.type, self.rounding, self.overflow)
        return result


def cast(raw: IntArray, source: Fixed, to: Cast | None) -> IntArray:
    """The values rounded, or as they are where nothing rounds them."""
    return raw if to is None else to(raw, source.fraction)


def cast_type(source: Fixed, to: Cast | None) -> Fixed:
    """The type behind a cast that may not be there."""
    return source if to is None else to.type
