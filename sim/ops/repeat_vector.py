"""A vector as every step of a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..op import Operator, Spec


@dataclass(frozen=True, eq=False)
class RepeatVector(Operator):
    """(channels,) to (1, steps, channels); ``interleaved``: (1, sequences, channels) to (steps, sequences, channels).

    The values are the same at each step.
    """

    stem: ClassVar[str] = "repeat_vector"
    moves: ClassVar[bool] = True

    input_type: Fixed
    steps: int
    interleaved: bool = False

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise BitsmithError(f"repeat_vector: steps={self.steps}; give at least 1")

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,), rank=3 if self.interleaved else 1)
        shape = inputs[0].shape
        if self.interleaved and shape[0] != 1:
            raise BitsmithError(f"repeat_vector: the input has shape {shape}, expected (1, sequences, channels)")
        return Spec((self.steps, *shape[1:]) if self.interleaved else (1, self.steps, *shape), self.input_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        x = inputs[0] if self.interleaved else inputs[0][:, np.newaxis, np.newaxis]
        return np.repeat(x, self.steps, axis=1 if self.interleaved else 2)
