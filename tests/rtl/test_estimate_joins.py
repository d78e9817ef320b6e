"""What joins tensors value by value: its formulas are held to what Yosys finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from estimated import assert_estimated
from hardware import Case

from bitsmith.sim.cast import Cast
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.average import Average
from bitsmith.sim.ops.maximum import Maximum
from bitsmith.sim.ops.minimum import Minimum
from bitsmith.sim.ops.multiply import Multiply
from bitsmith.sim.ops.subtract import Subtract

Need = Callable[..., None]
S8, S6, S12 = Fixed(True, 3, 4), Fixed(True, 2, 3), Fixed(True, 5, 6)
TO = Cast(S8)


def case(op: Operator, *types: Fixed, held: bool = False) -> Case:
    specs = [Spec((2, 6, 2), type) for type in types]
    return Case(op, (*specs[:-1], Spec((1, 1, 2), types[-1]) if held else specs[-1]))


CASES = {
    "sum_of_a_vector": case(Add((S8, S8)), S8, S8, held=True),
    "difference": case(Subtract((S8, S12)), S8, S12),
    "products": case(Multiply((S8, S8, S6)), S8, S8, S6),
    "largest_of_four": case(Maximum((S8,) * 4), *(S8,) * 4),
    "smaller": case(Minimum((S8, S12)), S8, S12),
    "mean_of_three": case(Average((S8, S8, S6), TO), S8, S8, S6),
}
MORE = {
    "sum": case(Add((S8, S12)), S8, S12),
    "difference_of_a_vector": case(Subtract((S8, S8)), S8, S8, held=True),
    "larger": case(Maximum((S8, S8)), S8, S8),
    "larger_of_two_types": case(Maximum((S6, S12)), S6, S12),
    "largest_of_nine": case(Maximum((S8,) * 9), *(S8,) * 9),
    "smallest_of_three": case(Minimum((S8,) * 3), *(S8,) * 3),
    "mean_of_two": case(Average((S8, S8), TO), S8, S8),
    "mean_of_four": case(Average((S8,) * 4, TO), *(S8,) * 4),
    "mean_of_ten": case(Average((S8,) * 10, TO), *(S8,) * 10),
}


@pytest.mark.slow
@pytest.mark.parametrize("cases", [CASES, MORE], ids=["each", "more"])
def test_formulas_are_estimates_of_what_yosys_finds(tmp_path: Path, need: Need, cases: dict[str, Case]) -> None:
    need("yosys")
    assert_estimated(cases, 1, tmp_path)
