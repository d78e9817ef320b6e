"""The reader against QKeras's own predictions, integer for integer; .h5 and .keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reading import assert_equal_to_keras, batch, evaluate, legacy_keras, randomize, recurrent_qkeras, save

from bitsmith.gen.convert import read_model
from bitsmith.sim.errors import BitsmithError

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore::UserWarning")]  # Keras's own advice
SUFFIXES = [".h5", ".keras"]


def bits(q: Any, n: int = 6, i: int = 0, **more: Any) -> Any:
    return q.quantized_bits(n, i, **({"alpha": 1} | more))


def sequential(k: Any, shape: tuple[int, ...], layers: list[Any], seed: int = 1, spread: float = 0.5) -> Any:
    model = k.Sequential([k.layers.Input(shape, name="pixels"), *layers], name="network")
    randomize(model, seed, spread)
    return model


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_hls4ml_issue_463(tmp_path: Path, suffix: str) -> None:
    """(16,16,3) -> QActivation -> QConv2D(12) -> quantized_relu(8,0) -> MaxPool -> QDense(10), 8 bits, integer 0."""
    k, q = legacy_keras()
    layers = [
        q.QActivation(bits(q, 8), name="quantize"),
        q.QConv2D(12, 3, kernel_quantizer=bits(q, 8), bias_quantizer=bits(q, 8), name="conv"),
        q.QActivation("quantized_relu(8,0)", name="relu"),
        k.layers.MaxPooling2D(2),
        k.layers.Flatten(),
        q.QDense(10, kernel_quantizer=bits(q, 5), bias_quantizer=bits(q, 8), name="dense"),
    ]
    model = sequential(k, (16, 16, 3), layers, spread=0.2)
    assert_equal_to_keras(model, tmp_path / f"model{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_hls4ml_issue_1472_depthwise(tmp_path: Path, suffix: str) -> None:
    k, q = legacy_keras()
    layers = [
        q.QActivation(bits(q, 8, 3)),
        q.QDepthwiseConv2D((3, 1), depth_multiplier=3, depthwise_quantizer=bits(q, 8, 3), bias_quantizer=bits(q, 8, 3)),
    ]
    assert_equal_to_keras(sequential(k, (16, 35, 1), layers, spread=3.0), tmp_path / f"model{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("function", ["hard_sigmoid", "hard_tanh"])
def test_functions_that_are_qkeras_s_own(tmp_path: Path, suffix: str, function: str) -> None:
    """By name alone: in a QKeras layer hard_sigmoid has the slope 1/2, not Keras's 0.2."""
    k, q = legacy_keras()
    dense = q.QDense(5, kernel_quantizer=bits(q), bias_quantizer=bits(q), activation=function)
    layers = [q.QActivation(bits(q, 8, 3)), dense, q.QActivation(bits(q, 5, 1)), q.QActivation(function)]
    assert_equal_to_keras(sequential(k, (7,), layers), tmp_path / f"model{suffix}")


@pytest.mark.parametrize(
    ("pool", "strides", "padding"),
    [(1, 2, "valid"), (2, 1, "same"), (3, 2, "same"), ((2, 3), (1, 2), "same"), (3, 3, "valid")],
)
@pytest.mark.parametrize("kind", ["max", "average"])
def test_pools(tmp_path: Path, pool: Any, strides: Any, padding: str, kind: str) -> None:
    """Pool 1 with stride 2 and ``same`` pooling (hls4ml#995, #617); a quantizer behind an average rounds it once."""
    k, q = legacy_keras()
    classes = {"max": k.layers.MaxPooling2D, "average": k.layers.AveragePooling2D}
    layers = [
        q.QActivation(bits(q, 6, 1)),
        classes[kind](pool, strides=strides, padding=padding),
        q.QActivation(bits(q, 7, 1)),
    ]
    assert_equal_to_keras(sequential(k, (9, 8, 3), layers), tmp_path / "model.h5")


