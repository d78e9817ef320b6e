"""Tensors joined along the channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..op import Operator, Spec


@dataclass(frozen=True, eq=False)
class Concatenate(Operator):
    """Two or more tensors joined on the last axis, in order. All have one type and agree on the other axes."""

    stem: ClassVar[str] = "concatenate"
    moves: ClassVar[bool] = True
    per_pixel: ClassVar[bool] = True

    input_types: tuple[Fixed, ...]

    def __post_init__(self) -> None:
        types = tuple(self.input_types)
        if len(types) < 2 or len(set(types)) != 1:
            names = ", ".join(map(str, types))
            raise BitsmithError(
                f"concatenate: input types {names}; give two or more of one type (linear activations before it)"
            )
        object.__setattr__(self, "input_types", types)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, self.input_types)
        shapes = [spec.shape for spec in inputs]
        if len({shape[:-1] for shape in shapes}) != 1:
            raise BitsmithError(f"concatenate: shapes {shapes} differ before the last axis; they must agree there")
        return Spec((*shapes[0][:-1], sum(shape[-1] for shape in shapes)), self.input_types[0])

    def compute(self, *inputs: IntArray) -> IntArray:
        return np.concatenate(inputs, axis=-1)
