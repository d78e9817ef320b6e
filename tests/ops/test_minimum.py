"""The contract with the parameters of a minimum."""

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
from bitsmith.sim.ops.minimum import Minimum

S8 = Fixed(True, 3, 4)
MANY = (Fixed(True, 2, 3), S8, Fixed(True, 1, 6)) * 3


class TestMinimum(JoinContract):
    class_name = "Minimum"
    cases: ClassVar = few_cases(Minimum) | {
        "nine: a register between the levels": Case(Minimum(MANY), tuple(Spec((2, 3, 1), t) for t in MANY)),
    }
    bad: ClassVar = refused(Minimum) | {
        "fractions too far apart": (lambda: Minimum((Fixed(True, 40, 0), Fixed(True, 0, 40))), "62 is the most"),
    }

    def make(self, types: tuple[Fixed, ...]) -> Minimum:
        return Minimum(types)

    def float_result(self, op: Minimum, *x_float: Real) -> Real:
        return reduce(lambda a, b: np.where(a < b, a, b), spread(*x_float))


@pytest.mark.slow
class TestMinimumEveryWay(TestMinimum):
    cases: ClassVar = cases(Minimum)
