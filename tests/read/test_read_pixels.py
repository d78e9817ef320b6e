"""Layers without weights, as Keras saves them: zeros around an image, copies and parts of it, |x|, rounding."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from model_files import input_layer, write_h5
from reading import assert_equal_to_keras, legacy_keras, library, randomize

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.read import read_network_file
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, to_float
from bitsmith.sim.graph import Graph
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.params import NO_PADDING

FILES = [("tf_keras", ".h5"), ("tf_keras", ".keras"), ("keras", ".h5"), ("keras", ".keras")]
S8 = Fixed(True, 3, 4)
INPUT = {"Bitsmith": {"input": str(S8)}}
trains = [pytest.mark.train, pytest.mark.filterwarnings("ignore::UserWarning")]


def each_file(function: Any) -> Any:
    """The test for both Keras and both formats; TensorFlow writes the files."""
    for mark in (*trains, pytest.mark.parametrize(("kind", "suffix"), FILES)):
        function = mark(function)
    return function


def functions(kind: str) -> tuple[Any, Any]:
    """The absolute value and the rounding that a model's author finds."""
    if kind == "keras":
        ops = library("keras").ops
        return ops.absolute, ops.round
    import tensorflow as tf

    return tf.abs, tf.math.round


def equal(model: Any, path: Path, *named: str) -> Graph:
    """Weights that fixed<6,3> holds, and every output of the file as Keras computes it."""
    randomize(model, 4)
    model.set_weights([np.clip(np.round(np.asarray(w) * 8), -15, 15) / 8 for w in model.get_weights()])
    types = {"weight": "fixed<6,3>", "bias": "fixed<6,3>"}
    names: dict[str, Any] = {name: {"Precision": types} for name in named}
    return assert_equal_to_keras(model, path, {"HLSConfig": {"LayerName": names}, **INPUT})


def stems(graph: Graph) -> list[str]:
    return [node.op.stem for node in graph.nodes]


@each_file
def test_absolute_and_rounding(tmp_path: Path, kind: str, suffix: str) -> None:
    """-8.0 gives 8.0, 2.5 goes to 2 and 7.9375 to 8; the ends of the type are in the batch."""
    k = library(kind)
    absolute, rounding = functions(kind)
    x = k.layers.Input((16, 16, 1), name="image")
    whole = rounding(x)
    model = k.Model(x, [absolute(x), whole, absolute(rounding(whole))], name="net")
    graph = equal(model, tmp_path / f"m{suffix}")
    types = [graph.specs()[name].type for name in graph.outputs]
    assert types == [Fixed(False, 4, 4), Fixed(True, 4, 0), Fixed(False, 5, 0)]


@pytest.mark.train
def test_functions_in_an_activation_layer(tmp_path: Path) -> None:
    """Keras 2 saves ``Activation(tf.abs)`` by the function's bare name."""
    k, _ = legacy_keras()
    import tensorflow as tf

    layers = [k.layers.Input((6, 5, 2)), k.layers.Activation(tf.round), k.layers.Activation(tf.abs, name="last")]
    graph = equal(k.Sequential(layers, name="net"), tmp_path / "m.keras")
    assert [node.op.kind for node in graph.nodes if isinstance(node.op, Activation)] == [Kind.LINEAR, Kind.ABSOLUTE]


@each_file
def test_zeros_before_everything_that_takes_none_in(tmp_path: Path, kind: str, suffix: str) -> None:
    k = library(kind)
    layers = k.layers
    x = layers.Input((5, 7, 2), name="image")
    pad = layers.ZeroPadding2D
    outputs = [
        layers.MaxPooling2D(2)(pad(((1, 2), (3, 1)))(x)),
        layers.AveragePooling2D((2, 4))(pad((1, 2))(x)),
        layers.Conv2D(2, 3, padding="same", name="same")(pad(1)(x)),
        layers.Conv2D(2, 1, name="small")(pad(((0, 1), (0, 0)))(x)),
        layers.DepthwiseConv2D(3, name="wide")(pad(((2, 1), (3, 3)))(x)),
        pad(((0, 1), (2, 0)))(x),
        layers.Cropping2D(((1, 2), (0, 3)))(pad(((2, 1), (0, 2)))(x)),
        layers.Flatten()(pad(1)(pad(((1, 0), (0, 2)))(x))),
        layers.Add()([pad(((1, 0), (0, 0)))(x), pad(((0, 1), (0, 0)))(x)]),
    ]
    graph = equal(k.Model(x, outputs, name="net"), tmp_path / f"m{suffix}", "same", "small", "wide")
    assert stems(graph).count("zero_padding2d") == 11
    for node in graph.nodes:
        assert (
            getattr(node.op, "padding", NO_PADDING) == NO_PADDING
            or node.op.stem == "zero_padding2d"
            or (node.name == "same")
        )


