"""A slope below zero for each channel, exact: a parametric ReLU."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..errors import BitsmithError, TooWide
from ..fixed import Fixed, IntArray
from ..op import Operator, Spec
from ..params import freeze_array
from ..watch import Split, watched


@dataclass(frozen=True, eq=False)
class PReLU(Operator):
    """``y[..., c] = x[..., c]`` where that is 0 or more, else ``slope[c] * x[..., c]``; exact.

    ``slope`` (c,) are raw integers of their type; the input has any shape whose last axis is c. The output's fraction
    is ``f_x``, and ``f_x + f_slope`` where that is more.
    """

    stem: ClassVar[str] = "prelu"
    per_pixel: ClassVar[bool] = True

    input_type: Fixed
    slope: IntArray
    slope_type: Fixed

    def __post_init__(self) -> None:
        freeze_array(self, "slope", (None,), self.slope_type)
        self.output_type  # noqa: B018  a product that is too wide is an error now, not later

    @property
    def fraction(self) -> int:
        """Fraction bits of the output."""
        return self.input_type.fraction + max(self.slope_type.fraction, 0)

    @property
    def shifts(self) -> tuple[int, int]:
        """Places by which x and its product with a slope go up to the output's fraction."""
        return self.fraction - self.input_type.fraction, max(-self.slope_type.fraction, 0)

    @cached_property
    def output_type(self) -> Fixed:
        """The type that holds every value, for the actual slopes."""
        whole, product = self.shifts
        ends = [self.input_type.raw_max << whole, 0]
        ends += [(int(slope) * self.input_type.raw_min) << product for slope in self.slope]
        bits = max(abs(end) for end in ends).bit_length()
        if bits > 62:
            raise TooWide(f"prelu: the exact result needs {bits + 1} bits and 63 is the most; use narrower slopes")
        return Fixed.holding(min(ends), max(ends), self.fraction)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,))
        if inputs[0].shape[-1] != len(self.slope):
            raise BitsmithError(
                f"prelu: the input has {inputs[0].shape[-1]} channels, and there are {len(self.slope)} slopes; "
                "they must be equal"
            )
        return Spec(inputs[0].shape, self.output_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        (x,), (whole, product) = inputs, self.shifts
        if watcher := watched():
            watcher(x, Split(0))
        return np.where(x < 0, (x * self.slope) << product, x << whole)
