"""Activations against vectors worked out by hand and against real arithmetic."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sim_graphs import ints
from sim_graphs import run_one as run

from bitsmith.sim.fixed import Constant, Fixed, Overflow, Rounding, to_float
from bitsmith.sim.ops.activation import Activation, Kind

S4 = Fixed(True, 3, 0)  # -8..7
S8 = Fixed(True, 7, 0)  # -128..127
U4 = Fixed(False, 4, 0)  # 0..15

HALVES = Fixed(True, 4, 1)


def test_linear_is_a_requantization() -> None:
    op = Activation(HALVES, Kind.LINEAR, S4)
    assert_array_equal(run(op, ints(-32, -3, -1, 0, 1, 3, 5, 31)), [-8, -2, 0, 0, 0, 2, 2, 7])
    symmetric = Activation(HALVES, Kind.LINEAR, S4, Rounding.RND_CONV, Overflow.SAT_SYM)
    assert_array_equal(run(symmetric, ints(-32, -16)), [-7, -7])


def test_relu_and_relu6() -> None:
    assert_array_equal(run(Activation(HALVES, Kind.RELU, U4), ints(-32, -1, 1, 3, 31)), [0, 0, 0, 2, 15])
    relu6 = Activation(HALVES, Kind.RELU, Fixed(False, 4, 1), upper=Constant(6))
    assert_array_equal(run(relu6, ints(-32, 3, 12, 13, 31)), [0, 3, 12, 12, 12])


def test_leaky_relu_multiplies_exactly_and_rounds_once() -> None:
    """Slope 3/8 in eighths: -1 -> -0.375 -> 0; -4 -> -1.5 -> -2 (to even); -12 -> -4.5 -> -4."""
    op = Activation(S8, Kind.LEAKY_RELU, S4, slope=Constant(3, 3))
    assert_array_equal(run(op, ints(-128, -12, -4, -1, 0, 5, 100)), [-8, -4, -2, 0, 0, 5, 7])


def test_absolute_has_one_value_more_than_the_input_above_zero() -> None:
    x = ints(-128, -127, -1, 0, 1, 127)
    assert_array_equal(run(Activation(S8, Kind.ABSOLUTE, Fixed(False, 8, 0)), x), [128, 127, 1, 0, 1, 127])
    assert_array_equal(run(Activation(S8, Kind.ABSOLUTE, S8), x), [127, 127, 1, 0, 1, 127])
    assert Activation(S8, Kind.ABSOLUTE, S8).exact_type == Fixed(False, 8, 0)


def test_absolute_comes_before_the_rounding() -> None:
    """-0.5 and 0.5 round alike; cut off, -1.5 is 1 and not 2."""
    assert_array_equal(run(Activation(HALVES, Kind.ABSOLUTE, U4), ints(-3, -1, 1, 3)), [2, 0, 0, 2])
    assert_array_equal(run(Activation(HALVES, Kind.ABSOLUTE, U4, Rounding.TRN), ints(-3, -1, 1, 3)), [1, 0, 0, 1])


def test_hard_sigmoid_and_hard_tanh() -> None:
    """QKeras: clip(x/2 + 1/2, 0, 1) in eighths (saturating below 1) and clip(x, -1, 1)."""
    eighths, one = Fixed(False, 0, 3), Constant(1)
    sigmoid = Activation(
        Fixed(True, 2, 2),
        Kind.HARD_SIGMOID,
        eighths,
        slope=Constant(1, 1),
        offset=Constant(1, 1),
        lower=Constant(0),
        upper=one,
    )
    assert_array_equal(run(sigmoid, ints(-16, -5, -4, -3, 0, 1, 2, 4, 15)), [0, 0, 0, 1, 4, 5, 6, 7, 7])
    tanh = Activation(Fixed(True, 2, 2), Kind.HARD_TANH, Fixed(True, 0, 3), lower=Constant(-1), upper=one)
    assert_array_equal(run(tanh, ints(-16, -4, -1, 0, 3, 4, 15)), [-8, -8, -2, 0, 6, 7, 7])


@given(st.data())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_activations_keep_their_exact_type(data: st.DataObject) -> None:
    draw = data.draw
    constant = st.builds(Constant, st.integers(-9, 9), st.integers(-2, 4))
    kind = draw(st.sampled_from([k for k in Kind if k is not Kind.TABLE]))
    input_type = draw(st.sampled_from([S4, U4, HALVES]))
    threshold = st.builds(Constant, st.integers(0, input_type.raw_max), st.just(input_type.fraction))
    hard = kind in (Kind.HARD_SIGMOID, Kind.HARD_TANH)
    low, high = sorted((draw(constant), draw(constant)), key=float)
    op = Activation(
        input_type,
        kind,
        S8,
        slope=draw(constant) if hard or kind is Kind.LEAKY_RELU else Constant(1),
        offset=draw(constant) if hard else draw(threshold) if kind is Kind.THRESHOLDED_RELU else Constant(0),
        lower=low if hard or draw(st.booleans()) else None,
        upper=high if hard or draw(st.booleans()) else None,
    )
    x = np.arange(op.input_type.raw_min, op.input_type.raw_max + 1)
    y = op.exact(x)
    assert op.exact_type.raw_min <= y.min()
    assert y.max() <= op.exact_type.raw_max
    real = to_float(x, op.input_type)
    slope = float(op.slope)
    expected = {
        Kind.LINEAR: real,
        Kind.RELU: np.maximum(real, 0),
        Kind.LEAKY_RELU: np.where(real < 0, real * slope, real),
        Kind.THRESHOLDED_RELU: np.where(real < float(op.offset), 0, real),
        Kind.ABSOLUTE: np.where(real < 0, -real, real),
    }.get(kind, real * slope + float(op.offset))
    expected = expected if op.lower is None else np.maximum(expected, float(op.lower))
    expected = expected if op.upper is None else np.minimum(expected, float(op.upper))
    assert_array_equal(to_float(y, Fixed(True, 30, op.exact_fraction)), expected)
