"""Saving and reading back: byte for byte the same, and damaged data is refused in one line."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from test_gru import gru
from test_lstm import lstm
from test_simple_rnn import simple_rnn

from bitsmith.sim import serial
from bitsmith.sim.cast import Cast
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Constant, Fixed, IntArray, Overflow, Rounding
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.argmax import Argmax
from bitsmith.sim.ops.average import Average
from bitsmith.sim.ops.average_pool2d import AveragePool2D
from bitsmith.sim.ops.batch_norm import BatchNorm
from bitsmith.sim.ops.concatenate import Concatenate
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.conv2d_transpose import Conv2DTranspose
from bitsmith.sim.ops.crop import Crop
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.depthwise_conv2d import DepthwiseConv2D
from bitsmith.sim.ops.dot import Dot
from bitsmith.sim.ops.embedding import Embedding
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.gdn import GDN
from bitsmith.sim.ops.global_average_pool2d import GlobalAveragePool2D
from bitsmith.sim.ops.global_max_pool2d import GlobalMaxPool2D
from bitsmith.sim.ops.log_softmax import LogSoftmax
from bitsmith.sim.ops.matmul import Matmul
from bitsmith.sim.ops.max_pool2d import MaxPool2D
from bitsmith.sim.ops.maximum import Maximum
from bitsmith.sim.ops.minimum import Minimum
from bitsmith.sim.ops.multiply import Multiply
from bitsmith.sim.ops.permute import Permute
from bitsmith.sim.ops.prelu import PReLU
from bitsmith.sim.ops.repeat_vector import RepeatVector
from bitsmith.sim.ops.retype import Retype
from bitsmith.sim.ops.reverse import Reverse
from bitsmith.sim.ops.softmax import Softmax
from bitsmith.sim.ops.subtract import Subtract
from bitsmith.sim.ops.up_sampling2d import UpSampling2D
from bitsmith.sim.ops.zero_padding2d import ZeroPadding2D
from bitsmith.sim.root import Form
from bitsmith.sim.serial import decode, decode_operator, encode

A, B = Fixed(True, 3, 4), Fixed(False, -2, 10)
RNG = np.random.default_rng(8)
KERNEL = RNG.integers(-128, 128, (3, 2, 4, 5))
BIAS = RNG.integers(-128, 128, 20)

OPERATORS: list[Operator] = [
    Conv2D(A, KERNEL, A, BIAS[:5], A, (2, 1), ((1, 0), (2, 3)), (1, 2)),
    Conv2DTranspose(A, KERNEL, A, BIAS[:5], A, (2, 1), ((1, 0), (2, 3)), (0, 1), (1, 2)),
    GDN(A, np.eye(3, dtype=int), B, np.ones(3, dtype=int), B, Cast(B), True, Form.SQUARE_ROOT_RECIPROCAL, 32, 16, True),
    DepthwiseConv2D(A, KERNEL, A, BIAS, A),
    Dense(A, KERNEL[0, 0], A, BIAS[:5], A),
    BatchNorm(A, BIAS, A, BIAS, A),
    PReLU(A, BIAS, A),
    Embedding(Fixed(False, 4, 0), BIAS.reshape(4, 5), A),
    Retype(A, [1, 0, 0], [3, -1, 0], [2, 5, 0], Rounding.RND_CONV, Overflow.SAT),  # type: ignore[arg-type]
    Activation(A, Kind.LEAKY_RELU, B, Rounding.TRN, Overflow.WRAP, slope=Constant(3, 5)),
    Activation(A, Kind.THRESHOLDED_RELU, B, offset=Constant(3, 2)),
    Activation(A, Kind.ABSOLUTE, B),
    Activation(A, Kind.HARD_TANH, B, lower=Constant(-1), upper=Constant(1)),
    Activation(A, Kind.TABLE, B, function="tanh", table_type=A),
    MaxPool2D(A, (2, 3), (1, 2), ((1, 0), (0, 2))),
    AveragePool2D(A, (2, 3), (1, 2), ((1, 0), (0, 2)), B, Rounding.RND, Overflow.SAT_SYM),
    GlobalMaxPool2D(A),
    GlobalAveragePool2D(A, B),
    Flatten(A, (3, 4)),
    Permute(A, (1, 2, 0)),
    Dot((A, B), 6),
    Add((A, B)),
    Subtract((A, B)),
    Multiply((A, B, A)),
    Maximum((A, B, A)),
    Minimum((A, B, A)),
    Average((A, B, A), Cast(B, Rounding.RND, Overflow.SAT_SYM)),
    Concatenate((A, A, A)),
    Matmul((A, B), 3, 2, 2, True),
    LogSoftmax(A, Fixed(False, 4, 4), Fixed(False, 1, 8), Fixed(False, 4, 4), Fixed(False, 2, 8), A),
    Softmax(A, Fixed(False, 4, 4), Fixed(False, 1, 8), Fixed(False, 4, 4), Fixed(False, 1, 8), B),
    Argmax(A, threshold=-3),
    Crop(A, (0, 2), (1, 3), (0, 4)),
    UpSampling2D(A, (2, 3)),
    ZeroPadding2D(A, ((1, 0), (2, 3))),
    RepeatVector(A, 5),
    Reverse(A, interleaved=True),
    gru(reset_after=False, initial_type=A),
    lstm(with_cell=True),
    simple_rnn(),
]


def test_every_operator_is_covered() -> None:
    assert {op.stem for op in OPERATORS} >= {
        stem for stem, kind in Operator.registry.items() if ".sim.ops." in kind.__module__
    }


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.stem)
def test_round_trip_is_byte_for_byte(op: Operator) -> None:
    text = json.dumps(encode(op))
    again = decode_operator(json.loads(text))
    assert again == op
    assert type(again) is type(op)
    assert json.dumps(encode(again)) == text


def test_the_form_is_plain_and_readable() -> None:
    assert encode(MaxPool2D(A, (2, 2), (2, 2))) == {
        "op": "max_pool2d",
        "input_type": "fixed<8,4>",
        "pool": [2, 2],
        "strides": [2, 2],
        "padding": [[0, 0], [0, 0]],
    }
    assert encode(np.array([[1, -2]])) == {"dtype": "<i1", "shape": [1, 2], "data": "Af4="}
    assert encode(np.array([300], dtype=">i4")) == {"dtype": "<i2", "shape": [1], "data": "LAE="}


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=5))
def test_arrays_round_trip_with_their_shape(values: list[int]) -> None:
    array = np.array(values, dtype=np.int64).reshape(-1, 1)
    again = decode(IntArray, json.loads(json.dumps(encode(array))))
    assert again.dtype == np.int64
    assert_array_equal(again, array)
    assert again.shape == array.shape


@pytest.mark.parametrize("alias", [list[np.int64], "an array", IntArray], ids=["generic", "opaque", "today's"])
def test_arrays_are_read_whatever_numpy_makes_of_its_alias(alias: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """``NDArray[...]`` is an ``ndarray[...]`` up to numpy 2.4 and an alias of its own from 2.5 on."""
    monkeypatch.setattr(serial, "IntArray", alias)
    assert_array_equal(decode(alias, encode(KERNEL)), KERNEL)


def test_specs_and_tuples_round_trip() -> None:
    specs = (("x", Spec((48, 48, 1), A)), ("y", Spec((3,), B)))
    hint = tuple[tuple[str, Spec], ...]
    assert decode(hint, json.loads(json.dumps(encode(specs)))) == specs


def changed(**fields: Any) -> dict[str, Any]:
    data = json.loads(json.dumps(encode(OPERATORS[0]))) | fields
    return {key: value for key, value in data.items() if value != "remove"}


def changed_kernel(**fields: Any) -> dict[str, Any]:
    return changed(kernel=changed()["kernel"] | fields)


MALFORMED: dict[str, Any] = {
    "no dictionary": [1, 2],
    "no operator": {"a": 1},
    "an unknown operator": changed(op="conv3d"),
    "a field too few": changed(strides="remove"),
    "a field too many": changed(extra=1),
    "a bad type": changed(input_type="fixed<8>"),
    "a type that is a number": changed(input_type=8),
    "strides of one": changed(strides=[1]),
    "strides of text": changed(strides=["1", "1"]),
    "strides of booleans": changed(strides=[True, True]),
    "strides that are no list": changed(strides={"0": 1}),
    "padding cut short": changed(padding=[[0, 0], [0]]),
    "an array that is a list": changed(kernel=[1, 2]),
    "an array without data": changed(kernel={"dtype": "<i1", "shape": [1]}),
    "a float array": changed_kernel(dtype="<f8"),
    "damaged base64": changed_kernel(data="A$$="),
    "data cut short": changed_kernel(data="AAAA"),
    "a negative shape": changed_kernel(shape=[-1, 2, 4, 5]),
    "a shape of text": changed_kernel(shape="3"),
    "another shape": changed_kernel(shape=[3, 2, 5, 4]),
    "an unknown mode": json.loads(json.dumps(encode(OPERATORS[4]))) | {"rounding": "UP"},
    "an enum that is a list": json.loads(json.dumps(encode(OPERATORS[4]))) | {"kind": []},
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_data_is_refused_in_one_line(case: str) -> None:
    with pytest.raises(BitsmithError) as caught:
        decode_operator(MALFORMED[case])
    assert "\n" not in str(caught.value)


def test_what_has_no_plain_form_is_refused() -> None:
    for bad in (1.5, {1, 2}, np.zeros(2), np.array([2**64 - 1], np.uint64), Fixed):
        with pytest.raises(BitsmithError, match="cannot be saved|more than 64"):
            encode(bad)
