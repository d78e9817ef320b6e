"""The operator contract (contract.py) for softmax's parameters; its largest output is the largest logit's."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from definitions import Real, real
from hardware import SEED, Case

from bitsmith.sim.fixed import Fixed, Overflow, Rounding
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.softmax import Softmax

S8, U8, S16 = Fixed(True, 3, 4), Fixed(False, 0, 8), Fixed(True, 7, 8)
UNIT, ONE, TABLE = Fixed(False, 1, 10), Fixed(False, 1, 7), Fixed(False, 3, 4)


def softmax(x: Fixed, difference: Fixed = TABLE, total: Fixed = TABLE, y: Fixed = U8, **more: object) -> Softmax:
    return Softmax(x, difference, UNIT, total, UNIT, y, **more)  # type: ignore[arg-type]


def case(shape: Shape, x: Fixed = S8, pixels: int = 1, **more: Fixed) -> Case:
    return Case(softmax(x, **more), (Spec(shape, x),), pixels)


class TestSoftmax(OperatorContract):
    cases: ClassVar = {
        "5 classes": case((5,)),
        "2 classes": case((2,)),
        "1 class": case((1,)),
        "13 classes, unsigned": case((13,), U8, total=Fixed(False, 4, 4)),
        "16 bits of input": case((4,), S16),
        "an image, over its channels": case((2, 3, 4)),
        "a sequence": case((1, 5, 3)),
        "tiny tables": case((4,), difference=Fixed(False, 3, 1), total=Fixed(False, 3, 2)),
        "wide outputs": case((4,), y=Fixed(False, 1, 12)),
        "truncated": Case(softmax(S8, y=ONE, rounding=Rounding.TRN, overflow=Overflow.WRAP), (Spec((5,), S8),)),
        "fine tables": case((3,), difference=Fixed(False, 4, 6), total=Fixed(False, 2, 9)),
        "one bit": case((3,), Fixed(False, 1, 0)),
        "4 pixels, 7 classes": case((7,), pixels=4),
        "4 pixels, an image": case((2, 6, 2), pixels=4),
    }
    bad: ClassVar = {
        "a signed table": (lambda: softmax(S8, difference=S8), "difference_type fixed<8,4> is signed"),
        "a huge table": (lambda: softmax(S8, difference=Fixed(False, 10, 10)), "at most 18 bits"),
        "products too wide": (
            lambda: Softmax(S8, U8, Fixed(False, 1, 31), U8, Fixed(False, 1, 31), U8),
            "more than 62 bits",
        ),
    }

    def test_float_bound(self, name: str) -> None:
        """Within what the tables' roundings allow: each step's error, carried to the output."""
        op, spec = self.cases[name].op, self.cases[name].operator_inputs[0]
        assert isinstance(op, Softmax)
        raw = np.random.default_rng(SEED).integers(
            spec.type.raw_min, spec.type.raw_max, (200, *spec.shape), endpoint=True
        )
        got = real(op.compute(raw), op.output_type)
        assert np.abs(got - self.float_result(op, real(raw, spec.type))).max() <= bound(op, spec.shape[-1])

    def float_result(self, op: Softmax, *x_float: Real) -> Real:
        e = np.exp(x_float[0] - x_float[0].max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True))


def bound(op: Softmax, classes: int) -> float:
    """The largest error: half a step of every type, and one of the outputs; a sum is at least 1, so 1/s is no steeper
    than 1. A difference beyond its table counts as its last address."""
    half = {name: 2.0 ** -(getattr(op, name).fraction + 1) for name in ("difference_type", "exp_type", "sum_type")}
    beyond = np.exp(-op.difference_type.raw_max * 2.0**-op.difference_type.fraction)
    e = half["difference_type"] + half["exp_type"] + beyond
    reciprocal = classes * e + half["sum_type"] + 2.0 ** -(op.reciprocal_type.fraction + 1)
    return float(e + reciprocal + 2.0**-op.output_type.fraction)


@pytest.mark.parametrize("bits", [2, 4, 6, 8, 9])
def test_the_largest_logit_has_the_largest_output(bits: int) -> None:
    """Also below 10 bits of input (hls4ml#353, #885, #1512); ties can only be shared, never lost."""
    x = Fixed(True, 2, bits - 3)
    op = softmax(x, difference=Fixed(False, 3, 5))
    raw = np.random.default_rng(SEED).integers(x.raw_min, x.raw_max, (2000, 6), endpoint=True)
    y = op.compute(raw)
    best = np.take_along_axis(y, raw.argmax(axis=1)[:, None], axis=1)[:, 0]
    np.testing.assert_array_equal(best, y.max(axis=1))
    alone = (y == y.max(axis=1, keepdims=True)).sum(axis=1) == 1
    assert alone.sum() > 100
    np.testing.assert_array_equal(y.argmax(axis=1)[alone], raw.argmax(axis=1)[alone])
