"""The contract with the parameters of a mean of several tensors."""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from definitions import Real, quantized
from hardware import Case
from join_cases import S6, S8, U8, cases, few_cases, refused, spread
from joins import EXACT, JoinContract, network
from reading import assert_equal_to_keras, legacy_keras

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert.layers import convert
from bitsmith.sim.cast import Cast
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, Overflow, Rounding
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.average import Average

NARROW = Fixed(True, 2, 2)


def make(types: tuple[Fixed, ...], to: Cast | None = None) -> Average:
    """To eight bits, or as fine as values of many bits."""
    finest = max(t.fraction for t in types)
    return Average(types, to or Cast(Fixed(True, 6, finest) if finest > 12 else S8))


def mode(rounding: Rounding, overflow: Overflow = Overflow.SAT, tensors: int = 3) -> Case:
    """A mean to two bits less."""
    types = (S8, S8, S6, S8, U8, S8, S8, S8, S8, S8)[:tensors]
    return Case(Average(types, Cast(NARROW, rounding, overflow)), tuple(Spec((2, 4, 2), t) for t in types))


class TestAverage(JoinContract):
    class_name = "Average"
    cases: ClassVar = few_cases(make) | {
        **{rounding.value: mode(rounding) for rounding in Rounding},
        **{f"two, {rounding.value}": mode(rounding, tensors=2) for rounding in Rounding},
        **{f"RND, {overflow.value}": mode(Rounding.RND, overflow) for overflow in Overflow},
        "five": mode(Rounding.RND_CONV, tensors=5),
        "ten: two registers in the sum": mode(Rounding.RND_CONV, tensors=10),
        "finer": Case(make((S6,) * 3, Cast(Fixed(True, 2, 12))), (Spec((2, 3, 2), S6),) * 3),
        "unsigned": Case(make((U8,) * 3, Cast(U8)), (Spec((2, 3, 2), U8),) * 3),
    }
    bad: ClassVar = refused(make) | {
        "a sum too wide": (lambda: make((Fixed(True, 50, 5),) * 90), "more than 62 bits"),
        "fractions too far apart": (lambda: make((Fixed(True, 40, 0), Fixed(True, 0, 40))), "62 is the most"),
    }

    def make(self, types: tuple[Fixed, ...]) -> Average:
        return make(types, Cast(Fixed(True, 5, 12), Rounding.TRN, Overflow.WRAP))

    def float_result(self, op: Average, *x_float: Real) -> Real:
        """A tie is exact in float64, all else far from one."""
        total = reduce(np.add, spread(*x_float))
        return quantized(total / len(x_float), op.to.type, op.to.rounding, op.to.overflow)

    def check_width(self, out: Fixed, least: Fixed, tensors: int) -> None:
        """The type is given."""

    def nodes(self, tensors: int) -> list[str]:
        return ["average"]

    def is_exact(self, tensors: int) -> bool:
        return tensors & (tensors - 1) == 0


def test_without_a_type_it_is_exact_where_it_can_be() -> None:
    four = convert(network("Average", *((4,),) * 4), parse_config(EXACT))
    assert four.specs()["tested"].type == Fixed(True, 2, 5)
    with pytest.raises(BitsmithError, match="'tested' needs a type for its result"):
        convert(network("Average", *((4,),) * 3), parse_config(EXACT))


@pytest.mark.train
def test_a_quantizer_behind_it_is_its_only_rounding(tmp_path: Path) -> None:
    k, q = legacy_keras()
    inputs = [k.Input((3, 4, 2), name=f"x{i}") for i in range(3)]
    mean = k.layers.Average(name="mean")(inputs)
    y = q.QActivation("quantized_bits(6,2,alpha=1)", name="act")(mean)
    found = assert_equal_to_keras(
        k.Model(inputs, y, name="net"), tmp_path / "net.h5", {"Bitsmith": {"input": "fixed<6,3>"}}
    )
    assert [node.op.stem for node in found.nodes] == ["average"]
    assert found.specs()["mean"].type == Fixed(True, 2, 3)


@pytest.mark.slow
class TestAverageEveryWay(TestAverage):
    cases: ClassVar = cases(make)