@each_file
def test_zeros_that_a_convolution_takes_in(tmp_path: Path, kind: str, suffix: str) -> None:
    """Smaller than its window; a pool and an output that read them too share one operator."""
    k = library(kind)
    layers = k.layers
    x = layers.Input((5, 7, 2), name="image")
    zeros = layers.ZeroPadding2D(((1, 1), (2, 0)), name="zeros")(x)
    outputs = [
        layers.Conv2D(2, 3, name="c")(zeros),
        layers.MaxPooling2D(2, name="p")(zeros),
        layers.AveragePooling2D(2, name="a")(layers.Dropout(0.5)(zeros)),
        zeros,
    ]
    graph = equal(k.Model(x, outputs, name="net"), tmp_path / f"m{suffix}", "c")
    assert sorted(stems(graph)) == ["average_pool2d", "conv2d", "max_pool2d", "zero_padding2d"]
    assert next(node for node in graph.nodes if node.name == "c").inputs == ("image",)
    assert [node.inputs for node in graph.nodes if node.name in "pa"] == [("zeros",), ("zeros",)]


@each_file
def test_up_sampling_and_cropping(tmp_path: Path, kind: str, suffix: str) -> None:
    """hls4ml#517: an image that is not square, with factors that differ."""
    k = library(kind)
    layers = k.layers
    x = layers.Input((3, 5, 2), name="image")
    y = layers.UpSampling2D((2, 3), name="up")(x)
    z = layers.Conv2D(2, 2, name="c")(y)
    outputs = [y, z, layers.Cropping2D(((1, 0), (4, 2)))(y), layers.Cropping2D(1)(x)]
    graph = equal(k.Model(x, outputs, name="net"), tmp_path / f"m{suffix}", "c")
    assert graph.specs()["up"].shape == (6, 15, 2)


@each_file
def test_sequences(tmp_path: Path, kind: str, suffix: str) -> None:
    k = library(kind)
    layers = k.layers
    x = layers.Input((7, 2), name="steps")
    y = layers.MaxPooling1D(2, name="p")(layers.ZeroPadding1D((3, 2))(x))
    outputs = [y, layers.Cropping1D((1, 2))(layers.UpSampling1D(3)(x)), layers.ZeroPadding1D(1)(x)]
    graph = equal(k.Model(x, outputs, name="net"), tmp_path / f"m{suffix}")
    assert [graph.specs()[name].shape for name in graph.outputs] == [(1, 6, 2), (1, 18, 2), (1, 9, 2)]


# without TensorFlow -------------------------------------------------------------------------------


def one(folder: Path, class_name: str, *shape: int, **config: Any) -> Graph:
    path = write_h5(folder / "m.h5", [input_layer(*shape), (class_name, {"name": "it", **config}, {})])
    return read_model(path, parse_config(INPUT))


def saved(folder: Path, operation: dict[str, Any], call: Any) -> Path:
    """A functional model of one operation, in the words of a file that tf_keras or Keras 3 has written."""
    image = {"batch_input_shape": [None, 4, 6, 2], "dtype": "float32", "sparse": False, "ragged": False, "name": "img"}
    layers = [
        {"class_name": "InputLayer", "config": image, "name": "img", "inbound_nodes": []},
        {**operation, "name": operation["config"]["name"], "inbound_nodes": [call]},
    ]
    ends = {"input_layers": [["img", 0, 0]], "output_layers": [[operation["config"]["name"], 0, 0]]}
    with h5py.File(folder / "f.h5", "w") as file:
        model = {"class_name": "Functional", "config": {"name": "net", "layers": layers, **ends}}
        file.attrs["model_config"] = json.dumps(model)
    return folder / "f.h5"


KERAS_2 = ["img", 0, 0, {}]
HISTORY = {"shape": [None, 4, 6, 2], "dtype": "float32", "keras_history": ["img", 0, 0]}
KERAS_3 = {"args": [{"class_name": "__keras_tensor__", "config": HISTORY}], "kwargs": {}}


def lambda_of(function: str) -> dict[str, Any]:
    config = {"name": f"tf.{function}", "trainable": True, "dtype": "float32", "function": function}
    return {"class_name": "TFOpLambda", "config": config}


OPERATIONS: dict[str, tuple[dict[str, Any], Any, bool]] = {
    "tf.abs": (lambda_of("math.abs"), KERAS_2, True),
    "tf.round": (lambda_of("math.round"), KERAS_2, False),
    "ops.absolute": ({"class_name": "Absolute", "config": {"name": "absolute"}}, KERAS_3, True),
    "ops.round": ({"class_name": "Round", "config": {"name": "round", "decimals": 0}}, KERAS_3, False),
}


