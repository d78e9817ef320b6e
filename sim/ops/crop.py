"""A part of an image: rows, columns and channels from one place to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..op import Operator, Spec
from ..params import Pair, freeze_pair


@dataclass(frozen=True, eq=False)
class Crop(Operator):
    """``y = x[rows[0]:rows[1], columns[0]:columns[1], channels[0]:channels[1]]`` of an image (h, w, c)."""

    stem: ClassVar[str] = "crop"
    moves: ClassVar[bool] = True

    input_type: Fixed
    rows: Pair
    columns: Pair
    channels: Pair

    def __post_init__(self) -> None:
        for name in ("rows", "columns", "channels"):
            start, stop = freeze_pair(self, name, least=0)
            if stop <= start:
                raise BitsmithError(f"crop: {name} from {start} to {stop} holds nothing; give start < stop")

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,), rank=3)
        parts = (self.rows, self.columns, self.channels)
        for name, (_, stop), size in zip(("rows", "columns", "channels"), parts, inputs[0].shape):
            if stop > size:
                raise BitsmithError(f"crop: {name} end at {stop}, the input {inputs[0].shape} has {size}")
        return Spec(tuple(stop - start for start, stop in parts), self.input_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        rows, columns, channels = (slice(*part) for part in (self.rows, self.columns, self.channels))
        return inputs[0][:, rows, columns, channels]