@pytest.mark.parametrize("dilation", [1, 2, 4])
@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
def test_conv1d_dilation(tmp_path: Path, dilation: int, padding: str) -> None:
    """Conv1D with dilation 1, 2 and 4 gives three different results (hls4ml#1508)."""
    k, q = legacy_keras()
    layers = [
        q.QActivation(bits(q, 6)),
        q.QConv1D(4, 3, dilation_rate=dilation, padding=padding, kernel_quantizer=bits(q), bias_quantizer=bits(q)),
    ]
    graph = assert_equal_to_keras(sequential(k, (20, 3), layers), tmp_path / "model.h5")
    assert graph.inputs[0][1].shape == (1, 20, 3)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "stride"), [((3, 3), (2, 1)), ((1, 4), (1, 3)), ((2, 2), (1, 1))])
def test_conv2d_windows(tmp_path: Path, padding: str, size: Any, stride: Any) -> None:
    k, q = legacy_keras()
    layers = [
        q.QActivation("quantized_relu(6,1)"),
        q.QConv2D(5, size, strides=stride, padding=padding, kernel_quantizer=bits(q), bias_quantizer=bits(q, 8, 2)),
    ]
    assert_equal_to_keras(sequential(k, (9, 11, 2), layers), tmp_path / "model.h5")


ACTIVATIONS = [
    "quantized_bits(6,2,alpha=1)",
    "quantized_bits(6,2,1,alpha=1)",
    "quantized_bits(5,1,alpha=2.0)",
    "quantized_bits(5,1,alpha=0.75)",
    "quantized_bits(5,1,keep_negative=False,alpha=1)",
    "quantized_bits(1,0,alpha=1)",
    "quantized_relu(6,2)",
    "quantized_relu(4,4)",
    "quantized_relu(6,2,negative_slope=0.125)",
    "quantized_relu(8,1,negative_slope=0.25)",
    "quantized_tanh(6)",
    "quantized_tanh(6,0,1)",
    "quantized_tanh(6,use_real_tanh=1)",
    "quantized_sigmoid(6)",
    "quantized_sigmoid(5,1)",
    "quantized_sigmoid(7,use_real_sigmoid=1)",
    "binary(alpha=1)",
    "binary(use_01=1,alpha=1)",
    "binary(alpha=0.5)",
    "ternary(alpha=1)",
    "ternary(alpha=1,threshold=0.7)",
]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_quantizers(tmp_path: Path, activation: str) -> None:
    k, q = legacy_keras()
    layers = [q.QActivation(bits(q, 10, 3)), q.QActivation(activation)]
    assert_equal_to_keras(sequential(k, (40, 40, 1), layers), tmp_path / "model.h5")


KERNELS = [
    "quantized_bits(6,0,alpha=1)",
    "quantized_bits(6,1,1,alpha=1)",
    "quantized_bits(6,0,alpha=2.0)",
    "quantized_bits(4,0,alpha='auto_po2')",
    "quantized_bits(4,1)",
    "quantized_bits(5,0,alpha=0.75)",
    "quantized_bits(1,0,alpha=1)",
    "quantized_bits(5,0,keep_negative=False,alpha=1)",
    "quantized_po2(4)",
    "quantized_po2(4,max_value=1)",
    "quantized_po2(4,quadratic_approximation=True)",
    "binary(alpha=1)",
    "binary(alpha='auto_po2')",
    "ternary(alpha=1)",
    "ternary(alpha='auto_po2')",
    "ternary(alpha=1,threshold=0.2)",
]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernel_quantizers(tmp_path: Path, kernel: str, suffix: str) -> None:
    k, q = legacy_keras()
    layers = [
        q.QActivation(bits(q, 5)),
        q.QConv2D(4, 2, kernel_quantizer=kernel, bias_quantizer=bits(q, 6, 1), name="conv"),
        q.QActivation(bits(q, 7, 3)),
    ]
    model = sequential(k, (6, 6, 2), layers, spread=0.4)
    weights = model.get_weights()
    weights[0][..., 1] *= 4  # channels of different size
    weights[0][..., 2] = 0
    model.set_weights(weights)
    exact = kernel != "binary(alpha='auto_po2')"  # its channel of zeros has the scale 2**-23
    assert_equal_to_keras(model, tmp_path / f"model{suffix}", exact=exact)


