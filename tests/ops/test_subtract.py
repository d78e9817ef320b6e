"""The contract with a difference's parameters."""

from __future__ import annotations

from typing import ClassVar

import pytest
from definitions import Real
from join_cases import cases, few_cases, refused, spread
from joins import JoinContract

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.ops.subtract import Subtract

S8 = Fixed(True, 3, 4)


class TestSubtract(JoinContract):
    class_name = "Subtract"
    most = operands = 2
    cases: ClassVar = few_cases(Subtract, 2)
    bad: ClassVar = refused(Subtract) | {
        "three inputs": (lambda: Subtract((S8, S8, S8)), "3 inputs; give two$"),
        "a difference too wide": (lambda: Subtract((Fixed(True, 40, 0), Fixed(True, 0, 40))), "62 is the most"),
    }

    def make(self, types: tuple[Fixed, ...]) -> Subtract:
        return Subtract(types)

    def float_result(self, op: Subtract, *x_float: Real) -> Real:
        a, b = spread(*x_float)
        return a - b


@pytest.mark.slow
class TestSubtractEveryWay(TestSubtract):
    cases: ClassVar = cases(Subtract, 2)
