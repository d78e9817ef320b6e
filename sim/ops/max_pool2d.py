"""Maximum over windows, exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..op import Operator, Spec
from ..params import NO_PADDING, Padding, Pair, freeze_padding, freeze_pair
from ..window import pad, window_shape, windows


@dataclass(frozen=True, eq=False)
class MaxPool2D(Operator):
    """The largest value of each window, per channel; a padded place never wins, as in Keras.

    Input (h, w, c); output (h', w', c) of the same type. A padding as large as the window is an error: such a window
    would hold no value at all.
    """

    stem: ClassVar[str] = "max_pool2d"
    any_size: ClassVar[bool] = True

    input_type: Fixed
    pool: Pair
    strides: Pair
    padding: Padding = NO_PADDING

    def __post_init__(self) -> None:
        freeze_pair(self, "pool")
        freeze_pair(self, "strides")
        check_pool_padding(self.stem, self.pool, freeze_padding(self))

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,), rank=3)
        shape = inputs[0].shape
        return Spec((*window_shape(self.stem, shape, self.pool, self.strides, self.padding), shape[2]), self.input_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        x = pad(inputs[0], self.padding, self.input_type.raw_min)
        result: IntArray = windows(x, self.pool, self.strides).max(axis=(-2, -1))
        return result


def check_pool_padding(stem: str, pool: Pair, padding: Padding) -> None:
    """BitsmithError where a window could lie in the padding alone."""
    if any(max(padding[axis]) >= pool[axis] for axis in range(2)):
        raise BitsmithError(f"{stem}: padding {padding} is not smaller than the pool {pool}; use less padding")
