"""Depthwise convolution: each input channel has its own kernels, exact."""

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
class DepthwiseConv2D(Operator):
    """``y[h, w, c*m + k] = sum kernel[i, j, c, k] * x[h*sh + i*dh - top, w*sw + j*dw - left, c] + bias[c*m + k]``.

    ``kernel`` (kh, kw, cin, m) and ``bias`` (cin*m,) are raw integers; padded places are zero. Input (h, w, cin);
    output (h', w', cin*m), Keras's channel order, in the exact type of ``accumulator``.
    """

    stem: ClassVar[str] = "depthwise_conv2d"
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
        freeze_array(self, "bias", (kernel.shape[2] * kernel.shape[3],), self.bias_type)
        freeze_pair(self, "strides")
        freeze_padding(self)
        freeze_pair(self, "dilation")
        self.accumulator  # noqa: B018  an accumulator that is too wide is an error now, not later

    @cached_property
    def accumulator(self) -> Accumulator:
        """Per output channel, from the actual weights."""
        terms = self.kernel.reshape(self.kernel.shape[0] * self.kernel.shape[1], -1)
        return accumulator(self.stem, self.input_type, terms, self.kernel_type, self.bias, self.bias_type)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,), rank=3)
        shape, (kh, kw, cin, multiplier) = inputs[0].shape, self.kernel.shape
        if shape[2] != cin:
            raise BitsmithError(f"{self.stem}: the input has {shape[2]} channels, the kernel {cin}; they must be equal")
        out = window_shape(self.stem, shape, (kh, kw), self.strides, self.padding, self.dilation)
        return Spec((*out, cin * multiplier), self.accumulator.type)

    def compute(self, *inputs: IntArray) -> IntArray:
        x = pad(inputs[0], self.padding)
        kh, kw, cin, multiplier = self.kernel.shape
        rows, columns = window_shape(self.stem, x.shape[1:], (kh, kw), self.strides, NO_PADDING, self.dilation)
        total = np.zeros((len(x), rows, columns, cin, multiplier), dtype=np.int64)
        for i, j in np.ndindex(kh, kw):
            top, left = i * self.dilation[0], j * self.dilation[1]
            part = x[:, top:, left:][:, :: self.strides[0], :: self.strides[1]][:, :rows, :columns]
            total += part[..., np.newaxis] * self.kernel[i, j]
        flat = total.reshape(len(x), rows, columns, cin * multiplier)
        return (flat << self.accumulator.product_shift) + (self.bias << self.accumulator.bias_shift)
