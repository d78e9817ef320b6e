"""Transposed convolutions of tf_keras, Keras 3 and QKeras: every kernel, stride, padding and output padding in float64,
integer for integer (hls4ml#896)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reading import assert_equal_to_keras, batch, evaluate, legacy_keras, library, randomize, save

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.read import read_network_file
from bitsmith.sim.errors import BitsmithError

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore::UserWarning")]
KERNELS = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (1, 4), (5, 2), (3, 4)]
STRIDES = [(1, 1), (2, 2), (3, 3), (1, 2), (3, 2)]
FILES = [("tf_keras", ".h5"), ("tf_keras", ".keras"), ("keras", ".h5"), ("keras", ".keras")]
STEP, TYPE = 2.0**-4, "fixed<6,2>"
Options = dict[str, Any]


def options(kernels: Sequence[tuple[int, ...]], strides: Sequence[tuple[int, ...]]) -> Iterator[Options]:
    """Every combination that Keras itself computes."""
    for kernel, stride, padding in product(kernels, strides, ("valid", "same")):
        yield {"kernel_size": kernel, "strides": stride, "padding": padding}
        for more in product(*(range(s) for s in stride)):
            if padding == "valid" or all(extra or k % 2 for extra, k in zip(more, kernel)):
                yield {"kernel_size": kernel, "strides": stride, "padding": padding, "output_padding": more}


def side_by_side(k: Any, layer: Any, shape: tuple[int, ...], table: list[Options]) -> Any:
    """One model with a layer for each entry, weights on the grid of ``TYPE``."""
    x = k.layers.Input(shape, name="pixels", dtype="float64")
    outputs = [layer(2, name=f"t{i}", dtype="float64", **entry)(x) for i, entry in enumerate(table)]
    model = k.Model(x, outputs, name="network")
    randomize(model, 3)
    model.set_weights([np.clip(np.round(np.asarray(w) / STEP), -31, 31) * STEP for w in model.get_weights()])
    return model


def settings(count: int) -> dict[str, Any]:
    layers = {f"t{i}": {"Precision": {"weight": TYPE, "bias": TYPE}} for i in range(count)}
    return {"HLSConfig": {"LayerName": layers}, "Bitsmith": {"input": TYPE}}


def assert_equal(model: Any, path: Path, table: list[Options]) -> None:
    """The file's graph and the float evaluation give Keras's numbers, every one."""
    save(model, path)
    graph = read_model(path, parse_config(settings(len(table))))
    (x,) = batch(graph, 3)
    shaped = x.reshape(len(x), *tuple(model.inputs[0].shape)[1:])
    expected = model(shaped)
    floats = run(read_network_file(path), [shaped])
    for i, (entry, got, want) in enumerate(zip(table, evaluate(graph, x), expected, strict=True)):
        wanted = np.asarray(want)
        assert wanted.dtype == np.float64
        np.testing.assert_array_equal(got.reshape(wanted.shape), wanted, err_msg=str(entry))
        np.testing.assert_array_equal(floats[f"t{i}"], wanted, err_msg=str(entry))
        assert np.unique(wanted).size > 1, "a constant output proves nothing"


@pytest.mark.parametrize(
    ("kind", "suffix", "kernels"),
    [
        (*FILES[0], KERNELS[4:]),
        (*FILES[3], KERNELS[:4]),
        pytest.param(*FILES[0], KERNELS[:4], marks=pytest.mark.slow),
        pytest.param(*FILES[3], KERNELS[4:], marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_every_kernel_stride_and_padding(kind: str, suffix: str, kernels: Any, tmp_path: Path) -> None:
    k, table = library(kind), list(options(kernels, STRIDES))
    assert len(table) > 100
    assert_equal(side_by_side(k, k.layers.Conv2DTranspose, (3, 4, 2), table), tmp_path / f"m{suffix}", table)


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [FILES[0], FILES[3], *(pytest.param(*file, marks=pytest.mark.slow) for file in FILES[1:3])],
)
def test_sequences(kind: str, suffix: str, tmp_path: Path) -> None:
    k, table = library(kind), list(options([(n,) for n in range(1, 6)], [(1,), (2,), (3,)]))
    assert_equal(side_by_side(k, k.layers.Conv1DTranspose, (5, 2), table), tmp_path / f"m{suffix}", table)


def test_dilation(tmp_path: Path) -> None:
    """With stride 1 and equal in both axes: more TensorFlow does not compute on a processor."""
    k = library("tf_keras")
    table = [
        {"kernel_size": kernel, "padding": padding, "dilation_rate": dilation, "output_padding": more}
        for kernel, padding, dilation, more in product(KERNELS, ("valid", "same"), (2, 3), (None, 0))
        if padding == "valid" or more is None or all(((n - 1) * dilation + 1) % 2 for n in kernel)
    ]
    assert_equal(side_by_side(k, k.layers.Conv2DTranspose, (4, 5, 2), table), tmp_path / "m.h5", table)


@pytest.mark.parametrize("kind", ["tf_keras", "keras"])
def test_options(kind: str, tmp_path: Path) -> None:
    """Without bias, with an activation, behind and in front of layers that trim the edges, as in a codec's decoder."""
    k = library(kind)
    layers = [
        k.layers.Input((4, 5, 2), name="pixels"),
        k.layers.Conv2DTranspose(3, 5, strides=2, use_bias=False, activation="relu", name="t0"),
        k.layers.Cropping2D(((2, 1), (2, 1))),
        k.layers.ZeroPadding2D(1),
        k.layers.Conv2DTranspose(2, 3, strides=(1, 2), padding="same", name="t1"),
    ]
    model = k.Sequential(layers, name="network")
    randomize(model, 5)
    coarse = dict.fromkeys(("weight", "bias"), "fixed<4,2>")
    model.set_weights([np.clip(np.round(np.asarray(w) / 0.25), -7, 7) * 0.25 for w in model.get_weights()])
    config = {"HLSConfig": {"LayerName": {n: {"Precision": coarse} for n in ("t0", "t1")}}, "Bitsmith": {"input": TYPE}}
    graph = assert_equal_to_keras(model, tmp_path / "m.keras", config)
    assert read_model(model, parse_config(config)).to_json() == graph.to_json()


