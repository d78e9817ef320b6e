"""Average over windows: an exact sum, then one rounded division."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..division import RoundedDivision
from ..errors import TooWide
from ..fixed import Fixed, IntArray, Overflow, Rounding, requantize
from ..op import Operator, Spec
from ..params import Padding, Pair, freeze_enum, freeze_padding, freeze_pair
from ..window import pad, window_counts, window_shape, windows
from .max_pool2d import check_pool_padding


@dataclass(frozen=True, eq=False)
class AveragePool2D(Operator):
    """The mean of each window, per channel: the exact rational number, rounded once to ``output_type``.

    Padded places are not counted, as in Keras. Input (h, w, c); output (h', w', c). Hardware divides by the steps of
    ``division(count)``, which give the same integers for every possible sum.
    """

    stem: ClassVar[str] = "average_pool2d"
    any_size: ClassVar[bool] = True

    input_type: Fixed
    pool: Pair
    strides: Pair
    padding: Padding
    output_type: Fixed
    rounding: Rounding = Rounding.RND_CONV
    overflow: Overflow = Overflow.SAT

    def __post_init__(self) -> None:
        freeze_enum(self, "rounding", Rounding)
        freeze_enum(self, "overflow", Overflow)
        freeze_pair(self, "pool")
        freeze_pair(self, "strides")
        check_pool_padding(self.stem, self.pool, freeze_padding(self))
        self.division(self.pool[0] * self.pool[1])

    def division(self, count: int) -> RoundedDivision:
        """How a sum of ``count`` inputs becomes raw ``output_type`` (before its overflow)."""
        return mean_division(self.stem, self.input_type, self.output_type, self.rounding, count)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,), rank=3)
        shape = inputs[0].shape
        out = window_shape(self.stem, shape, self.pool, self.strides, self.padding)
        return Spec((*out, shape[2]), self.output_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        sums = windows(pad(inputs[0], self.padding), self.pool, self.strides).sum(axis=(-2, -1))
        counts = window_counts(inputs[0].shape[1:], self.pool, self.strides, self.padding)
        means = np.empty_like(sums)
        for count in np.unique(counts):
            at = counts == count
            means[:, at] = self.division(int(count)).exact(sums[:, at])
        return requantize(means, self.output_type.fraction, self.output_type, overflow=self.overflow)


def mean_division(stem: str, input_type: Fixed, output_type: Fixed, rounding: Rounding, count: int) -> RoundedDivision:
    """The division of a sum of ``count`` values of ``input_type``; BitsmithError where it exceeds 62 bits."""
    up = max(output_type.fraction - input_type.fraction, 0)
    down = max(input_type.fraction - output_type.fraction, 0)
    low, high = input_type.raw_min * count, input_type.raw_max * count
    if max(-low, high, count << down).bit_length() + up + down + 2 > 62:
        raise TooWide(f"{stem}: a mean of {count} values of {input_type} needs more than 62 bits; use narrower types")
    return RoundedDivision(low, high, up, count << down, rounding)
