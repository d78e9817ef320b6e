"""The operators against vectors worked out by hand and against their definitions, written as plain loops."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sim_graphs import ints
from sim_graphs import run_one as run

from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, Rounding, to_float
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.argmax import Argmax
from bitsmith.sim.ops.average_pool2d import AveragePool2D
from bitsmith.sim.ops.batch_norm import BatchNorm
from bitsmith.sim.ops.concatenate import Concatenate
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.depthwise_conv2d import DepthwiseConv2D
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.global_average_pool2d import GlobalAveragePool2D
from bitsmith.sim.ops.global_max_pool2d import GlobalMaxPool2D
from bitsmith.sim.ops.max_pool2d import MaxPool2D

S4 = Fixed(True, 3, 0)  # -8..7
S8 = Fixed(True, 7, 0)  # -128..127
U4 = Fixed(False, 4, 0)  # 0..15
Q8 = Fixed(True, 3, 4)
IMAGE = ints([1, 2, 3], [4, 5, 6], [7, 8, -8])[..., np.newaxis]
KERNEL = ints([1, 0], [0, -1]).reshape(2, 2, 1, 1)

# --- conv2d -----------------------------------------------------------------------------------------------------------


def test_conv2d_by_hand() -> None:
    op = Conv2D(S4, KERNEL, S4, ints(3), S4)
    assert_array_equal(run(op, IMAGE)[..., 0], [[1 - 5 + 3, 2 - 6 + 3], [4 - 8 + 3, 5 + 8 + 3]])


def test_conv2d_padding_is_zero_and_on_the_right_sides() -> None:
    op = Conv2D(S4, KERNEL, S4, ints(0), S4, padding=((1, 0), (0, 1)))
    expected = [[-2, -3, 0], [1 - 5, 2 - 6, 3], [4 - 8, 5 + 8, 6]]
    assert_array_equal(run(op, IMAGE)[..., 0], expected)


def test_conv2d_strides_and_dilation() -> None:
    assert_array_equal(run(Conv2D(S4, KERNEL, S4, ints(0), S4, dilation=(2, 2)), IMAGE), [[[1 + 8]]])
    strided = Conv2D(S4, KERNEL, S4, ints(0), S4, strides=(1, 2), padding=((0, 0), (0, 1)))
    assert_array_equal(run(strided, IMAGE)[..., 0], [[1 - 5, 3], [4 - 8, 6]])


def test_conv2d_aligns_fractions() -> None:
    """x in quarters, w in halves, b in sixteenths: the sum is in sixteenths."""
    op = Conv2D(Fixed(True, 3, 2), ints([[[3]]]), Fixed(True, 2, 1), ints([5]).ravel(), Fixed(True, 0, 4))
    out = op.infer(Spec((1, 1, 1), Fixed(True, 3, 2))).type
    assert out.fraction == 4
    assert run(op, ints([[[7]]]).reshape(1, 1, 1)).item() == 7 * 3 * 2 + 5
    assert to_float(7 * 3 * 2 + 5, out) == 7 / 4 * 3 / 2 + 5 / 16


@given(st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_conv2d_and_depthwise_equal_their_definition(data: st.DataObject) -> None:
    draw = data.draw
    size, strides, dilation = (draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) for _ in range(3))
    padding = draw(st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2))
    height, width = (draw(st.integers((k - 1) * d + 1, 9)) for k, d in zip(size, dilation))
    cin, cout = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-128, 128, (height, width, cin))
    kernel, bias = rng.integers(-8, 8, (*size, cin, cout)), rng.integers(-8, 8, cout)
    wide = np.pad(x, (*padding, (0, 0)))
    conv = run(Conv2D(S8, kernel, S4, bias, S4, strides, padding, dilation), x)
    deep_bias = rng.integers(-8, 8, cin * cout)
    deep = run(DepthwiseConv2D(S8, kernel, S4, deep_bias, S4, strides, padding, dilation), x)
    for row, column, o in product(range(conv.shape[0]), range(conv.shape[1]), range(cout)):
        place = [
            (i, j, wide[row * strides[0] + i * dilation[0], column * strides[1] + j * dilation[1]])
            for i, j in product(range(size[0]), range(size[1]))
        ]
        total = sum(int(v[c]) * int(kernel[i, j, c, o]) for i, j, v in place for c in range(cin))
        assert conv[row, column, o] == total + bias[o]
        for c in range(cin):
            total = sum(int(v[c]) * int(kernel[i, j, c, o]) for i, j, v in place)
            assert deep[row, column, c * cout + o] == total + deep_bias[c * cout + o]


# --- accumulators -----------------------------------------------------------------------------------------------------


@given(st.data())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_the_accumulator_is_reached_and_never_left(data: st.DataObject) -> None:
    """The worst inputs give exactly the proven limits of each channel, and the type is the smallest for them."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x_type = data.draw(st.sampled_from([S4, U4, Fixed(True, 1, 4), Fixed(False, -2, 6), Fixed(True, 0, 0)]))
    w_type, b_type = (Fixed(True, 2, data.draw(st.integers(0, 6))) for _ in range(2))
    n, outputs = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 4))
    kernel = rng.integers(w_type.raw_min, w_type.raw_max + 1, (n, outputs))
    bias = rng.integers(b_type.raw_min, b_type.raw_max + 1, outputs)
    op = Dense(x_type, kernel, w_type, bias, b_type)
    acc = op.accumulator
    assert acc.type.fraction == max(x_type.fraction + w_type.fraction, b_type.fraction)
    for channel in range(outputs):
        up = np.where(kernel[:, channel] > 0, x_type.raw_max, x_type.raw_min)
        down = np.where(kernel[:, channel] > 0, x_type.raw_min, x_type.raw_max)
        assert op.compute(up[np.newaxis])[0, channel] == acc.high[channel]
        assert op.compute(down[np.newaxis])[0, channel] == acc.low[channel]
    assert acc.type == Fixed.holding(min(acc.low), max(acc.high), acc.type.fraction)