@pytest.mark.parametrize(
    "kernel", ["quantized_bits(4,0,alpha='auto')", "ternary(alpha='auto')", "binary(alpha='auto')"]
)
def test_kernel_scales_that_are_no_power_of_two(tmp_path: Path, kernel: str) -> None:
    """Keras rounds scale * integer to float32 and sums rounded products; the quantizer behind hides that except where
    the true sum is a tie, so the bias is on the output's grid: a sum of zero is then none."""
    k, q = legacy_keras()
    layers = [
        q.QActivation(bits(q, 5)),
        q.QConv2D(4, 2, kernel_quantizer=kernel, bias_quantizer=bits(q, 4, 1), name="conv"),
        q.QActivation(bits(q, 7, 3)),
    ]
    graph = assert_equal_to_keras(sequential(k, (6, 6, 2), layers), tmp_path / "model.h5", exact=False)
    assert [n.op.stem for n in graph.nodes] == ["conv2d", "batch_norm", "activation"]


def test_bias_quantizers_with_scales(tmp_path: Path) -> None:
    k, q = legacy_keras()
    layers = [
        q.QActivation(bits(q, 5)),
        q.QDense(5, kernel_quantizer=bits(q, 4), bias_quantizer="quantized_bits(5,0,alpha='auto_po2')", name="po2"),
        q.QActivation(bits(q, 5, 3)),
        q.QDense(5, kernel_quantizer=bits(q, 4), bias_quantizer="quantized_bits(5,0,alpha='auto')", name="auto"),
        q.QActivation(bits(q, 5, 3)),
        q.QDense(5, kernel_quantizer=bits(q, 4), use_bias=False, name="none"),
    ]
    assert_equal_to_keras(sequential(k, (12,), layers), tmp_path / "model.h5", exact=False)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_fused_activations_and_nested_models(tmp_path: Path, suffix: str) -> None:
    k, q = legacy_keras()
    inner = k.Sequential(
        [
            k.layers.Input((6, 6, 4)),
            q.QDepthwiseConv2D(
                2, depthwise_quantizer=bits(q, 4), bias_quantizer=bits(q, 4), activation="relu", name="dw"
            ),
            q.QActivation("quantized_tanh(6)", name="tanh"),
        ],
        name="inner",
    )
    x = inputs = k.layers.Input((8, 8, 3), name="pixels")
    x = q.QActivation(bits(q, 5), name="quantize")(x)
    relu = q.quantized_relu(5, 1)
    x = q.QConv2D(4, 3, kernel_quantizer=bits(q, 4), bias_quantizer=bits(q, 4), activation=relu, name="conv")(x)
    x = k.layers.Flatten()(inner(x))
    x = q.QDense(
        4, kernel_quantizer=bits(q, 4), bias_quantizer=bits(q, 4), activation="quantized_relu(6,3)", name="dense"
    )(x)
    model = k.Model(inputs, x, name="outer")
    randomize(model, 3, 0.3)
    graph = assert_equal_to_keras(model, tmp_path / f"model{suffix}")
    assert graph.labels["inner_dw"] == "inner/dw"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_branches_several_inputs_and_outputs(tmp_path: Path, suffix: str) -> None:
    k, q = legacy_keras()
    a, b = k.layers.Input((6, 6, 2), name="left"), k.layers.Input((6, 6, 2), name="right")
    x, y = q.QActivation(bits(q, 5), name="qa")(a), q.QActivation(bits(q, 6, 1), name="qb")(b)
    shared = q.QConv2D(3, 3, padding="same", kernel_quantizer=bits(q, 4), bias_quantizer=bits(q, 4), name="shared")
    total = k.layers.Add(name="add")([shared(x), shared(y), shared(x)])
    joined = k.layers.Concatenate(name="join")([total, x])
    first = q.QActivation("quantized_relu(6,3)", name="first")(joined)
    second = k.layers.GlobalMaxPooling2D(name="second")(total)
    model = k.Model([a, b], [first, second], name="fork")
    randomize(model, 5)
    graph = assert_equal_to_keras(model, tmp_path / f"model{suffix}")
    assert [name for name, _ in graph.inputs] == ["left", "right"]
    assert len(graph.outputs) == 2


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("use_bias", [True, False])
def test_folded_batch_norm(tmp_path: Path, suffix: str, use_bias: bool) -> None:
    """QConv2DBatchnorm quantizes the folded kernel; 12 bits off the grid would show."""
    k, q = legacy_keras()
    layers = [
        q.QActivation(bits(q, 5)),
        q.QConv2DBatchnorm(
            4, 3, use_bias=use_bias, kernel_quantizer=bits(q, 6, 1), bias_quantizer=bits(q, 8, 3), name="folded"
        ),
    ]
    assert_equal_to_keras(sequential(k, (6, 6, 2), layers), tmp_path / f"model{suffix}")


