"""Every pixel several times, along its row and in the rows below: nearest neighbour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import Fixed, IntArray
from ..op import Operator, Spec
from ..params import Pair, freeze_pair


@dataclass(frozen=True, eq=False)
class UpSampling2D(Operator):
    """``y[h, w, c] = x[h // factors[0], w // factors[1], c]`` of an image (h, w, c)."""

    stem: ClassVar[str] = "up_sampling2d"
    moves: ClassVar[bool] = True
    any_size: ClassVar[bool] = True

    input_type: Fixed
    factors: Pair

    def __post_init__(self) -> None:
        freeze_pair(self, "factors")

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,), rank=3)
        height, width, channels = inputs[0].shape
        return Spec((height * self.factors[0], width * self.factors[1], channels), self.input_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        return np.repeat(np.repeat(inputs[0], self.factors[0], axis=1), self.factors[1], axis=2)
