"""A scale and an offset per channel, exact: batch normalization, or a weight scale that is no power of two."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..op import Operator, Spec
from ..params import freeze_array
from ..ranges import Accumulator, accumulator


@dataclass(frozen=True, eq=False)
class BatchNorm(Operator):
    """``y[..., c] = scale[c] * x[..., c] + offset[c]``, exact.

    ``scale`` and ``offset`` (c,) are raw integers of their types; the input has any shape whose last axis is c. The
    output's fraction is ``max(f_x + f_scale, f_offset)``, its width that of ``accumulator``.
    """

    stem: ClassVar[str] = "batch_norm"
    per_pixel: ClassVar[bool] = True

    input_type: Fixed
    scale: IntArray
    scale_type: Fixed
    offset: IntArray
    offset_type: Fixed

    def __post_init__(self) -> None:
        scale = freeze_array(self, "scale", (None,), self.scale_type)
        freeze_array(self, "offset", scale.shape, self.offset_type)
        self.accumulator  # noqa: B018  an accumulator that is too wide is an error now, not later

    @cached_property
    def accumulator(self) -> Accumulator:
        """Per channel, from the actual scales and offsets."""
        terms = self.scale.reshape(1, -1)
        return accumulator(self.stem, self.input_type, terms, self.scale_type, self.offset, self.offset_type)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,))
        if inputs[0].shape[-1] != len(self.scale):
            raise BitsmithError(
                f"batch_norm: the input has {inputs[0].shape[-1]} channels, the scale {len(self.scale)}; "
                "they must be equal"
            )
        return Spec(inputs[0].shape, self.accumulator.type)

    def compute(self, *inputs: IntArray) -> IntArray:
        product = (inputs[0] * self.scale) << self.accumulator.product_shift
        return product + (self.offset << self.accumulator.bias_shift)