@pytest.mark.parametrize("n", [12, 14, 16])
def test_many_bits_are_on_the_grid(tmp_path: Path, n: int) -> None:
    """qkeras#60: quantized_bits above 10 bits."""
    k, q = legacy_keras()
    layers = [q.QActivation(bits(q, 3)), q.QDense(3, kernel_quantizer=bits(q, n), bias_quantizer=bits(q, n))]
    assert_equal_to_keras(sequential(k, (8,), layers), tmp_path / "model.h5")


@pytest.mark.parametrize("pool", [2, (2, 3)])
@pytest.mark.parametrize("quantizer", [None, "quantized_bits(6,0,alpha=1)"])
def test_quantized_average_pooling(tmp_path: Path, pool: Any, quantizer: str | None) -> None:
    k, q = legacy_keras()
    layers = [
        q.QActivation(bits(q, 5)),
        q.QAveragePooling2D(pool, average_quantizer=quantizer, activation=q.quantized_bits(6, 1, alpha=1)),
        q.QGlobalAveragePooling2D(average_quantizer=quantizer, activation=q.quantized_bits(8, 1, alpha=1)),
    ]
    assert_equal_to_keras(sequential(k, (6, 9, 3), layers), tmp_path / "model.h5")


def test_separable_sequences_padding_and_reshape(tmp_path: Path) -> None:
    k, q = legacy_keras()
    layers = [
        q.QActivation(bits(q, 4)),
        k.layers.ZeroPadding2D(((1, 0), (2, 1))),
        q.QSeparableConv2D(
            4, 3, depthwise_quantizer=bits(q, 4), pointwise_quantizer=bits(q, 4), bias_quantizer=bits(q, 4)
        ),
        q.QActivation("quantized_relu(5,3)"),
        k.layers.Reshape((-1, 4)),
        k.layers.Dropout(0.5),
        k.layers.TimeDistributed(q.QDense(3, kernel_quantizer=bits(q, 4), bias_quantizer=bits(q, 4))),
        q.QActivation("quantized_bits(5,3,alpha=1)"),
        k.layers.AveragePooling1D(4),
        k.layers.Flatten(),
    ]
    model = sequential(k, (5, 7, 2), layers)
    assert_equal_to_keras(model, tmp_path / "model.h5")
    assert_equal_to_keras(model, tmp_path / "model.keras")


def test_a_live_model_is_the_same_graph(tmp_path: Path) -> None:
    k, q = legacy_keras()
    layers = [q.QActivation(bits(q, 5)), q.QConv2D(4, 3, kernel_quantizer=q.quantized_bits(4), bias_quantizer=bits(q))]
    model = sequential(k, (6, 6, 2), layers)
    graph = assert_equal_to_keras(model, tmp_path / "model.h5")
    assert read_model(model).to_json() == graph.to_json()


def test_odd_layer_names(tmp_path: Path) -> None:
    """Names that Keras lets through and Verilog does not; worse ones are in test_read_files.py."""
    k, q = legacy_keras()
    layers = [q.QActivation(bits(q, 5), name="module")]
    layers += [
        q.QDense(4, kernel_quantizer=bits(q, 4), bias_quantizer=bits(q, 4), name=n) for n in ("A.exit", "always")
    ]
    graph = assert_equal_to_keras(sequential(k, (6,), layers), tmp_path / "model.keras")
    assert [node.name for node in graph.nodes] == ["a_exit", "always_layer"]


