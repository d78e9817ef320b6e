"""The product of two matrices of values, exact, for one head or several side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..interval import checked
from ..op import Operator, Spec


@dataclass(frozen=True, eq=False)
class Matmul(Operator):
    """``left @ right`` of two sequences (1, rows, channels), whose channels are ``heads`` parts, each with a product
    of its own; as wide as the sums can be.

    ``right`` has ``held`` rows. Where it is ``transposed``, each row of ``left`` meets every row of ``right``:
    ``y[t, h, s] = sum_k left[t, h, k] * right[s, h, k]``, an output of heads * held channels. Otherwise a row of
    ``left`` says how much of each row of ``right`` is added up: ``y[t, h, v] = sum_s left[t, h, s] * right[s, h, v]``.

    ``interleaved``: sequences side by side, (rows, sequences, channels).
    """

    stem: ClassVar[str] = "matmul"

    input_types: tuple[Fixed, Fixed]
    held: int
    size: int
    heads: int = 1
    transposed: bool = False
    interleaved: bool = False

    def __post_init__(self) -> None:
        types = tuple(self.input_types)
        if len(types) != 2:
            raise BitsmithError(f"matmul: {len(types)} inputs; give two")
        for name in ("held", "size", "heads"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise BitsmithError(f"matmul: {name}={value!r}; give a positive whole number")
        object.__setattr__(self, "input_types", types)
        self.output_type  # noqa: B018  a sum that is too wide is an error now, not later

    @property
    def terms(self) -> int:
        """Products in a sum."""
        return self.size if self.transposed else self.held

    @property
    def columns(self) -> int:
        """Values in a row of one head's result."""
        return self.held if self.transposed else self.size

    @property
    def output_type(self) -> Fixed:
        a, b = self.input_types
        ends = [x * y for x in (a.raw_min, a.raw_max) for y in (b.raw_min, b.raw_max)]
        return checked(self.terms * min(ends), self.terms * max(ends), a.fraction + b.fraction)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, self.input_types, rank=3)
        left, right = (spec.shape for spec in inputs)
        front = (self.held, left[1]) if self.interleaved else (1, self.held)
        wanted = (*front, self.heads * self.size)
        rows = (left[0] if self.interleaved else 1, left[1], self.heads * self.terms)
        if left != rows or right != wanted:
            raise BitsmithError(
                f"matmul: inputs of shapes {left} and {right}; expected {rows}, with any number of rows, and {wanted}"
            )
        return Spec((*left[:2], self.heads * self.columns), self.output_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        x, y = inputs if self.interleaved else (value.swapaxes(1, 2) for value in inputs)  # (batch, rows, sequences, c)
        left, right = (value.reshape(*value.shape[:3], self.heads, -1) for value in (x, y))
        equation = "btnhk,bsnhk->btnhs" if self.transposed else "btnhs,bsnhv->btnhv"
        result: IntArray = np.einsum(equation, left, right)
        result = result.reshape(*left.shape[:3], -1)
        return result if self.interleaved else result.swapaxes(1, 2)
