"""The operators against Keras itself in float64, where every value is exact, and against QKeras's quantizers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from bitsmith.sim.fixed import Constant, Fixed, IntArray, Overflow, Rounding, quantize, to_float
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.average_pool2d import AveragePool2D
from bitsmith.sim.ops.batch_norm import BatchNorm
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.depthwise_conv2d import DepthwiseConv2D
from bitsmith.sim.ops.global_average_pool2d import GlobalAveragePool2D
from bitsmith.sim.ops.global_max_pool2d import GlobalMaxPool2D
from bitsmith.sim.ops.max_pool2d import MaxPool2D
from bitsmith.sim.params import Padding, Pair

pytestmark = pytest.mark.train

SEED = 1107
X, W, B = Fixed(True, 3, 4), Fixed(True, 1, 4), Fixed(True, 2, 10)
SHAPES = [
    ((8, 9, 3), (3, 2), (1, 1)),
    ((7, 10, 2), (2, 3), (2, 3)),
    ((5, 5, 1), (1, 1), (2, 2)),
    ((1, 12, 4), (1, 5), (1, 1)),
]


@pytest.fixture(scope="module")
def layers() -> Any:
    return import_module("tf_keras").layers


def raw(type: Fixed, *shape: int) -> IntArray:
    return np.random.default_rng(SEED).integers(type.raw_min, type.raw_max, shape, endpoint=True)


def same(shape: tuple[int, ...], size: Pair, strides: Pair, dilation: Pair = (1, 1)) -> Padding:
    """Keras's rule: as many outputs as ceil(n / stride), the odd place at the end."""
    pairs = []
    for n, k, s, d in zip(shape, size, strides, dilation):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        pairs.append((total // 2, total - total // 2))
    return pairs[0], pairs[1]


def paddings(shape: tuple[int, ...], size: Pair, strides: Pair) -> list[tuple[str, Padding]]:
    return [("valid", ((0, 0), (0, 0))), ("same", same(shape, size, strides))]


def check(op: Operator, layer: Any, weights: list[NDArray[np.float64]], x: IntArray) -> None:
    """Same shape, and every output equal as a real number."""
    expected = layer(to_float(x, X)).numpy() * 0 if weights else layer(to_float(x, X)).numpy()
    if weights:
        layer.set_weights(weights)
        expected = layer(to_float(x, X)).numpy()
    spec = op.infer(Spec(x.shape[1:], X))
    assert spec.shape == expected.shape[1:]
    assert_array_equal(to_float(op.compute(x), spec.type), expected)


@pytest.mark.parametrize(("shape", "size", "strides"), SHAPES)
def test_convolutions(layers: Any, shape: tuple[int, ...], size: Pair, strides: Pair) -> None:
    x = raw(X, 4, *shape)
    kernel, bias = raw(W, *size, shape[2], 5), raw(B, 5)
    deep, deep_bias = raw(W, *size, shape[2], 2), raw(B, shape[2] * 2)
    for name, padding in paddings(shape, size, strides):
        layer = layers.Conv2D(5, size, strides, name, dtype="float64")
        op: Operator = Conv2D(X, kernel, W, bias, B, strides, padding)
        check(op, layer, [to_float(kernel, W), to_float(bias, B)], x)
        if strides[0] == strides[1]:  # TensorFlow's depthwise convolution knows no others
            layer = layers.DepthwiseConv2D(size, strides, name, depth_multiplier=2, dtype="float64")
            op = DepthwiseConv2D(X, deep, W, deep_bias, B, strides, padding)
            check(op, layer, [to_float(deep, W), to_float(deep_bias, B)], x)


@pytest.mark.parametrize("dilation", [(2, 2), (1, 3)])
def test_dilated_convolution(layers: Any, dilation: Pair) -> None:
    x, kernel, bias = raw(X, 4, 9, 8, 2), raw(W, 3, 2, 2, 3), raw(B, 3)
    for name, padding in (("valid", ((0, 0), (0, 0))), ("same", same((9, 8), (3, 2), (1, 1), dilation))):
        layer = layers.Conv2D(3, (3, 2), (1, 1), name, dilation_rate=dilation, dtype="float64")
        op = Conv2D(X, kernel, W, bias, B, (1, 1), padding, dilation)
        check(op, layer, [to_float(kernel, W), to_float(bias, B)], x)


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_conv1d_is_a_conv2d_of_height_one(layers: Any, dilation: int) -> None:
    """Each dilation gives its own result (hls4ml#1508: all three gave the same firmware)."""
    x, kernel, bias = raw(X, 4, 12, 3), raw(W, 3, 3, 2), raw(B, 2)
    layer = layers.Conv1D(2, 3, dilation_rate=dilation, dtype="float64")
    layer.build(x.shape)
    layer.set_weights([to_float(kernel, W), to_float(bias, B)])
    op = Conv2D(X, kernel[np.newaxis], W, bias, B, dilation=(1, dilation))
    ours = to_float(op.compute(x[:, np.newaxis]), op.accumulator.type)[:, 0]
    assert_array_equal(ours, layer(to_float(x, X)).numpy())


def test_dense(layers: Any) -> None:
    x, kernel, bias = raw(X, 6, 50), raw(W, 50, 7), raw(B, 7)
    check(Dense(X, kernel, W, bias, B), layers.Dense(7, dtype="float64"), [to_float(kernel, W), to_float(bias, B)], x)


def test_batch_norm(layers: Any) -> None:
    """Variance 1 - epsilon makes Keras's own division exact: gamma * x + beta."""
    x, scale, offset = raw(X, 4, 5, 5, 3), raw(W, 3), raw(B, 3)
    layer = layers.BatchNormalization(epsilon=0.25, dtype="float64")
    weights = [to_float(scale, W), to_float(offset, B), np.zeros(3), np.full(3, 0.75)]
    check(BatchNorm(X, scale, W, offset, B), layer, weights, x)


@pytest.mark.parametrize(
    ("shape", "size", "strides"), [*SHAPES, ((6, 6, 2), (1, 1), (2, 2)), ((9, 9, 1), (3, 3), (2, 2))]
)
def test_pooling(layers: Any, shape: tuple[int, ...], size: Pair, strides: Pair) -> None:
    """The average is Keras's float64 mean, rounded: a mean of so few values is never wrongly across a tie."""
    x = raw(X, 4, *shape)
    for name, padding in paddings(shape, size, strides):
        check(MaxPool2D(X, size, strides, padding), layers.MaxPooling2D(size, strides, name, dtype="float64"), [], x)
        mean = layers.AveragePooling2D(size, strides, name, dtype="float64")(to_float(x, X)).numpy()
        for out in (Fixed(True, 3, 6), Fixed(True, 3, 2)):
            for rounding in Rounding:
                ours = AveragePool2D(X, size, strides, padding, out, rounding).compute(x)
                # 40 bits after the point tell apart what differs (sixteenths over a count) and drop the float noise.
                expected = quantize(np.round(mean * 2**40) / 2**40, out, rounding)
                if rounding in (Rounding.RND_CONV, Rounding.TRN) or size[0] * size[1] in (1, 2, 4):
                    assert_array_equal(ours, expected)


def test_global_pooling(layers: Any) -> None:
    x = raw(X, 4, 4, 8, 3)
    check(GlobalMaxPool2D(X), layers.GlobalMaxPooling2D(dtype="float64"), [], x)
    mean = layers.GlobalAveragePooling2D(dtype="float64")(to_float(x, X)).numpy()
    assert_array_equal(GlobalAveragePool2D(X, Fixed(True, 3, 9)).compute(x), mean * 2**9)  # 32 values: exact
    assert_array_equal(GlobalAveragePool2D(X, X).compute(x), quantize(mean, X))


def test_activations(layers: Any) -> None:
    x = np.arange(X.raw_min, X.raw_max + 1)[np.newaxis]
    exact = Fixed(True, 3, 9)
    relu6 = Activation(X, Kind.RELU, exact, upper=Constant(6))
    leaky = Activation(X, Kind.LEAKY_RELU, exact, slope=Constant(1, 3))
    for op, layer in (
        (Activation(X, Kind.RELU, exact), layers.ReLU(dtype="float64")),
        (relu6, layers.ReLU(6.0, dtype="float64")),
        (leaky, layers.LeakyReLU(0.125, dtype="float64")),
    ):
        check(op, layer, [], x)
    for function in ("sigmoid", "tanh", "softplus", "softsign", "elu", "selu", "swish"):
        out = Fixed(True, 4, 10)
        op = Activation(X, Kind.TABLE, out, function=function, table_type=X)
        expected = layers.Activation(function, dtype="float64")(to_float(x, X)).numpy()
        assert_array_equal(op.compute(x), quantize(expected, out), err_msg=function)


def test_hard_sigmoid_is_keras_2s_up_to_its_constant(layers: Any) -> None:
    """Keras's slope 0.2 is no dyadic number; with 0.2 to 20 bits the error is below 8 * 2**-21 and half a step."""
    x = np.arange(X.raw_min, X.raw_max + 1)[np.newaxis]
    out = Fixed(False, 1, 8)
    op = Activation(
        X,
        Kind.HARD_SIGMOID,
        out,
        slope=Constant.of(0.2, 20),
        offset=Constant(1, 1),
        lower=Constant(0),
        upper=Constant(1),
    )
    expected = layers.Activation("hard_sigmoid", dtype="float64")(to_float(x, X)).numpy()
    assert np.abs(to_float(op.compute(x), out) - expected).max() <= 2.0**-9 + 2.0**-18


# --- QKeras -----------------------------------------------------------------------------------------------------------

ONE, HALF = Constant(1), Constant(1, 1)
WIDE = Fixed(
    True, 4, 9
)  # -16 up to 16 in 512ths: far finer than the outputs, so that ties and both sides of them occur
SYM = Overflow.SAT_SYM


def linear(out: Fixed, overflow: Overflow = Overflow.SAT) -> Activation:
    return Activation(WIDE, Kind.LINEAR, out, Rounding.RND_CONV, overflow)


def hard_sigmoid(out: Fixed, **limits: Constant) -> Activation:
    bounds: dict[str, Any] = {"lower": Constant(0), "upper": ONE} | limits
    return Activation(WIDE, Kind.HARD_SIGMOID, out, slope=HALF, offset=HALF, **bounds)


def hard_tanh(out: Fixed, overflow: Overflow = Overflow.SAT) -> Activation:
    return Activation(WIDE, Kind.HARD_TANH, out, Rounding.RND_CONV, overflow, lower=Constant(-1), upper=ONE)


QUANTIZERS = {
    "quantized_relu(8)": Activation(WIDE, Kind.RELU, Fixed(False, 0, 8)),
    "quantized_relu(8, 2)": Activation(WIDE, Kind.RELU, Fixed(False, 2, 6)),
    "quantized_relu(4, 3)": Activation(WIDE, Kind.RELU, Fixed(False, 3, 1)),
    "quantized_relu(6, 3, relu_upper_bound=6, is_quantized_clip=0)": Activation(
        WIDE, Kind.RELU, Fixed(False, 3, 3), upper=Constant(6)
    ),
    "quantized_relu(8, 2, negative_slope=0.25)": Activation(
        WIDE, Kind.LEAKY_RELU, Fixed(True, 2, 5), slope=Constant(1, 2), lower=Constant(-1)
    ),
    "quantized_bits(8, 2, alpha=1)": linear(Fixed(True, 2, 5)),
    "quantized_bits(6, 0, alpha=1)": linear(Fixed(True, 0, 5)),
    "quantized_bits(8, 2, symmetric=1, alpha=1)": linear(Fixed(True, 2, 5), SYM),
    "quantized_bits(8, 2, keep_negative=0, alpha=1)": linear(Fixed(False, 2, 6)),
    "quantized_tanh(8)": hard_tanh(Fixed(True, 0, 7)),
    "quantized_tanh(4, symmetric=1)": hard_tanh(Fixed(True, 0, 3), SYM),
    "quantized_sigmoid(8)": hard_sigmoid(Fixed(False, 0, 8)),
    "quantized_sigmoid(5, symmetric=1)": hard_sigmoid(Fixed(False, 0, 5), lower=Constant(1, 5)),
    "quantized_tanh(8, use_real_tanh=1)": Activation(
        WIDE, Kind.TABLE, Fixed(True, 0, 7), function="tanh", table_type=WIDE
    ),
    "quantized_sigmoid(6, use_real_sigmoid=1)": Activation(
        WIDE, Kind.TABLE, Fixed(False, 0, 6), function="sigmoid", table_type=WIDE
    ),
}


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_qkeras_quantizers(quantizer: str) -> None:
    """Every value of a fine grid, in float64, gives QKeras's own result."""
    op = QUANTIZERS[quantizer]
    x = np.arange(WIDE.raw_min, WIDE.raw_max + 1)
    qkeras, tf = import_module("qkeras"), import_module("tensorflow")
    function = qkeras.quantizers.get_quantizer(quantizer)
    expected = np.asarray(function(tf.constant(to_float(x, WIDE))))
    assert_array_equal(to_float(op.compute(x), op.output_type), expected)