@pytest.mark.parametrize("case", OPERATIONS)
def test_operations_as_they_stand_in_a_file(tmp_path: Path, case: str) -> None:
    """Every value of the input's type, by hand in floating point; the float model that calibrates says the same."""
    operation, call, absolute = OPERATIONS[case]
    path = saved(tmp_path, operation, call)
    graph = read_model(path, parse_config(INPUT))
    (node,) = graph.nodes
    x = np.arange(S8.raw_min, S8.raw_max + 1)
    wanted = np.abs(x / 16) if absolute else np.rint(x / 16)
    np.testing.assert_array_equal(to_float(node.op.compute(x), graph.specs()[node.name].type), wanted)
    network = read_network_file(path)
    np.testing.assert_array_equal(run(network, [x / 16])[network.outputs[0]], wanted)


def test_rounding_of_integers_changes_nothing_and_a_wanted_type_is_given(tmp_path: Path) -> None:
    path = saved(tmp_path, *OPERATIONS["ops.round"][:2])
    names = {"LayerName": {"round": {"Precision": "fixed<6,4,RND_CONV,SAT>"}}}
    graph = read_model(path, parse_config({"Bitsmith": {"input": "fixed<8,8>"}, "HLSConfig": names}))
    assert [str(graph.specs()[node.name].type) for node in graph.nodes] == ["fixed<6,4>"]
    graph = read_model(path, parse_config({**INPUT, "HLSConfig": names}))
    assert [str(graph.specs()[node.name].type) for node in graph.nodes] == ["fixed<5,5>", "fixed<6,4>"]


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (lambda_of("nn.gelu"), "function=nn.gelu on 'tf.nn.gelu' is not supported; supported: math.abs, math.round"),
        ({"class_name": "Round", "config": {"name": "r", "decimals": 1}}, "decimals=1 on 'r' is not supported"),
    ],
)
def test_other_operations_are_refused(tmp_path: Path, operation: dict[str, Any], message: str) -> None:
    with pytest.raises(BitsmithError, match=message) as caught:
        read_model(saved(tmp_path, operation, KERAS_2), parse_config(INPUT))
    assert "\n" not in str(caught.value)


def test_an_unknown_function_has_no_float_form(tmp_path: Path) -> None:
    network = read_network_file(saved(tmp_path, lambda_of("nn.gelu"), KERAS_2))
    with pytest.raises(BitsmithError, match="function=nn.gelu on 'tf.nn.gelu' is not supported"):
        run(network, [np.zeros((1, 4, 6, 2))])


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "bicubic": ("UpSampling2D", {"size": [2, 2], "interpolation": "bicubic"}, "interpolation=bicubic .*: nearest"),
    "factor 0": ("UpSampling2D", {"size": [2, 0]}, r"size=\(2, 0\) on 'it'"),
    "fewer than no zeros": ("ZeroPadding2D", {"padding": [[0, -1], [0, 0]]}, "whole numbers, none negative"),
    "half a zero": ("ZeroPadding2D", {"padding": 0.5}, "padding=0.5 on 'it'"),
    "three paddings": ("ZeroPadding2D", {"padding": [1, 2, 3]}, "whole numbers, none negative"),
    "crop too much": ("Cropping2D", {"cropping": [[1, 2], [3, 3]]}, "leaves nothing of"),
    **{
        f"{name}, channels first": (name, {"data_format": "channels_first"}, "=channels_first .*: channels_last")
        for name in ("UpSampling2D", "ZeroPadding2D", "Cropping2D")
    },
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(tmp_path: Path, case: str) -> None:
    class_name, config, message = REFUSED[case]
    with pytest.raises(BitsmithError, match=message) as caught:
        one(tmp_path, class_name, 4, 6, 2, **config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("class_name", ["UpSampling2D", "ZeroPadding2D", "UpSampling1D", "Cropping1D"])
def test_another_rank_is_refused(tmp_path: Path, class_name: str) -> None:
    with pytest.raises(BitsmithError, match="it needs [23] axes"):
        one(tmp_path, class_name, *(4, 6, 2)[: 2 if "2D" in class_name else 3])


def test_the_shapes_by_hand(tmp_path: Path) -> None:
    assert one(tmp_path, "ZeroPadding2D", 4, 6, 2, padding=[1, 2]).specs()["it"].shape == (6, 10, 2)
    assert one(tmp_path, "ZeroPadding1D", 6, 2, padding=2).specs()["it"].shape == (1, 10, 2)
    assert one(tmp_path, "UpSampling2D", 4, 6, 2, size=3).specs()["it"].shape == (12, 18, 2)
    assert one(tmp_path, "Cropping2D", 4, 6, 2, cropping=[[1, 0], [2, 3]]).specs()["it"].shape == (3, 1, 2)