def test_partial_sums_stay_below_the_stated_magnitude() -> None:
    rng = np.random.default_rng(5)
    kernel, bias = rng.integers(-8, 8, (12, 3)), rng.integers(-128, 128, 3)
    op = Dense(S4, kernel, S4, bias, S8)
    for _ in range(200):
        x = rng.choice([-8, 7], 12)
        terms = np.concatenate([x[:, np.newaxis] * kernel, bias[np.newaxis]])
        sums = np.cumsum(terms[rng.permutation(13)], axis=0)
        assert abs(sums).max() <= op.accumulator.magnitude


def test_a_bias_that_pulls_back_shortens_the_type_but_not_the_partial_sums() -> None:
    """Products reach 12 * 7 * 15 = 1260; with -600 the sum is -600..660, which 11 bits hold."""
    op = Dense(U4, np.full((12, 1), 7), S4, ints(-600), Fixed(True, 10, 0))
    assert op.accumulator.type == Fixed(True, 10, 0)
    assert op.accumulator.magnitude == 1260
    wrapped = (1260 - (1 << 11)) + -600  # the sum of products, wrapped to 11 bits, then the bias: wrapped again
    assert (wrapped + (1 << 10)) % (1 << 11) - (1 << 10) == op.compute(np.full((1, 12), 15)).item() == 660


def test_wide_accumulators_are_exact_or_refused() -> None:
    wide = Fixed(True, 30, 0)
    kernel = np.full((5, 1), wide.raw_max)
    op = Dense(wide, kernel[:1], wide, ints(0), S4)
    assert op.compute(ints([wide.raw_min])).item() == wide.raw_min * wide.raw_max
    with pytest.raises(BitsmithError, match="63 is the most"):
        Dense(wide, kernel, wide, ints(0), S4)
    Dense(Fixed(False, 1, 0), np.full((3000, 1), 2**49), Fixed(True, 50, 0), ints(0), S4)
    with pytest.raises(BitsmithError, match="63 is the most"):
        Dense(Fixed(False, 1, 0), np.full((3000, 1), 2**60), Fixed(True, 61, 0), ints(0), S4)


# --- the others -------------------------------------------------------------------------------------------------------


def test_dense_by_hand() -> None:
    op = Dense(S4, ints([1, 2], [3, -4], [0, 5]), S4, ints(7, -8), S4)
    assert_array_equal(run(op, ints(2, -3, 7)), [2 - 9 + 7, 4 + 12 + 35 - 8])


