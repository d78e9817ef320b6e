"""Maximum over the whole image, per channel, exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..fixed import Fixed, IntArray
from ..op import Operator, Spec


@dataclass(frozen=True, eq=False)
class GlobalMaxPool2D(Operator):
    """The largest value over height and width. Input (h, w, c); output (c,) of the same type."""

    stem: ClassVar[str] = "global_max_pool2d"

    input_type: Fixed

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,), rank=3)
        return Spec((inputs[0].shape[2],), self.input_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        result: IntArray = inputs[0].max(axis=(1, 2))
        return result
