"""Rows and columns of zeros around an image, where no convolution takes them in as its own padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..fixed import Fixed, IntArray
from ..op import Operator, Spec
from ..params import Padding, freeze_padding
from ..window import pad


@dataclass(frozen=True, eq=False)
class ZeroPadding2D(Operator):
    """An image (h, w, c) to (top + h + bottom, left + w + right, c); ``padding`` is ((top, bottom), (left, right))."""

    stem: ClassVar[str] = "zero_padding2d"
    moves: ClassVar[bool] = True
    any_size: ClassVar[bool] = True

    input_type: Fixed
    padding: Padding

    def __post_init__(self) -> None:
        freeze_padding(self)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,), rank=3)
        (height, width, channels), (rows, columns) = inputs[0].shape, self.padding
        return Spec((height + sum(rows), width + sum(columns), channels), self.input_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        return pad(inputs[0], self.padding)
