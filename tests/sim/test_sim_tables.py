"""Tables and rounded divisions: against arbitrary precision, exact fractions and every possible sum."""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from bitsmith.sim.division import Reciprocal, RoundedDivision
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Constant, Fixed, Overflow, Rounding, to_float
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.average_pool2d import AveragePool2D
from bitsmith.sim.ops.softmax import Softmax
from bitsmith.sim.table import FUNCTIONS, address, lookup, table

ADDRESS, OUT = Fixed(True, 3, 5), Fixed(True, 2, 9)


def decimal_function(name: str, x: Decimal) -> Decimal:
    """The function to 50 digits."""
    e = x.exp()
    values = {
        "sigmoid": 1 / (1 + (-x).exp()),
        "tanh": (e - 1 / e) / (e + 1 / e),
        "exp": e,
        "exp_negative": 1 / e,
        "softplus": (1 + e).ln(),
        "softsign": x / (1 + abs(x)),
        "elu": x if x > 0 else e - 1,
        "swish": x / (1 + (-x).exp()),
        "sign": Decimal(1 if x >= 0 else -1),
    }
    return values[name]


def nearest(value: Decimal, type: Fixed) -> int:
    scaled = value * Decimal(2) ** type.fraction
    raw = int(scaled.to_integral_value(decimal.ROUND_HALF_EVEN))
    return min(max(raw, type.raw_min), type.raw_max)


@pytest.mark.parametrize(
    "name", ["sigmoid", "tanh", "exp", "exp_negative", "softplus", "softsign", "elu", "swish", "sign"]
)
def test_entries_are_the_nearest_values(name: str) -> None:
    entries = table(name, ADDRESS, OUT)
    assert len(entries) == 512
    with decimal.localcontext(decimal.Context(prec=50)):
        for raw in range(ADDRESS.raw_min, ADDRESS.raw_max + 1):
            x = Decimal(raw) / Decimal(2) ** ADDRESS.fraction
            assert entries[raw % 512] == nearest(decimal_function(name, x), OUT), (name, raw)


def test_roots_and_reciprocals_are_the_nearest_values_and_saturate() -> None:
    type, out = Fixed(False, 4, 4), Fixed(False, 5, 8)
    with decimal.localcontext(decimal.Context(prec=50)):
        for raw in range(1, 256):
            x = Decimal(raw) / 16
            assert table("reciprocal", type, out)[raw] == nearest(1 / x, out)
            assert table("square_root", type, out)[raw] == nearest(x.sqrt(), out)
            assert table("reciprocal_square_root", type, out)[raw] == nearest(1 / x.sqrt(), out)
    assert table("reciprocal", type, out)[0] == out.raw_max
    assert table("reciprocal_square_root", type, out)[0] == out.raw_max
    assert table("square_root", type, out)[0] == 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_finite_and_read_only_on_wide_addresses(name: str) -> None:
    entries = table(name, Fixed(True, 12, 2), Fixed(True, 3, 4))
    assert entries.min() >= -128
    assert entries.max() <= 127
    assert not entries.flags.writeable


def test_addresses_round_to_nearest_and_saturate() -> None:
    raw = np.array([-9999, -6, -5, -4, -2, 0, 2, 5, 6, 7, 9999])
    assert_array_equal(address(raw, 2, Fixed(True, 3, 0)), [-8, -1, -1, -1, 0, 0, 1, 1, 2, 2, 7])


def test_negative_addresses_index_by_their_bits() -> None:
    entries = table("tanh", Fixed(True, 2, 0), OUT)
    assert_array_equal(lookup(entries, np.array([-4, -1, 0, 3])), entries[[4, 7, 0, 3]])


def test_table_activation_rounds_its_input_then_looks_up() -> None:
    op = Activation(Fixed(True, 5, 6), Kind.TABLE, OUT, function="tanh", table_type=ADDRESS)
    x = np.arange(-2048, 2048)
    near = np.clip(np.floor(x / 2 + 0.5), -256, 255)  # sixty-fourths to thirty-seconds, ties up
    assert_array_equal(op.compute(x), np.rint(np.tanh(near / 32) * 512))
    limited = Activation(
        Fixed(True, 3, 5), Kind.TABLE, OUT, function="tanh", table_type=ADDRESS, lower=Constant(0), upper=Constant(1, 1)
    )
    assert_array_equal(limited.compute(np.array([-50, 255])), [0, 256])


def test_unknown_functions_and_large_tables_are_refused() -> None:
    with pytest.raises(BitsmithError, match="known are sigmoid"):
        table("sine", ADDRESS, OUT)
    with pytest.raises(BitsmithError, match="at most 18 bits"):
        table("tanh", Fixed(True, 10, 8), OUT)


# --- division ---------------------------------------------------------------------------------------------------------


