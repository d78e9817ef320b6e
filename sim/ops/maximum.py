"""The largest of two or more tensors, exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import numpy as np

from ..fixed import Fixed, IntArray
from ..interval import exact_maximum
from ..join import Join


@dataclass(frozen=True, eq=False)
class Maximum(Join):
    """The largest value at each place, broadcast as ``Join`` says. The output type holds every possible one."""

    stem: ClassVar[str] = "maximum"

    @property
    def output_type(self) -> Fixed:
        return exact_maximum(*self.input_types)

    def combine(self, *inputs: IntArray) -> IntArray:
        return reduce(np.maximum, self.aligned(inputs))
