"""A reshape that keeps the order of the values."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..op import Operator, Shape, Spec
from ..params import freeze_shape


@dataclass(frozen=True, eq=False)
class Flatten(Operator):
    """The same values in row-major order under the new ``shape`` (no batch axis); free in hardware."""

    stem: ClassVar[str] = "flatten"
    moves: ClassVar[bool] = True

    input_type: Fixed
    shape: Shape

    def __post_init__(self) -> None:
        freeze_shape(self)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,))
        if prod(inputs[0].shape) != prod(self.shape):
            raise BitsmithError(
                f"flatten: {inputs[0].shape} has {prod(inputs[0].shape)} values, {self.shape} has {prod(self.shape)}; "
                "they must be equal"
            )
        return Spec(self.shape, self.input_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        return inputs[0].reshape(len(inputs[0]), *self.shape)
