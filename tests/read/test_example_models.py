"""hls4ml's own example models: every pair of JSON and weights is read, and computes what Keras computes.

BITSMITH_EXAMPLE_MODELS names the folder (a checkout of github.com/fastmachinelearning/example-models).
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from reading import FloatArray, assert_float32_is_exact, batch, evaluate, legacy_keras

import bitsmith
from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.calibrate.ranges import calibrate
from bitsmith.gen.inspect import inspect
from bitsmith.gen.read import read_network_file
from bitsmith.sim.errors import BitsmithError

FLOAT = (
    "KERAS_1layer",
    "KERAS_3layer",
    "KERAS_3layer_batch_norm",
    "KERAS_conv1d",
    "KERAS_conv1d_small",
    "KERAS_conv2d_model",
    "KERAS_dense_16x100x100x100x100x100x5",
    "KERAS_dense_16x200x200x200x200x200x5",
    "KERAS_dense_16x500x500x500x500x500x5",
    "jetTagger_Conv2D_Small",
    "jetTagger_Conv2D_Small_NoBatchNorm",
)
QUANTIZED = {"qkeras_3layer": "fixed<8,3>", "qkeras_mnist_cnn": "ufixed<8,0>", "qkeras_mnist_dense": None}
"""With the type of the input, where the model does not say it."""
SIGNED = {
    "KERAS_3layer_binary_smaller": ("BinaryDense", "binary_tanh", "output", "bn"),
    "KERAS_3layer_binarydense_relu_max": ("BinaryDense", "relu1", "output", "bn"),
    "KERAS_3layer_ternary_small": ("TernaryDense", "ternary_tanh", "output", "bn"),
    "keras_bnn": ("BinaryDense", "binary_tanh", "binary_dense_8", "batch_normalization_4"),
}
GARNET = ("garnet_1layer", "garnet_3layer")


def pair(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / "keras" / f"{name}.json", folder / "keras" / f"{name}_weights.h5"


def in_keras(folder: Path, name: str) -> Any:
    """The model as tf_keras loads it, QKeras's layers included."""
    k, q = legacy_keras()
    known: dict[str, Any] = {}
    q.utils._add_supported_quantized_objects(known)
    path, weights = pair(folder, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # QKeras's initializers are not seeded; weights come from the file
        model = k.models.model_from_json(path.read_text(), custom_objects=known)
    model.load_weights(weights)
    return model


def test_every_pair_has_a_test(example_models: Path) -> None:
    found = {path.stem for path in (example_models / "keras").glob("*.json")}
    assert found == {*FLOAT, *QUANTIZED, *SIGNED, *GARNET}


@pytest.mark.train
@pytest.mark.parametrize("name", FLOAT)
def test_a_float_model_computes_what_keras_does(name: str, example_models: Path) -> None:
    model, network = in_keras(example_models, name), read_network_file(*pair(example_models, name))
    x = np.random.default_rng(3).normal(0, 1, (16, *model.input_shape[1:])).astype(np.float32)
    wanted = np.asarray(model(x))
    np.testing.assert_allclose(run(network, [x.astype(np.float64)])[network.outputs[0]], wanted, atol=5e-6)
    assert np.ptp(wanted) > 1e-3


def test_pruned_weights(example_models: Path) -> None:
    """Other weights of one model."""
    path, weights = pair(example_models, "KERAS_3layer")
    kernels = []
    for part in ("", "_70pruned_retrained", "_95pruned_retrained"):
        other = weights.with_name(f"KERAS_3layer{part}_weights.h5")
        network = read_network_file(path, other)
        kernels.append(next(layer for layer in network.layers if layer.name == "fc1_relu").weights["kernel"])
        with h5py.File(other) as file:
            np.testing.assert_array_equal(kernels[-1], file["fc1_relu/fc1_relu/kernel:0"][()])
    zeros = [float((kernel == 0).mean()) for kernel in kernels]
    assert zeros[0] == 0 < zeros[1] < zeros[2] < 1


def without_softmax(path: Path, folder: Path) -> Path:
    """The JSON of a model that ends in a softmax, without it."""
    data = json.loads(path.read_text())
    last = data["config"]["layers"].pop()
    assert last["config"]["activation"] == "softmax"
    if "output_layers" in data["config"]:
        data["config"]["output_layers"] = last["inbound_nodes"][0]
    (folder / "m.json").write_text(json.dumps(data))
    return folder / "m.json"


@pytest.mark.train
@pytest.mark.parametrize("name", QUANTIZED)
def test_a_quantized_model_is_exact(name: str, example_models: Path, tmp_path: Path) -> None:
    path, weights = pair(example_models, name)
    graph = bitsmith.load(
        without_softmax(path, tmp_path), {"Bitsmith": {"input": QUANTIZED[name]}} if QUANTIZED[name] else {}, weights
    )
    assert_float32_is_exact(graph)
    (x,) = batch(graph, 6)
    model = in_keras(example_models, name)
    wanted = np.asarray(before_softmax(model)(x.reshape(6, *model.input_shape[1:]).astype(np.float32)))
    np.testing.assert_array_equal(evaluate(graph, x)[0], wanted)
    assert np.unique(wanted).size > 10


def before_softmax(model: Any) -> Any:
    k, _ = legacy_keras()
    return k.Model(model.inputs, model.layers[-1].input)


def signed(class_name: str, kernel: FloatArray) -> FloatArray:
    """The definitions, in the precision of the file."""
    if class_name == "BinaryDense":
        half = kernel.dtype.type(0.5)
        return 2 * np.rint(np.clip(half * kernel + half, 0, 1)) - 1  # type: ignore[no-any-return]
    return np.where(kernel > 0.5, 1.0, np.where(kernel <= -0.5, -1.0, 0.0))


STEPS = {
    "binary_tanh": lambda x: np.where(x > 0, 1.0, -1.0),
    "relu1": lambda x: np.clip(x, 0, 1),
    "ternary_tanh": lambda x: np.where(x > 0.5, 1.0, np.where(x <= -0.5, -1.0, 0.0)),
}


def by_hand(path: Path, weights: Path, step: str, x: FloatArray) -> FloatArray:
    """The network in numpy, from the arrays of the file."""
    config = json.loads(path.read_text())["config"]
    with h5py.File(weights) as file:
        for item in config["layers"] if isinstance(config, dict) else config:
            name = item["config"]["name"]
            values = {key.split(":")[0]: v[()] for key, v in file[f"{name}/{name}"].items()} if len(file[name]) else {}
            if "kernel" in values:
                x = x @ signed(item["class_name"], values["kernel"]).astype(np.float64)
            elif values:
                g, b, m, v = (np.float64(values[n]) for n in ("gamma", "beta", "moving_mean", "moving_variance"))
                x = g * (x - m) / np.sqrt(v + item["config"]["epsilon"]) + b
            else:
                x = STEPS[step](x)  # type: ignore[no-untyped-call]
    return x


@pytest.mark.parametrize("name", SIGNED)
def test_a_binary_or_ternary_model(name: str, example_models: Path, tmp_path: Path) -> None:
    class_name, step, dense, norm = SIGNED[name]
    path, weights = pair(example_models, name)
    x = np.random.default_rng(5).normal(0, 1, (200, 16))
    network = read_network_file(path, weights)
    wanted = by_hand(path, weights, step, x)
    floats = run(network, [x])
    np.testing.assert_allclose(floats[norm], wanted, rtol=1e-9, atol=1e-9)
    np.save(tmp_path / "x.npy", x)
    graph = bitsmith.load(path, calibrate(path, tmp_path / "x.npy", 12, weights=weights), weights)
    kernel = next(node.op for node in graph.nodes if node.layer == dense).kernel  # type: ignore[attr-defined]
    with h5py.File(weights) as file:
        np.testing.assert_array_equal(kernel, signed(class_name, file[f"{dense}/{dense}/kernel:0"][()]))
    got = evaluate(graph, x)[0]
    assert np.mean(got.argmax(axis=1) == wanted.argmax(axis=1)) > 0.95
    assert np.unique(wanted.argmax(axis=1)).size > 2


@pytest.mark.parametrize("name", GARNET)
def test_garnet_is_refused_by_its_name(name: str, example_models: Path) -> None:
    path, weights = pair(example_models, name)
    data = inspect(path, None, weights)
    reasons = " ".join(problem["reason"] for problem in data["problems"])
    assert "'gar_1' is a GarNet" in reasons
    assert "did you mean" not in reasons
    assert "hls4ml has it for networks on graphs" in reasons
    with pytest.raises(BitsmithError, match="'gar_1' is a GarNet"):
        bitsmith.load(path, None, weights)
