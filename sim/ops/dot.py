"""The scalar product of two vectors, exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..interval import checked
from ..op import Operator, Spec


@dataclass(frozen=True, eq=False)
class Dot(Operator):
    """The sum of the ``size`` products of two vectors (size,); output (1,), as wide as the sum can be.

    ``interleaved``: vectors side by side, (1, sequences, size) twice; output (1, sequences, 1).
    """

    stem: ClassVar[str] = "dot"

    input_types: tuple[Fixed, Fixed]
    size: int
    interleaved: bool = False

    def __post_init__(self) -> None:
        types = tuple(self.input_types)
        if len(types) != 2:
            raise BitsmithError(f"dot: {len(types)} inputs; give two")
        if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < 1:
            raise BitsmithError(f"dot: size={self.size!r}; give a positive whole number")
        object.__setattr__(self, "input_types", types)
        self.output_type  # noqa: B018  a sum that is too wide is an error now, not later

    @property
    def output_type(self) -> Fixed:
        a, b = self.input_types
        ends = [x * y for x in (a.raw_min, a.raw_max) for y in (b.raw_min, b.raw_max)]
        return checked(self.size * min(ends), self.size * max(ends), a.fraction + b.fraction)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, self.input_types, rank=3 if self.interleaved else 1)
        shapes = [spec.shape for spec in inputs]
        if shapes[0] != shapes[1] or shapes[0][-1] != self.size:
            raise BitsmithError(f"dot: inputs of shapes {shapes[0]} and {shapes[1]}; both must have {self.size} values")
        return Spec((*shapes[0][:-1], 1), self.output_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        result: IntArray = (inputs[0] * inputs[1]).sum(axis=-1, keepdims=True)
        return result
