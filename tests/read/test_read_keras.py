"""Plain float models of tf_keras and Keras 3: types from the configuration, the rest exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reading import assert_equal_to_keras, assert_float32_is_exact, batch, evaluate, legacy_keras, randomize, save

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, Overflow, Rounding, quantize, to_float

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore::UserWarning")]
FILES = [("tf_keras", ".h5"), ("tf_keras", ".keras"), ("keras", ".h5"), ("keras", ".keras")]
WEIGHTS = {"weight": "fixed<6,2>", "bias": "fixed<6,2>"}
INPUT = {"input": "fixed<6,2>"}


def library(name: str) -> Any:
    if name == "tf_keras":
        return legacy_keras()[0]
    keras = pytest.importorskip("keras")
    keras.backend.clear_session()
    return keras


def on_grid(model: Any, seed: int = 2, step: float = 2.0**-4) -> None:
    """Random weights that fixed<6,2> holds: then nothing is lost in reading and float32 computes exactly."""
    randomize(model, seed)
    model.set_weights([np.clip(np.round(np.asarray(w) / step), -15, 15) * step for w in model.get_weights()])


def typed(*names: str, **result: str) -> dict[str, Any]:
    layers: dict[str, Any] = {name: {"Precision": dict(WEIGHTS)} for name in names}
    for name, text in result.items():
        layers.setdefault(name, {"Precision": {}})["Precision"]["result"] = text
    return {"HLSConfig": {"LayerName": layers}, "Bitsmith": INPUT}


@pytest.mark.parametrize(("kind", "suffix"), FILES)
def test_a_network_of_every_layer(tmp_path: Path, kind: str, suffix: str) -> None:
    k = library(kind)
    layers = k.layers
    inner = k.Sequential(
        [layers.Input((8, 8, 4)), layers.DepthwiseConv2D(3, activation="relu", name="dw")], name="inner"
    )
    x = inputs = layers.Input((10, 10, 3), name="pixels")
    x = layers.Conv2D(4, 3, activation="relu", name="c1")(x)
    x = inner(x)
    x = layers.ReLU(max_value=6.0, name="clip")(x)
    y = layers.MaxPooling2D(2, name="max")(x)
    z = layers.AveragePooling2D(2, name="average")(x)
    x = layers.Add(name="add")([y, z])
    x = layers.Concatenate(name="join")([x, y])
    y = layers.GlobalMaxPooling2D(name="peak")(x)
    x = layers.Flatten(name="flat")(x)
    x = layers.Dropout(0.3, name="drop")(x)
    x = layers.Dense(5, name="dense")(x)
    model = k.Model(inputs, [x, y], name="net")
    on_grid(model)
    config = typed("c1", "dw", "dense", c1="ufixed<8,4,RND,SAT>", dense="fixed<24,12>")
    save(model, tmp_path / f"m{suffix}")
    graph = read_model(tmp_path / f"m{suffix}", parse_config(config))
    x_float = batch(graph)[0].astype(np.float32)
    expected = _expected(k, model, x_float)
    for got, want in zip(evaluate(graph, x_float), expected, strict=True):
        np.testing.assert_array_equal(got, want)


def _expected(k: Any, model: Any, x: Any) -> list[Any]:
    """Keras computes up to c1; the rounding is the type's; Keras computes on from there."""
    c1 = np.asarray(k.Model(model.input, model.get_layer("c1").output)(x), dtype=np.float64)
    t = Fixed(False, 4, 4)
    rounded = to_float(quantize(c1, t, Rounding.RND, Overflow.SAT), t)
    y = inputs = k.layers.Input((8, 8, 4))
    for name in ("inner", "clip"):
        y = model.get_layer(name)(y)
    a, b = model.get_layer("max")(y), model.get_layer("average")(y)
    joined = model.get_layer("join")([model.get_layer("add")([a, b]), a])
    out = model.get_layer("dense")(model.get_layer("flat")(joined))
    rest = k.Model(inputs, [out, model.get_layer("peak")(joined)])
    dense, peak = (np.asarray(v, dtype=np.float64) for v in rest(rounded.astype(np.float32)))
    return [to_float(quantize(dense, Fixed(True, 11, 12), Rounding.TRN, Overflow.WRAP), Fixed(True, 11, 12)), peak]


@pytest.mark.parametrize(("kind", "suffix"), FILES)
def test_sequences(tmp_path: Path, kind: str, suffix: str) -> None:
    k = library(kind)
    layers = [
        k.layers.Input((12, 2), name="steps"),
        k.layers.ZeroPadding1D((2, 1)),
        k.layers.Conv1D(3, 4, strides=2, name="c"),
        k.layers.MaxPooling1D(3, strides=1, padding="same"),
        k.layers.SeparableConv1D(4, 2, name="s"),
        k.layers.LeakyReLU(0.25),
        k.layers.TimeDistributed(k.layers.Dense(3), name="t"),
        k.layers.GlobalMaxPooling1D(),
    ]
    model = k.Sequential(layers, name="sequence")
    on_grid(model, step=0.25)
    coarse = dict.fromkeys(WEIGHTS, "fixed<6,4>")
    names = {name: {"Precision": coarse} for name in ("c", "s", "t")}
    settings = {"HLSConfig": {"LayerName": names}, "Bitsmith": {"input": "fixed<4,2>"}}
    assert_equal_to_keras(model, tmp_path / f"m{suffix}", settings)


