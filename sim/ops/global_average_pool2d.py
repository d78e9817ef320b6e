"""Average over the whole image, per channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..division import RoundedDivision
from ..fixed import Fixed, IntArray, Overflow, Rounding, requantize
from ..op import Operator, Spec
from ..params import freeze_enum
from .average_pool2d import mean_division


@dataclass(frozen=True, eq=False)
class GlobalAveragePool2D(Operator):
    """The mean over height and width: exact, rounded once. Input (h, w, c); output (c,) of ``output_type``."""

    stem: ClassVar[str] = "global_average_pool2d"

    input_type: Fixed
    output_type: Fixed
    rounding: Rounding = Rounding.RND_CONV
    overflow: Overflow = Overflow.SAT

    def __post_init__(self) -> None:
        freeze_enum(self, "rounding", Rounding)
        freeze_enum(self, "overflow", Overflow)

    def division(self, count: int) -> RoundedDivision:
        """How a sum of ``count`` inputs becomes raw ``output_type`` (before its overflow)."""
        return mean_division(self.stem, self.input_type, self.output_type, self.rounding, count)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,), rank=3)
        height, width, channels = inputs[0].shape
        self.division(height * width)
        return Spec((channels,), self.output_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        _, height, width, _ = inputs[0].shape
        means = self.division(height * width).exact(inputs[0].sum(axis=(1, 2)))
        return requantize(means, self.output_type.fraction, self.output_type, overflow=self.overflow)
