"""Two-dimensional convolution (cross-correlation, as in Keras), exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..op import Operator, Spec
from ..params import NO_PADDING, Padding, Pair, freeze_array, freeze_padding, freeze_pair
from ..ranges import Accumulator, accumulator
from ..window import pad, window_shape


@dataclass(frozen=True, eq=False)
class Conv2D(Operator):
    """``y[h, w, o] = sum kernel[i, j, c, o] * x[h*sh + i*dh - top, w*sw + j*dw - left, c] + bias[o]``, exact.

    ``kernel`` (kh, kw, cin, cout) and ``bias`` (cout,) are raw integers of their types; padded places are zero.
    Input (h, w, cin); output (h', w', cout) in the type of ``accumulator``, fraction ``max(f_x + f_w, f_b)``.
    """

    stem: ClassVar[str] = "conv2d"
    any_size: ClassVar[bool] = True

    input_type: Fixed
    kernel: IntArray
    kernel_type: Fixed
    bias: IntArray
    bias_type: Fixed
    strides: Pair = (1, 1)
    padding: Padding = NO_PADDING
    dilation: Pair = (1, 1)

    def __post_init__(self) -> None:
        kernel = freeze_array(self, "kernel", (None, None, None, None), self.kernel_type)
        freeze_array(self, "bias", (kernel.shape[3],), self.bias_type)
        freeze_pair(self, "strides")
        freeze_padding(self)
        freeze_pair(self, "dilation")
        self.accumulator  # noqa: B018  an accumulator that is too wide is an error now, not later

    @cached_property
    def accumulator(self) -> Accumulator:
        """Per output channel, from the actual weights."""
        terms = self.kernel.reshape(-1, self.kernel.shape[3])
        return accumulator(self.stem, self.input_type, terms, self.kernel_type, self.bias, self.bias_type)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,), rank=3)
        shape, (kh, kw, cin, cout) = inputs[0].shape, self.kernel.shape
        if shape[2] != cin:
            raise BitsmithError(f"{self.stem}: the input has {shape[2]} channels, the kernel {cin}; they must be equal")
        out = window_shape(self.stem, shape, (kh, kw), self.strides, self.padding, self.dilation)
        return Spec((*out, cout), self.accumulator.type)

    def compute(self, *inputs: IntArray) -> IntArray:
        x = pad(inputs[0], self.padding)
        kh, kw, _, cout = self.kernel.shape
        rows, columns = window_shape(self.stem, x.shape[1:], (kh, kw), self.strides, NO_PADDING, self.dilation)
        total = np.zeros((len(x), rows, columns, cout), dtype=np.int64)
        for i, j in np.ndindex(kh, kw):
            top, left = i * self.dilation[0], j * self.dilation[1]
            part = x[:, top:, left:][:, :: self.strides[0], :: self.strides[1]][:, :rows, :columns]
            total += part @ self.kernel[i, j]
        return (total << self.accumulator.product_shift) + (self.bias << self.accumulator.bias_shift)
