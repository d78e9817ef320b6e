"""The axes of a tensor in another order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..op import Operator, Spec

Axes = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Permute(Operator):
    """An image whose axis ``i`` is the input's axis ``axes[i]``: (1, 0, 2) exchanges rows and columns."""

    stem: ClassVar[str] = "permute"
    moves: ClassVar[bool] = True
    any_size: ClassVar[bool] = True

    input_type: Fixed
    axes: Axes

    def __post_init__(self) -> None:
        axes = tuple(self.axes)
        if sorted(axes) != [0, 1, 2] or any(isinstance(axis, bool) for axis in axes):
            raise BitsmithError(f"permute: axes={self.axes!r}; give 0, 1 and 2 in another order")
        object.__setattr__(self, "axes", axes)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,), rank=3)
        return Spec(tuple(inputs[0].shape[axis] for axis in self.axes), self.input_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        result: IntArray = inputs[0].transpose(0, *(axis + 1 for axis in self.axes))
        return result