# --- QKeras -----------------------------------------------------------------------------------------------------------


def transposing_qkeras() -> tuple[Any, Any]:
    """tf_keras and qkeras with the name that QConv2DTranspose misses in a TensorFlow of today put back."""
    k, q = legacy_keras()
    import tensorflow as tf
    from tensorflow.python.ops import array_ops

    array_ops.stack = tf.stack
    return k, q


QUANTIZERS = ["quantized_bits(6,0,alpha=1)", "quantized_bits(4,1)", "ternary(alpha=0.5)", "binary(alpha=1)"]


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("quantizer", [*QUANTIZERS, "quantized_po2(4,1)", "quantized_bits(5,0,alpha='auto_po2')"])
def test_quantized_weights(suffix: str, quantizer: str, tmp_path: Path) -> None:
    """QKeras scales by the kernel's last axis, here the input's channels; powers of two become shifts."""
    k, q = transposing_qkeras()
    layers = [
        q.QActivation("quantized_bits(5,1,alpha=1)"),
        q.QConv2DTranspose(
            *(3, (3, 4)),
            **{"strides": (2, 1), "padding": "same", "activation": "quantized_relu(10,6)", "name": "t0"},
            **{"kernel_quantizer": quantizer, "bias_quantizer": "quantized_bits(6,1,alpha=1)"},
        ),
    ]
    model = k.Sequential([k.layers.Input((4, 5, 3), name="pixels"), *layers], name="network")
    randomize(model, 7)
    graph = assert_equal_to_keras(model, tmp_path / f"m{suffix}")
    assert [node.op.stem for node in graph.nodes].count("batch_norm") == 0


