"""The sum of two tensors, exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..op import Operator, Spec


@dataclass(frozen=True, eq=False)
class Add(Operator):
    """``a + b`` with aligned fractions; both have one shape. The output type holds every possible sum."""

    stem: ClassVar[str] = "add"
    per_pixel: ClassVar[bool] = True

    input_types: tuple[Fixed, Fixed]

    def __post_init__(self) -> None:
        types = tuple(self.input_types)
        if len(types) != 2:
            raise BitsmithError(f"add: {len(types)} inputs; add two at a time")
        object.__setattr__(self, "input_types", types)
        self.output_type  # noqa: B018  a sum that is too wide is an error now, not later

    @property
    def output_type(self) -> Fixed:
        low = sum(t.raw_min << s for t, s in zip(self.input_types, self.shifts))
        high = sum(t.raw_max << s for t, s in zip(self.input_types, self.shifts))
        return Fixed.holding(low, high, max(t.fraction for t in self.input_types))

    @property
    def shifts(self) -> tuple[int, int]:
        """How far each input is shifted left to meet the finer fraction."""
        a, b = (t.fraction for t in self.input_types)
        return max(b - a, 0), max(a - b, 0)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, self.input_types)
        if inputs[0].shape != inputs[1].shape:
            raise BitsmithError(f"add: shapes {inputs[0].shape} and {inputs[1].shape} differ; they must be equal")
        return Spec(inputs[0].shape, self.output_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        return (inputs[0] << self.shifts[0]) + (inputs[1] << self.shifts[1])
