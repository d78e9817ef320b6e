"""The product of two or more tensors, exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import numpy as np

from ..fixed import Fixed, IntArray
from ..interval import exact_product
from ..join import Join


@dataclass(frozen=True, eq=False)
class Multiply(Join):
    """``a * b * …``, value by value, broadcast as ``Join`` says. The output type holds every possible product."""

    stem: ClassVar[str] = "multiply"

    @property
    def output_type(self) -> Fixed:
        return reduce(exact_product, self.input_types)

    def combine(self, *inputs: IntArray) -> IntArray:
        return reduce(np.multiply, inputs)
