"""Fully connected layer on a vector, exact."""

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
class Dense(Operator):
    """``y[o] = sum kernel[i, o] * x[i] + bias[o]``, exact.

    ``kernel`` (nin, nout) and ``bias`` (nout,) are raw integers of their types. Input (nin,); output (nout,) in the
    type of ``accumulator``, fraction ``max(f_x + f_w, f_b)``. On anything but a vector a dense layer is a 1x1 conv2d.
    """

    stem: ClassVar[str] = "dense"

    input_type: Fixed
    kernel: IntArray
    kernel_type: Fixed
    bias: IntArray
    bias_type: Fixed

    def __post_init__(self) -> None:
        kernel = freeze_array(self, "kernel", (None, None), self.kernel_type)
        freeze_array(self, "bias", (kernel.shape[1],), self.bias_type)
        self.accumulator  # noqa: B018  an accumulator that is too wide is an error now, not later

    @cached_property
    def accumulator(self) -> Accumulator:
        """Per output channel, from the actual weights."""
        return accumulator(self.stem, self.input_type, self.kernel, self.kernel_type, self.bias, self.bias_type)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,), rank=1)
        if inputs[0].shape[0] != self.kernel.shape[0]:
            raise BitsmithError(
                f"dense: the input has {inputs[0].shape[0]} values, the kernel {self.kernel.shape[0]}; "
                "they must be equal"
            )
        return Spec((self.kernel.shape[1],), self.accumulator.type)

    def compute(self, *inputs: IntArray) -> IntArray:
        total: IntArray = inputs[0] @ self.kernel
        return (total << self.accumulator.product_shift) + (self.bias << self.accumulator.bias_shift)
