"""Transposed convolution (the gradient of a convolution, as in Keras), exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..op import Operator, Shape, Spec
from ..params import NO_PADDING, Padding, Pair, freeze_array, freeze_padding, freeze_pair
from ..ranges import Accumulator, accumulator


@dataclass(frozen=True, eq=False)
class Conv2DTranspose(Operator):
    """Every input pixel adds ``kernel * x`` at ``strides`` times its place; ``crop`` and ``extend`` move the edges.

    ``y[h*sh + i*dh - top, w*sw + j*dw - left, o] += kernel[i, j, c, o] * x[h, w, c]`` and ``bias[o]`` everywhere.
    ``kernel`` (kh, kw, cin, cout), ``bias`` (cout,) raw integers of their types. The full sum has
    ``(n - 1) * stride + reach`` rows; ``crop`` ((top, bottom), (left, right)) takes rows and columns away, ``extend``
    (rows, columns) adds some behind the last that only the bias reaches (Keras's output padding). Output in the type of
    ``accumulator``, fraction ``max(f_x + f_w, f_b)``.
    """

    stem: ClassVar[str] = "conv2d_transpose"
    any_size: ClassVar[bool] = True

    input_type: Fixed
    kernel: IntArray
    kernel_type: Fixed
    bias: IntArray
    bias_type: Fixed
    strides: Pair = (1, 1)
    crop: Padding = NO_PADDING
    extend: Pair = (0, 0)
    dilation: Pair = (1, 1)

    def __post_init__(self) -> None:
        kernel = freeze_array(self, "kernel", (None, None, None, None), self.kernel_type)
        freeze_array(self, "bias", (kernel.shape[3],), self.bias_type)
        freeze_pair(self, "strides")
        freeze_padding(self, "crop")
        freeze_pair(self, "extend", least=0)
        freeze_pair(self, "dilation")
        self.accumulator  # noqa: B018  an accumulator that is too wide is an error now, not later

    @cached_property
    def accumulator(self) -> Accumulator:
        """Per output channel, from the actual weights: all taps together bound what any phase adds up."""
        terms = self.kernel.reshape(-1, self.kernel.shape[3])
        return accumulator(self.stem, self.input_type, terms, self.kernel_type, self.bias, self.bias_type)

    @property
    def reach(self) -> Pair:
        """Rows and columns that one input pixel touches."""
        (kh, kw), (dh, dw) = self.kernel.shape[:2], self.dilation
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1

    def extent(self, shape: Shape) -> Pair:
        """Height and width of the output; BitsmithError where nothing is left of it."""
        found = []
        for axis in range(2):
            full = (shape[axis] - 1) * self.strides[axis] + self.reach[axis] + self.extend[axis]
            cut = sum(self.crop[axis])
            if full <= cut:
                raise BitsmithError(
                    f"conv2d_transpose: {cut} of {full} places along axis {axis} are cut away; cut less"
                )
            found.append(full - cut)
        return found[0], found[1]

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,), rank=3)
        shape, cin, cout = inputs[0].shape, self.kernel.shape[2], self.kernel.shape[3]
        if shape[2] != cin:
            raise BitsmithError(
                f"conv2d_transpose: the input has {shape[2]} channels, the kernel {cin}; they must be equal"
            )
        return Spec((*self.extent(shape), cout), self.accumulator.type)

    def compute(self, *inputs: IntArray) -> IntArray:
        x = inputs[0]
        batch, rows, columns, _ = x.shape
        (sh, sw), (dh, dw), (top, _), (left, _) = self.strides, self.dilation, *self.crop
        height, width = self.extent(x.shape[1:])
        full = ((rows - 1) * sh + self.reach[0], (columns - 1) * sw + self.reach[1])
        total = np.zeros(
            (batch, max(full[0], top + height), max(full[1], left + width), self.kernel.shape[3]), np.int64
        )
        for i, j in np.ndindex(*self.kernel.shape[:2]):
            places = total[:, i * dh :, j * dw :][:, : (rows - 1) * sh + 1 : sh, : (columns - 1) * sw + 1 : sw]
            places += x @ self.kernel[i, j]
        cut = total[:, top : top + height, left : left + width]
        return (cut << self.accumulator.product_shift) + (self.bias << self.accumulator.bias_shift)
