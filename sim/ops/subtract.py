"""The difference of two tensors, exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..fixed import Fixed, IntArray
from ..interval import exact_difference
from ..join import Join


@dataclass(frozen=True, eq=False)
class Subtract(Join):
    """``a - b``, value by value, broadcast as ``Join`` says. The output type holds every possible difference."""

    stem: ClassVar[str] = "subtract"
    two: ClassVar[bool] = True

    @property
    def output_type(self) -> Fixed:
        return exact_difference(*self.input_types)

    def combine(self, *inputs: IntArray) -> IntArray:
        a, b = self.aligned(inputs)
        return a - b