def test_argmax_drops_the_softmax_and_rejects(tmp_path: Path) -> None:
    k, q = legacy_keras()
    layers = [
        q.QActivation(bits(q, 5)),
        q.QDense(4, kernel_quantizer=bits(q, 4), bias_quantizer=bits(q, 4), name="dense"),
        k.layers.Softmax(),
    ]
    model = sequential(k, (6,), layers)
    save(model, tmp_path / "model.h5")
    from bitsmith.gen.config.schema import parse_config
    from bitsmith.gen.convert import read_model

    threshold = 0.3
    graph = read_model(tmp_path / "model.h5", parse_config({"Bitsmith": {"output": "argmax", "threshold": threshold}}))
    assert [n.op.stem for n in graph.nodes] == ["dense", "argmax"]
    x = batch(graph, 64)[0]
    logits = np.asarray(k.Model(model.input, model.get_layer("dense").output)(x.astype(np.float32)))
    expected = np.where(logits.max(axis=1) < threshold, 4, logits.argmax(axis=1))
    assert 4 in expected
    assert len(set(expected.tolist())) > 2
    np.testing.assert_array_equal(evaluate(graph, x)[0][:, 0], expected)


def test_recurrent_quantizer_none_has_its_own_error(tmp_path: Path) -> None:
    k, q = legacy_keras()
    from tensorflow.python.util import nest

    if not hasattr(nest, "is_sequence"):
        nest.is_sequence = nest.is_nested
    x = inputs = k.layers.Input((4, 3), name="steps")
    x = q.QSimpleRNN(2, kernel_quantizer=bits(q), bias_quantizer=bits(q), name="rnn")(q.QActivation(bits(q))(x))
    save(k.Model(inputs, x), tmp_path / "model.h5")
    from bitsmith.gen.convert import read_model

    with pytest.raises(BitsmithError, match="recurrent_quantizer=None on 'rnn' is not supported"):
        read_model(tmp_path / "model.h5")


def test_a_model_in_memory_keeps_what_its_files_lose(tmp_path: Path) -> None:
    """is_quantized_clip=False, in an activation of its own, in a layer, in one inside another, in a recurrent cell; and
    scale_axis. From files the same models are refused, or read as qkeras itself reads them."""
    k, q = recurrent_qkeras()

    def relu() -> Any:
        return q.quantized_relu(6, 2, relu_upper_bound=0.75, is_quantized_clip=False)

    def dense(**more: Any) -> Any:
        return q.QDense(5, **({"kernel_quantizer": bits(q, 4), "bias_quantizer": bits(q, 4)} | more))

    quantizers = {f"{n}_quantizer": bits(q, 4) for n in ("kernel", "recurrent", "bias")}
    rnn = q.QSimpleRNN(4, activation=relu(), state_quantizer=bits(q, 8, 2), **quantizers, return_sequences=True)
    scaled = bits(q, 4, 0, alpha="auto_po2", scale_axis=1)
    layers = {
        "activation": [q.QActivation(relu())],
        "layer": [dense(activation=relu())],
        "wrapped": [k.layers.TimeDistributed(dense(activation=relu()))],
        "nested": [k.Sequential([k.layers.Input((3, 6)), q.QActivation(relu())])],
        "cell": [rnn],
        "axis": [dense(kernel_quantizer=scaled)],
    }
    for name, behind in layers.items():
        model = sequential(k, (3, 6), [q.QActivation(bits(q, 6, 2)), *behind], spread=1.0)
        graph = read_model(model)
        (x,) = batch(graph, 20)
        wanted = np.asarray(model(x.reshape(-1, 3, 6).astype(np.float32)), dtype=np.float64)
        np.testing.assert_array_equal(evaluate(graph, x)[0].reshape(wanted.shape), wanted)
        assert name == "axis" or wanted.max() == 0.75
        save(model, tmp_path / "model.h5")
        if name != "axis":
            with pytest.raises(BitsmithError, match="without is_quantized_clip"):
                read_model(tmp_path / "model.h5")
    other = dense(kernel_quantizer=bits(q, 4, alpha="auto", scale_axis=0))
    off = sequential(k, (6,), [q.QActivation(bits(q, 6, 2)), other])
    with pytest.raises(BitsmithError, match="scales along other axes than the last"):
        read_model(off)