@given(st.integers(1, 1000), st.integers(0, 3000))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_integer_reciprocal_is_the_floor_for_every_value(divisor: int, limit: int) -> None:
    reciprocal = Reciprocal.of(divisor, limit)
    a = np.arange(-limit - 1, limit + 1)
    assert_array_equal(reciprocal.floor(a), [value // divisor for value in a.tolist()])


@given(st.integers(2, 10**6), st.integers(1, 10**7), st.integers(0, 10**7))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_the_integer_reciprocal_at_its_critical_values(divisor: int, limit: int, near: int) -> None:
    """An error shows first just below a multiple of the divisor, and at the limit."""
    reciprocal = Reciprocal.of(divisor, limit)
    multiple = near % (limit + 1) // divisor * divisor
    for a in {max(multiple - 1, 0), multiple, limit, max(limit // divisor * divisor - 1, 0)}:
        assert (a * reciprocal.multiplier) >> reciprocal.shift == a // divisor


def rounded(value: Fraction, rounding: Rounding) -> int:
    below, above = value.__floor__(), value.__ceil__()
    if rounding is Rounding.TRN or below == above:
        return below
    toward_zero, away = (above, below) if value < 0 else (below, above)
    if rounding is Rounding.TRN_ZERO:
        return toward_zero
    if value - below != above - value:
        return below if value - below < above - value else above
    return {
        Rounding.RND: above,
        Rounding.RND_MIN_INF: below,
        Rounding.RND_ZERO: toward_zero,
        Rounding.RND_INF: away,
        Rounding.RND_CONV: below + below % 2,
    }[rounding]


@pytest.mark.parametrize("rounding", Rounding)
@given(st.integers(1, 60), st.integers(0, 4), st.integers(0, 300), st.integers(0, 300))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_a_rounded_division_is_the_rounded_rational_for_every_sum(
    rounding: Rounding, divisor: int, up: int, low: int, high: int
) -> None:
    division = RoundedDivision(-low, high, up, divisor, rounding)
    sums = np.arange(-low, high + 1)
    expected = [rounded(Fraction(a * 2**up, divisor), rounding) for a in sums.tolist()]
    assert_array_equal(division.compute(sums), expected)
    assert_array_equal(division.exact(sums), expected)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 9, 25, 49])
def test_average_pooling_hardware_steps_equal_the_reference_for_every_sum(rounding: Rounding, count: int) -> None:
    for input_type, output_type in [
        (Fixed(True, 3, 4), Fixed(True, 3, 4)),
        (Fixed(False, 2, 4), Fixed(False, 2, 7)),
        (Fixed(True, 3, 4), Fixed(True, 3, 1)),
    ]:
        op = AveragePool2D(input_type, (1, count), (1, count), ((0, 0), (0, 0)), output_type, rounding, Overflow.WRAP)
        division = op.division(count)
        sums = np.arange(division.low, division.high + 1)
        assert_array_equal(division.compute(sums), division.exact(sums))


# --- softmax ----------------------------------------------------------------------------------------------------------


def softmax(output: Fixed, **types: Fixed) -> Softmax:
    standard = {
        "difference_type": Fixed(False, 4, 6),
        "exp_type": Fixed(False, 1, 15),
        "sum_type": Fixed(False, 4, 8),
        "reciprocal_type": Fixed(False, 1, 15),
    }
    return Softmax(Fixed(True, 4, 6), output_type=output, **(standard | types))  # type: ignore[arg-type]


def test_softmax_is_near_the_real_one() -> None:
    """Bound: half a step of the output plus the errors of both tables (2**-16 each) and of the sum (2**-9 of >= 1)."""
    out = Fixed(False, 1, 10)
    x = np.random.default_rng(4).integers(-400, 400, (500, 10))
    real = np.exp(x / 64 - (x / 64).max(axis=1, keepdims=True))
    real /= real.sum(axis=1, keepdims=True)
    assert np.abs(to_float(softmax(out).compute(x), out) - real).max() <= 2.0**-11 + 11 * 2.0**-16 + 2.0**-9


def test_softmax_by_hand() -> None:
    """Two equal logits share one half each; a logit far below the largest gets nothing."""
    op = softmax(Fixed(False, 0, 8))
    assert_array_equal(op.compute(np.array([[7, 7], [-3, -3]])), [[128, 128], [128, 128]])
    assert_array_equal(op.compute(np.array([[640, -640, -640]])), [[255, 0, 0]])
    assert op.infer(Spec((2, 3), op.input_type)).shape == (2, 3)


@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.integers(1, 10))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_the_largest_logit_always_has_the_largest_probability(seed: int, classes: int, bits: int) -> None:
    """And where it has it alone, argmax of the probabilities is argmax of the logits."""
    op = softmax(Fixed(False, 0, bits), difference_type=Fixed(False, 3, 3), sum_type=Fixed(False, 4, 2))
    x = np.random.default_rng(seed).integers(-300, 300, (50, classes))
    y = op.compute(x)
    at = x.argmax(axis=1)
    largest = y.max(axis=1)
    assert_array_equal(y[np.arange(50), at], largest)
    alone = (y == largest[:, np.newaxis]).sum(axis=1) == 1
    assert_array_equal(y.argmax(axis=1)[alone], at[alone])


def test_softmax_refuses_signed_tables() -> None:
    with pytest.raises(BitsmithError, match="signed"):
        softmax(Fixed(False, 0, 8), exp_type=Fixed(True, 1, 15))