@pytest.mark.parametrize("kind", ["tf_keras", "keras"])
def test_live_models_give_the_file_s_graph(tmp_path: Path, kind: str) -> None:
    k = library(kind)
    model = k.Sequential([k.layers.Input((6, 6, 1)), k.layers.Conv2D(2, 3, name="c"), k.layers.Flatten()], name="live")
    on_grid(model)
    save(model, tmp_path / "m.keras")
    config = parse_config(typed("c"))
    assert read_model(model, config).to_json() == read_model(tmp_path / "m.keras", config).to_json()


@pytest.mark.parametrize("kind", ["tf_keras", "keras"])
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "elu", "selu", "softplus", "softsign", "swish", "hard_sigmoid"])
def test_functions_are_the_nearest_values(tmp_path: Path, kind: str, name: str) -> None:
    """A table addressed by every bit of its input holds the nearest value; float32 adds less than 0.01 of a step."""
    k = library(kind)
    model = k.Sequential([k.layers.Input((64,)), k.layers.Activation(name, name="f")], name="curve")
    save(model, tmp_path / "m.keras")
    config = {
        "HLSConfig": {"LayerName": {"f": {"Precision": "fixed<12,4,RND_CONV,SAT>"}}},
        "Bitsmith": {"input": "fixed<8,4>"},
    }
    graph = read_model(tmp_path / "m.keras", parse_config(config))
    x = batch(graph, 40)[0]
    exact = np.asarray(model(x.astype(np.float32)), dtype=np.float64)
    step = 2.0**-8
    assert np.abs(evaluate(graph, x)[0] - np.clip(exact, -8, 8 - step)).max() <= 0.51 * step


def test_softmax_follows_keras(tmp_path: Path) -> None:
    k = library("keras")
    model = k.Sequential([k.layers.Input((10,)), k.layers.Dense(5, activation="softmax", name="d")], name="classes")
    on_grid(model)
    save(model, tmp_path / "m.keras")
    config = typed("d")
    config["HLSConfig"]["LayerName"]["d_softmax"] = {"Precision": "ufixed<10,0,RND_CONV,SAT>"}
    graph = read_model(tmp_path / "m.keras", parse_config(config))
    assert [node.op.stem for node in graph.nodes] == ["dense", "softmax"]
    x = batch(graph, 64)[0]
    exact = np.asarray(model(x.astype(np.float32)), dtype=np.float64)
    got = evaluate(graph, x)[0]
    assert np.abs(got - exact).max() < 0.005
    assert_float32_is_exact(graph)


def test_model_precision_rounds_every_result(tmp_path: Path) -> None:
    """hls4ml's default: fixed<16,6>, cut and wrapped, for weights, biases and results."""
    k = library("tf_keras")
    model = k.Sequential([k.layers.Input((4,)), k.layers.Dense(3, name="d"), k.layers.ReLU(name="r")], name="net")
    randomize(model, 3, 4.0)
    save(model, tmp_path / "m.h5")
    graph = read_model(tmp_path / "m.h5", parse_config({"HLSConfig": {"Model": {"Precision": "fixed<16,6>"}}}))
    assert [(n.name, str(graph.specs()[n.name].type)) for n in graph.nodes[1:]] == [
        ("d_round", "fixed<16,6>"),
        ("r", "fixed<16,6>"),
    ]
    t = Fixed(True, 5, 10)
    x = np.clip(np.random.default_rng(0).normal(0, 8, (50, 4)), -30, 30)
    kernel, bias = (to_float(quantize(w, t, Rounding.TRN, Overflow.WRAP), t) for w in model.get_weights())
    exact = to_float(quantize(x, t), t) @ kernel + bias
    wrapped = to_float(quantize(exact, t, Rounding.TRN, Overflow.WRAP), t)
    assert (np.abs(exact) > 32).any()
    np.testing.assert_array_equal(evaluate(graph, x)[0], np.maximum(wrapped, 0))


def test_an_image_of_any_size_has_the_size_of_the_configuration(tmp_path: Path) -> None:
    """A file with open sizes, and one with others: Keras on images of the asked size says the same."""
    k = legacy_keras()[0]
    for size in ((None, None, 2), (4, 4, 2)):
        model = k.Sequential([k.layers.Input(size), k.layers.Conv2D(3, 3, 2, "same", name="conv")])
        on_grid(model)
        save(model, tmp_path / "model.h5")
        settings = typed("conv", conv="fixed<24,12>")
        if size[0] is None:
            with pytest.raises(BitsmithError, match="is open.*image: "):
                read_model(tmp_path / "model.h5", parse_config(settings))
        settings["Bitsmith"] = {**INPUT, "image": [6, 9]}
        graph = read_model(tmp_path / "model.h5", parse_config(settings))
        assert graph.inputs[0][1].shape == (6, 9, 2)
        (x,) = batch(graph)
        whole = k.Sequential([k.layers.Input((6, 9, 2)), k.layers.Conv2D(3, 3, 2, "same")])
        whole.set_weights(model.get_weights())
        np.testing.assert_array_equal(evaluate(graph, x)[0], np.asarray(whole(x.astype(np.float32))))


def test_a_dense_network_has_one_size(tmp_path: Path) -> None:
    k = legacy_keras()[0]
    layers = [k.layers.Input((4, 4, 1)), k.layers.Flatten(), k.layers.Dense(2, name="dense")]
    save(k.Sequential(layers), tmp_path / "model.h5")
    settings = typed("dense", dense="fixed<24,12>") | {"Bitsmith": {**INPUT, "image": [5, 4]}}
    with pytest.raises(BitsmithError, match="dense"):
        read_model(tmp_path / "model.h5", parse_config(settings))
