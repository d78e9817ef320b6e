"""The index of the largest value, with a confidence threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..op import Operator, Spec
from ..watch import Decided, watched


@dataclass(frozen=True, eq=False)
class Argmax(Operator):
    """The index of the first largest along the last axis (…, classes), or ``classes`` ("rejected") if it is too small.

    A largest value below ``threshold`` (raw, of ``input_type``) is rejected; the smallest raw value rejects nothing. It
    is the default: hardware has it as an input, and ``compute`` takes another. Output (…, 1), unsigned, wide enough for
    ``classes``.
    """

    stem: ClassVar[str] = "argmax"
    per_pixel: ClassVar[bool] = True
    has_threshold: ClassVar[bool] = True

    input_type: Fixed
    threshold: int

    def __post_init__(self) -> None:
        if not self.input_type.raw_min <= self.threshold <= self.input_type.raw_max:
            raise BitsmithError(
                f"argmax: threshold {self.threshold} is outside {self.input_type}; "
                f"give {self.input_type.raw_min} to {self.input_type.raw_max}"
            )

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,))
        *others, classes = inputs[0].shape
        return Spec((*others, 1), Fixed.holding(0, classes, 0))

    def compute(self, *inputs: IntArray, threshold: int | None = None) -> IntArray:
        x = inputs[0]
        least = self.threshold if threshold is None else threshold
        if watcher := watched():
            watcher(x, Decided(least, self.input_type.raw_min))
        index: IntArray = np.argmax(x, axis=-1).astype(np.int64)
        index[x.max(axis=-1) < least] = x.shape[-1]
        return index[..., np.newaxis]
