"""Ranges measured on data give a configuration that builds and is close; the float evaluator agrees with Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import BITS4, call, entry, functional, input_layer, item, quantize, write_functional, write_h5
from reading import evaluate, legacy_keras, randomize, save

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.calibrate.ranges import calibrate, load_data, precision
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.read import read_network_file
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed


@pytest.mark.parametrize(
    ("low", "high", "bits", "expected"),
    [
        (0.0, 1.0, 8, "ufixed<8,0,RND_CONV,SAT>"),
        (0.0, 1.01, 8, "ufixed<8,1,RND_CONV,SAT>"),
        (-1.0, 0.5, 8, "fixed<8,1,RND_CONV,SAT>"),
        (-1.1, 0.5, 8, "fixed<8,2,RND_CONV,SAT>"),
        (-0.01, 0.02, 6, "fixed<6,-4,RND_CONV,SAT>"),
        (0.0, 300.0, 8, "ufixed<8,9,RND_CONV,SAT>"),
        (0.0, 0.0, 8, "ufixed<8,1,RND_CONV,SAT>"),
    ],
)
def test_types_by_hand(low: float, high: float, bits: int, expected: str) -> None:
    assert precision(low, high, bits) == expected


@pytest.mark.parametrize("bits", [2, 5, 8, 16])
def test_types_hold_their_range_and_waste_no_bit(bits: int) -> None:
    rng = np.random.default_rng(bits)
    for low, high in rng.normal(size=(200, 2)) * np.exp2(rng.integers(-8, 8, (200, 1))):
        low, high = min(low, high), max(low, high)
        type = Fixed.parse(precision(low, high, bits))[0]
        step = 2.0**-type.fraction
        assert type.width == bits
        assert type.signed == (low < 0)
        assert type.raw_min * step <= low
        assert high <= (type.raw_max + 1) * step
        half = step / 2
        assert low < type.raw_min * half or high > (type.raw_max + 1) * half, "one bit less would do"


def model(k: Any) -> Any:
    layers = k.layers
    x = inputs = layers.Input((9, 9, 2), name="pixels")
    x = layers.Conv2D(4, 3, use_bias=False, name="conv")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu", name="depthwise")(x)
    x = layers.Add(name="add")([x, y])
    x = layers.AveragePooling2D(3, strides=2, padding="same", name="average")(x)
    x = layers.SeparableConv2D(3, 2, activation="sigmoid", name="separable")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    result = k.Model(inputs, layers.Dense(3, activation="softmax", name="dense")(x), name="floating")
    randomize(result, 6)
    return result


@pytest.mark.train
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_float_model_is_keras_s(tmp_path: Path) -> None:
    k, _ = legacy_keras()
    keras_model = model(k)
    save(keras_model, tmp_path / "m.h5")
    x = np.random.default_rng(1).random((6, 9, 9, 2))
    values = run(read_network_file(tmp_path / "m.h5"), [x])
    for layer in keras_model.layers[1:]:
        expected = np.asarray(k.Model(keras_model.input, layer.output)(x.astype(np.float32)))
        assert np.abs(values[layer.name] - expected).max() < 2.0**-18 * max(1.0, np.abs(expected).max()), layer.name


@pytest.mark.train
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_more_bits_come_closer(tmp_path: Path) -> None:
    k, _ = legacy_keras()
    keras_model = model(k)
    save(keras_model, tmp_path / "m.h5")
    x = np.random.default_rng(1).random((100, 9, 9, 2))
    np.save(tmp_path / "x.npy", x)
    expected = np.asarray(keras_model(x.astype(np.float32)))
    errors = []
    for bits in (4, 8, 12):
        config = parse_config(calibrate(tmp_path / "m.h5", tmp_path / "x.npy", bits))
        (got,) = evaluate(read_model(tmp_path / "m.h5", config), x)
        errors.append(float(np.abs(got - expected).max()))
    assert errors[1] < 0.05
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("order", [("large", "small"), ("small", "large")])
def test_a_layer_that_is_called_twice_holds_the_results_of_both_calls(tmp_path: Path, order: tuple[str, str]) -> None:
    """Four times the identity on 1 and on 16, in both orders: the largest result is 64."""
    scaled = [item("Dense", name, {"units": 2, "use_bias": False}, call("x")) for name in order]
    shared = item("Dense", "shared", {"units": 2, "use_bias": False}, *(call(name) for name in order))
    add = item("Add", "add", {}, [["shared", 0, 0, {}], ["shared", 1, 0, {}]])
    network = functional([entry("x", 2), *scaled, shared, add], [["x", 0, 0]], [["add", 0, 0]])
    kernels = {"small": np.eye(2), "large": 16 * np.eye(2), "shared": 4 * np.eye(2)}
    path = write_functional(tmp_path / "m.h5", network, {name: {"kernel": k} for name, k in kernels.items()})
    types = calibrate(path, np.ones((3, 2)))["HLSConfig"]["LayerName"]
    assert types["shared"]["Precision"]["result"] == precision(0, 64, 8)
    assert types["small"]["Precision"]["result"] == precision(0, 1, 8)


def test_a_bias_of_several_axes(tmp_path: Path) -> None:
    config: dict[str, Any] = {"name": "layer", "equation": "ab,bcd->acd", "output_shape": [2, 3], "bias_axes": "cd"}
    values: dict[str, Any] = {"kernel": np.full((4, 2, 3), 0.5), "bias": np.full((2, 3), -3.0)}
    path = write_h5(tmp_path / "m.h5", [input_layer(4), ("EinsumDense", config, values)])
    found = calibrate(path, np.ones((3, 4)))
    types = found["HLSConfig"]["LayerName"]["layer"]["Precision"]
    assert types["weight"] == precision(0.5, 0.5, 8)
    assert Fixed.parse(types["bias"])[0].integer == 2
    read_model(path, parse_config(found))


def test_quantized_layers_keep_their_types(tmp_path: Path) -> None:
    config: dict[str, Any] = {"name": "dense", "units": 2, "kernel_quantizer": BITS4, "use_bias": True}
    weights: dict[str, Any] = {"kernel": np.full((3, 2), 0.5), "bias": np.array([0.25, -0.75])}
    path = write_h5(tmp_path / "m.h5", [input_layer(3), quantize(), ("QDense", config, weights)])
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((10, 3)))
    proposed = calibrate(path, tmp_path / "x.npy", 8)
    assert proposed["HLSConfig"]["LayerName"]["dense"]["Precision"] == {"bias": "fixed<16,1,RND_CONV,SAT>"}
    read_model(path, parse_config(proposed))


class TestData:
    def refused(self, path: Path, message: str) -> None:
        with pytest.raises(BitsmithError) as error:
            load_data(path, (3,))
        assert message in str(error.value)
        assert "\n" not in str(error.value)

    def test_bad_files(self, tmp_path: Path) -> None:
        self.refused(tmp_path / "absent.npy", "no such file")
        (tmp_path / "text.npy").write_text("hello")
        self.refused(tmp_path / "text.npy", "no array of numbers")
        np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
        self.refused(tmp_path / "objects.npy", "no array of numbers")
        np.savez(tmp_path / "two.npz", a=1)
        self.refused(tmp_path / "two.npz", "no array of numbers")
        np.save(tmp_path / "words.npy", np.array(["a"]))
        self.refused(tmp_path / "words.npy", "no array of numbers")

    def test_bad_shapes_and_values(self, tmp_path: Path) -> None:
        for name, array, message in (
            ("shape", np.zeros((5, 4)), "has shape (5, 4), the model's input (3,)"),
            ("none", np.zeros((0, 3)), "has shape (0, 3)"),
            ("scalar", np.zeros(()), "has shape ()"),
            ("nan", np.full((2, 3), np.nan), "NaN or infinity"),
        ):
            np.save(tmp_path / f"{name}.npy", array)
            self.refused(tmp_path / f"{name}.npy", message)
