"""The smallest of two or more tensors, exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import numpy as np

from ..fixed import Fixed, IntArray
from ..interval import exact_minimum
from ..join import Join


@dataclass(frozen=True, eq=False)
class Minimum(Join):
    """The smallest value at each place, broadcast as ``Join`` says. The output type holds every possible one."""

    stem: ClassVar[str] = "minimum"

    @property
    def output_type(self) -> Fixed:
        return exact_minimum(*self.input_types)

    def combine(self, *inputs: IntArray) -> IntArray:
        return reduce(np.minimum, self.aligned(inputs))
