"""The sum of two tensors, exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..fixed import Fixed, IntArray
from ..interval import aligned_ends
from ..join import Join


@dataclass(frozen=True, eq=False)
class Add(Join):
    """``a + b``, value by value, broadcast as ``Join`` says. The output type holds every possible sum."""

    stem: ClassVar[str] = "add"
    two: ClassVar[bool] = True

    @property
    def output_type(self) -> Fixed:
        lows, highs, fraction = aligned_ends(self.input_types)
        return Fixed.holding(sum(lows), sum(highs), fraction)

    def combine(self, *inputs: IntArray) -> IntArray:
        a, b = self.aligned(inputs)
        return a + b
