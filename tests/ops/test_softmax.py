"""The operator contract (contract.py) for softmax's parameters; its largest output is the largest logit's."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from definitions import Real, real
from hardware import SEED, Case

from bitsmith.sim.fixed import Constant, Fixed, Overflow, Rounding, quantize, to_float
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
        "a signed sum that saturates": (lambda: softmax(S8, total=S8), "sum_type fixed<8,4> is signed"),
        "a scale without its table": (lambda: softmax(S8, scale=Constant(3, 1)), "scale 1.5 without float32 has no"),
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


WRAPPING: dict[str, Any] = {"difference_overflow": Overflow.WRAP, "sum_overflow": Overflow.WRAP, "float32": True}
NARROW, SIGNED = Fixed(False, 1, 3), Fixed(True, 1, 4)


def other(x: Fixed = S8, classes: int = 5, pixels: int = 1, **more: object) -> Case:
    return Case(softmax(x, **more), (Spec((classes,), x),), pixels)  # type: ignore[arg-type]


class TestSoftmaxOfOtherForms(OperatorContract):
    """Steps that wrap around, exponents that are not differences, tables in float32: as HGQ2 has them."""

    cases: ClassVar = {
        "wraps": other(difference=NARROW, total=Fixed(False, 1, 5), **WRAPPING),
        "wraps below 0": other(difference=SIGNED, total=SIGNED, **WRAPPING),
        "wraps, 16 bits": other(S16, difference=Fixed(True, 2, 4), total=Fixed(False, 2, 3), **WRAPPING),
        "scaled": other(scale=Constant(19, 6), float32=True),
        "cut off": other(difference_rounding=Rounding.TRN, sum_rounding=Rounding.RND_CONV),
        "not stable": other(difference=S8, stable=False, float32=True),
        "not stable, scaled, 1 class": other(
            difference=S8, stable=False, scale=Constant(3, 2), float32=True, classes=1
        ),
        "not stable, 13 classes, 4 pixels": other(U8, 13, 4, difference=U8, stable=False, total=Fixed(False, 4, 4)),
        "not stable, wraps": other(S16, difference=SIGNED, stable=False, **WRAPPING),
    }
    bad: ClassVar = {
        "a rounding": (lambda: softmax(S8, sum_rounding="up"), "sum_rounding 'up' is unknown"),
    }

    def float_result(self, op: Softmax, *x_float: Real) -> Real:
        """Step by step, each value rounded by itself."""
        (x,) = x_float
        x = x.max(axis=-1, keepdims=True) - x if op.stable else x
        x = through(x, op.difference_type, op.difference_rounding, op.difference_overflow) * float(op.scale)
        e = through(np.exp(-x if op.stable else x), op.exp_type, Rounding.RND_CONV, Overflow.SAT)
        total = through(e.sum(axis=-1, keepdims=True), op.sum_type, op.sum_rounding, op.sum_overflow)
        inverse = 1 / (total + (1e-7 if op.float32 else 1e-300))
        y = e * through(inverse, op.reciprocal_type, Rounding.RND_CONV, Overflow.SAT)
        return through(y, op.output_type, op.rounding, op.overflow)


def through(value: Real, type_: Fixed, rounding: Rounding, overflow: Overflow) -> Real:
    return np.asarray(to_float(quantize(value, type_, rounding, overflow), type_))


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        ({}, True),
        ({"difference_overflow": Overflow.WRAP}, False),
        ({"difference": Fixed(False, 4, 4), "difference_overflow": Overflow.WRAP}, True),
        ({"total": Fixed(False, 2, 4), "sum_overflow": Overflow.WRAP}, False),
        ({"total": Fixed(False, 4, 4), "sum_overflow": Overflow.WRAP}, True),
    ],
)
def test_what_wraps_may_change_the_order(more: dict[str, object], kept: bool) -> None:
    """16 values of fixed<8,4> lie at most 15.94 apart, five exponentials add up to less than 10."""
    assert softmax(S8, **more).keeps_order(5) is kept  # type: ignore[arg-type]


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
