"""The mean of two or more tensors: an exact sum, then one rounded division."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import numpy as np

from ..cast import Cast
from ..division import RoundedDivision
from ..fixed import Fixed, IntArray
from ..interval import union
from ..join import Join
from .average_pool2d import mean_division


@dataclass(frozen=True, eq=False)
class Average(Join):
    """The mean at each place, broadcast as ``Join`` says: the exact rational number, rounded once by ``to``.

    Hardware divides by the steps of ``division``, which give the same integers for every possible sum.
    """

    stem: ClassVar[str] = "average"

    to: Cast

    def __post_init__(self) -> None:
        super().__post_init__()
        self.division  # noqa: B018  a sum that is too wide is an error now, not later

    @property
    def output_type(self) -> Fixed:
        return self.to.type

    @property
    def division(self) -> RoundedDivision:
        """How a sum of all inputs becomes raw ``output_type`` (before its overflow)."""
        types = self.input_types
        return mean_division(self.stem, union(types), self.to.type, self.to.rounding, len(types))

    def combine(self, *inputs: IntArray) -> IntArray:
        means = self.division.exact(reduce(np.add, self.aligned(inputs)))
        return self.to(means, self.to.type.fraction)
