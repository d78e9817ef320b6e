"""The contract with a product's parameters."""

from __future__ import annotations

from functools import reduce
from typing import ClassVar

import numpy as np
from definitions import Real
from join_cases import cases, refused, spread
from joins import JoinContract

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.ops.multiply import Multiply


class TestMultiply(JoinContract):
    class_name = "Multiply"
    cases: ClassVar = cases(Multiply)
    bad: ClassVar = refused(Multiply) | {
        "a product too wide": (lambda: Multiply((Fixed(True, 40, 0), Fixed(True, 0, 40))), "62 is the most"),
    }

    def make(self, types: tuple[Fixed, ...]) -> Multiply:
        return Multiply(types)

    def float_result(self, op: Multiply, *x_float: Real) -> Real:
        """Exact: none has more than 53 bits."""
        return reduce(np.multiply, spread(*x_float))

    def check_width(self, out: Fixed, least: Fixed, tensors: int) -> None:
        """Of more than two it is the type of a product of types, which may be a bit wider for each further one."""
        assert 0 <= out.width - least.width <= tensors - 2