def test_batch_norm_by_hand() -> None:
    """scale 3/4 and -1/2, offset 1/8 and 0: in eighths, x in halves."""
    op = BatchNorm(Fixed(True, 3, 1), ints(3, -2), Fixed(True, 2, 2), ints(1, 0), Fixed(True, 2, 3))
    assert_array_equal(run(op, ints([[4, 4]]).reshape(1, 1, 2)), [[[13, -8]]])
    assert op.accumulator.type.fraction == 3


def test_max_pool_by_hand() -> None:
    x = ints([-5, -2, -3], [-4, -7, -6], [-8, -1, -8])[..., np.newaxis]
    assert_array_equal(run(MaxPool2D(S4, (2, 2), (1, 1)), x)[..., 0], [[-2, -2], [-1, -1]])
    same = MaxPool2D(S4, (2, 2), (2, 2), ((0, 1), (0, 1)))
    assert_array_equal(run(same, x)[..., 0], [[-2, -3], [-1, -8]])  # padding never wins, though all are negative
    assert_array_equal(run(MaxPool2D(S4, (1, 1), (2, 2)), x)[..., 0], [[-5, -3], [-8, -8]])
    assert_array_equal(run(MaxPool2D(U4, (2, 2), (2, 2), ((1, 1), (1, 1))), -x)[..., 0], [[5, 3], [8, 8]])


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.TRN, [1, -2]),
        (Rounding.TRN_ZERO, [1, -1]),
        (Rounding.RND, [2, -1]),
        (Rounding.RND_ZERO, [1, -1]),
        (Rounding.RND_INF, [2, -2]),
        (Rounding.RND_MIN_INF, [1, -2]),
        (Rounding.RND_CONV, [2, -2]),
    ],
)
def test_average_pool_rounds_a_tie_as_its_mode_says(rounding: Rounding, expected: list[int]) -> None:
    """The means are 6/4 and -6/4."""
    x = np.stack([ints([1, 2], [1, 2]), ints([-1, -2], [-1, -2])], axis=-1)
    assert_array_equal(run(AveragePool2D(S4, (2, 2), (2, 2), ((0, 0), (0, 0)), S4, rounding), x)[0, 0], expected)
    assert_array_equal(run(GlobalAveragePool2D(S4, S4, rounding), x), expected)


def test_average_pool_does_not_count_padding() -> None:
    x = ints([1, 2, 3], [4, 5, 6], [7, 7, 7])[..., np.newaxis]
    op = AveragePool2D(S4, (2, 2), (2, 2), ((0, 1), (0, 1)), Fixed(True, 3, 3))
    assert_array_equal(run(op, x)[..., 0], [[3 * 8, 36], [7 * 8, 7 * 8]])


def test_average_pool_of_three_is_the_rounded_rational() -> None:
    """10/3 in sixteenths is 53.33, 11/3 is 58.67; 1/3 has no finite binary form."""
    op = AveragePool2D(S4, (1, 3), (1, 3), ((0, 0), (0, 0)), Q8)
    assert_array_equal(run(op, ints([3, 3, 4, 4, 4, 3]).reshape(1, 6, 1))[0, :, 0], [53, 59])


def test_global_max_pool_flatten_concatenate_add_by_hand() -> None:
    x = np.arange(-6, 6).reshape(2, 3, 2)
    assert_array_equal(run(GlobalMaxPool2D(S4), x), [4, 5])
    assert_array_equal(run(Flatten(S4, (12,)), x), np.arange(-6, 6))
    assert_array_equal(run(Concatenate((S4, S4)), x, x[..., :1])[1, 2], [4, 5, 4])
    op = Add((Fixed(True, 3, 0), Fixed(False, 2, 2)))
    assert_array_equal(run(op, ints(-8, 7), ints(3, 15)), [-32 + 3, 28 + 15])
    assert op.output_type == Fixed(True, 4, 2)


def test_argmax_takes_the_first_largest_and_rejects() -> None:
    op = Argmax(S4, threshold=-8)
    x = np.array([[1, 7, 7], [-8, -8, -8], [3, 2, 4]])
    assert_array_equal(op.compute(x), [[1], [0], [2]])
    assert_array_equal(op.compute(x, threshold=5), [[1], [3], [3]])
    assert_array_equal(Argmax(S4, threshold=4).compute(x), [[1], [3], [2]])
    assert op.infer(Spec((3,), S4)) == Spec((1,), Fixed(False, 2, 0))
    assert op.infer(Spec((4,), S4)) == Spec((1,), Fixed(False, 3, 0))
