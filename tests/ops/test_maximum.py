"""The contract with the parameters of a maximum."""

from __future__ import annotations

from functools import reduce
from typing import ClassVar

import numpy as np
import pytest
from definitions import Real
from hardware import Case
from join_cases import cases, few_cases, refused, spread
from joins import JoinContract

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.maximum import Maximum

S8 = Fixed(True, 3, 4)
MANY = (Fixed(True, 2, 3), S8, Fixed(True, 1, 6)) * 3


class TestMaximum(JoinContract):
    class_name = "Maximum"
    cases: ClassVar = few_cases(Maximum) | {
        "nine: a register between the levels": Case(Maximum(MANY), tuple(Spec((2, 3, 1), t) for t in MANY)),
    }
    bad: ClassVar = refused(Maximum) | {
        "fractions too far apart": (lambda: Maximum((Fixed(True, 40, 0), Fixed(True, 0, 40))), "62 is the most"),
    }

    def make(self, types: tuple[Fixed, ...]) -> Maximum:
        return Maximum(types)

    def float_result(self, op: Maximum, *x_float: Real) -> Real:
        return reduce(lambda a, b: np.where(a > b, a, b), spread(*x_float))


@pytest.mark.slow
class TestMaximumEveryWay(TestMaximum):
    cases: ClassVar = cases(Maximum)