@pytest.mark.parametrize(
    ("quantizer", "stems"),
    [
        ("quantized_bits(6,0,alpha=0.7)", ["conv2d_transpose", "batch_norm"]),
        ("quantized_bits(6,0,alpha='auto')", ["batch_norm", "conv2d_transpose"]),
    ],
)
def test_scales_that_are_no_power_of_two(quantizer: str, stems: list[str], tmp_path: Path) -> None:
    """One for all outputs multiplies the sum, one for each input channel the input; exact, where Keras's float32 is
    not: the same kernel as Keras's in float64 gives the same values but for that."""
    k, q = transposing_qkeras()
    layer = q.QConv2DTranspose(
        4, 3, strides=2, kernel_quantizer=quantizer, bias_quantizer="quantized_bits(6,1,alpha=1)", name="t0"
    )
    model = k.Sequential([k.layers.Input((4, 5, 3), name="pixels"), layer], name="network")
    randomize(model, 7)
    save(model, tmp_path / "m.h5")
    graph = read_model(tmp_path / "m.h5", parse_config({"Bitsmith": {"input": "fixed<5,2>"}}))
    assert [node.op.stem for node in graph.nodes] == stems
    (x,) = batch(graph, 4)
    expected = np.asarray(model(x.astype(np.float32)), dtype=np.float64)
    (got,) = evaluate(graph, x)
    assert np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()
    (exact,) = [v for key, v in run(read_network_file(tmp_path / "m.h5"), [x]).items() if key == "t0"]
    assert np.abs(got - exact).max() <= 1e-12 * np.abs(expected).max()


# --- what is refused --------------------------------------------------------------------------------------------------


def config_of(**changed: Any) -> Any:
    """A live model whose JSON says something else."""
    k = library("keras")
    model = k.Sequential([k.layers.Input((4, 4, 2)), k.layers.Conv2DTranspose(2, 2, name="t0")], name="network")
    text = model.to_json()

    class Changed:
        name, get_layer = model.name, model.get_layer

        def to_json(self) -> str:
            import json

            data = json.loads(text)
            data["config"]["layers"][-1]["config"] |= changed
            return json.dumps(data)

    return Changed()


REFUSED: dict[str, tuple[Options, str]] = {
    "channels_first": ({"data_format": "channels_first"}, "data_format=channels_first on 't0' is not supported"),
    "groups": ({"groups": 2}, "groups=2 on 't0' is not supported; supported: 1"),
    "strides with dilation": (
        {"strides": [2, 2], "dilation_rate": [2, 2]},
        r"dilation_rate=\(2, 2\) on 't0' is not supported; supported: 1 with strides=\(2, 2\), as in Keras",
    ),
    "a padding of its own": ({"padding": "causal"}, "padding=causal on 't0' is not supported; supported: valid, same"),
    "output padding beyond the stride": (
        {"strides": [2, 2], "output_padding": [1, 2]},
        r"output_padding=\(1, 2\) on 't0' is not supported; supported: 0 to less than strides=\(2, 2\)",
    ),
    "output padding that is no number": ({"output_padding": "same"}, "output_padding=same on 't0' is not supported"),
    "an even kernel, same, no output padding": (
        {"padding": "same", "output_padding": [0, 0]},
        "output_padding=0 on 't0' is not supported; supported: none, or 1 and more",
    ),
    "another kernel": ({"kernel_size": [3, 3]}, r"kernel has shape \(2, 2, 2, 2\), expected \(3, 3, 2, 2\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    changed, message = REFUSED[name]
    with pytest.raises(BitsmithError, match=message):
        read_model(config_of(**changed), parse_config(settings(1)))


@pytest.mark.parametrize("kind", ["tf_keras", "keras"])
def test_keras_refuses_them_too(kind: str) -> None:
    """Strides with dilation, and ``same`` with an even kernel and an output padding of 0."""
    k = library(kind)
    with pytest.raises(ValueError, match="strides > 1"):
        k.layers.Conv2DTranspose(2, 2, strides=2, dilation_rate=2)
    layer = k.layers.Conv2DTranspose(2, 2, padding="same", output_padding=0)
    with pytest.raises(Exception, match="Conv2D"):
        layer(np.zeros((1, 4, 4, 2), dtype=np.float32))


def test_no_weights_types_is_one_line() -> None:
    with pytest.raises(BitsmithError, match=r"'t0': kernel has no quantizer; give HLSConfig.LayerName.t0.Precision"):
        read_model(config_of(), parse_config({"Bitsmith": {"input": TYPE}}))
