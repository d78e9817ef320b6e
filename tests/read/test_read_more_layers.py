"""Layers of Keras's beside those of a plain network: both Keras's, both files, against Keras's own result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reading import assert_equal_to_keras, batch, evaluate, library, randomize, save

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.calibrate.ranges import calibrate
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.read import read_network_file
from bitsmith.gen.rtl.choices import plan_for

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore::UserWarning")]
FILES = [("tf_keras", ".h5"), ("tf_keras", ".keras"), ("keras", ".h5"), ("keras", ".keras")]
FINE: dict[str, Any] = {
    "HLSConfig": {"Model": {"Precision": "fixed<18,6,RND_CONV,SAT>"}},
    "Bitsmith": {"input": "fixed<7,4>"},
}
STEP = 2.0**-12

BOTH = ["exponential", "gelu", "mish", "relu6", "selu", "silu", "softplus", "softsign", "swish"]
OF_KERAS_3 = ["celu", "hard_shrink", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "log_sigmoid", "soft_shrink",
              "sparse_plus", "sparse_sigmoid", "squareplus", "tanh_shrink"]  # fmt: skip


def activations(k: Any, x: Any) -> dict[str, Any]:
    """Each function of one value, as Keras offers it."""
    layers, is_3 = k.layers, not k.__name__.startswith("tf_")
    names = BOTH + (OF_KERAS_3 if is_3 else ["relu6"])
    found = {name: layers.Activation(name, name=f"f_{name}")(x) for name in dict.fromkeys(names) if _has(k, name)}
    found["elu_half"] = layers.ELU(0.5)(x)
    found["threshold"] = layers.ReLU(max_value=5.0, threshold=0.7)(x)
    found["threshold_met"] = layers.ReLU(threshold=0.5)(x)  # a value of the input's grid, which many inputs have
    found["threshold_limited"] = layers.ReLU(max_value=1.0, threshold=1.0)(x)
    found["dense"] = layers.Dense(3, activation="mish", name="dense")(x)
    if is_3:
        o = k.ops
        found |= {"gelu_tanh": o.gelu(x, approximate=True), "gelu_erf": o.gelu(x, approximate=False)}
        found |= {"op_hard": o.hard_sigmoid(x), "op_leaky": o.leaky_relu(x), "op_elu": o.elu(x, alpha=2.0)}
        found |= {f.__name__: f(x) for f in (o.relu, o.relu6, o.sigmoid, o.tanh, o.silu, o.exp, o.softplus)}
    else:
        found |= {str(theta): layers.ThresholdedReLU(theta)(x) for theta in (0.75, 7.8)}
    return found


def _has(k: Any, name: str) -> bool:
    return hasattr(k.activations, name) or name in ("silu",)


def compare(model: Any, path: Path, settings: Any = FINE, off: float = 0.51, noise: float = 2.0**-18) -> None:
    """Keras's result within half a step of the result's type, and the float form's within float32."""
    save(model, path)
    graph = read_model(path, parse_config(settings))
    (x,) = batch(graph, 40)
    x = x.reshape(-1, *model.inputs[0].shape[1:])
    expected = model(x.astype(np.float32))
    expected = expected if isinstance(expected, (list, tuple)) else [expected]
    network = read_network_file(path)
    floats = run(network, [x])
    for key, got, want in zip(network.outputs, evaluate(graph, x), expected, strict=True):
        exact = np.asarray(want, dtype=np.float64)
        assert np.unique(exact).size > 1, key
        assert np.abs(floats[key] - exact).max() <= noise * max(1.0, np.abs(exact).max()), key
        clipped = np.clip(exact, -32, 32 - STEP)
        assert np.abs(got.reshape(exact.shape) - clipped).max() <= off * STEP, key


@pytest.mark.parametrize(("kind", "suffix"), FILES)
def test_functions_of_one_value(tmp_path: Path, kind: str, suffix: str) -> None:
    k = library(kind)
    x = k.layers.Input((6,), name="x")
    model = k.Model(x, list(activations(k, x).values()), name="functions")
    kernel, bias = model.get_layer("dense").get_weights()
    model.get_layer("dense").set_weights([np.round(kernel * 4) / 4, bias])
    settings: dict[str, Any] = {"Bitsmith": FINE["Bitsmith"] | {"table_bits": 16}, "HLSConfig": FINE["HLSConfig"]}
    compare(model, tmp_path / f"m{suffix}", settings=settings, off=0.53)


@pytest.mark.parametrize(("kind", "suffix"), FILES)
def test_a_trained_slope(tmp_path: Path, kind: str, suffix: str) -> None:
    k = library(kind)
    x = k.layers.Input((4, 5, 3), name="x")
    y = k.layers.PReLU(shared_axes=[1, 2], name="by_channel")(x)
    flat = k.layers.PReLU(name="by_value")(k.layers.Flatten()(y))
    model = k.Model(x, [y, flat], name="slopes")
    rng = np.random.default_rng(3)
    model.set_weights([np.round(rng.normal(0, 0.5, w.shape) * 16) / 16 for w in model.get_weights()])
    compare(model, tmp_path / f"m{suffix}")


@pytest.mark.parametrize(("kind", "suffix"), FILES)
def test_scales_of_inputs(tmp_path: Path, kind: str, suffix: str) -> None:
    """Rescaling is exact in float32's numbers; a Normalization has types, as a BatchNormalization has."""
    k = library(kind)
    layers, rng = k.layers, np.random.default_rng(4)
    x = layers.Input((4, 5, 3), name="x")
    flat = layers.Flatten()(x)
    adapted, alone = layers.Normalization(), layers.Normalization(axis=None)
    outputs = {
        "one": layers.Rescaling(1 / 255)(x),
        "each": layers.Rescaling([0.5, 0.3, -2.0], offset=[1.0, 0.0, -0.1])(x),
        "given": layers.Normalization(mean=[1.0, 2.0, -3.0], variance=[4.0, 0.5, 2.0])(x),
        "inverse": layers.Normalization(mean=2.5, variance=3.0, invert=True)(x),
        "adapted": adapted(x),
        "alone": alone(flat),
        "fresh": layers.Normalization()(x),
    }
    for layer in (adapted, alone):
        layer.adapt(rng.normal(1, 2, (8, 4, 5, 3) if layer is adapted else (8, 60)).astype(np.float32))
    model = k.Model(x, list(outputs.values()), name="scales")
    types = {"scale": "fixed<24,4,RND_CONV,SAT>", "bias": "fixed<24,4,RND_CONV,SAT>"}
    sections = {"Model": FINE["HLSConfig"]["Model"], "LayerType": {"Normalization": {"Precision": types}}}
    compare(model, tmp_path / f"m{suffix}", settings={"Bitsmith": FINE["Bitsmith"], "HLSConfig": sections}, off=0.52)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_calibrate_types_the_scales_of_inputs(tmp_path: Path, suffix: str) -> None:
    k = library("keras")
    normalization = k.layers.Normalization()
    layers = [k.layers.Input((4, 5, 2)), k.layers.Rescaling(1 / 255), normalization]
    layers.append(k.layers.PReLU("ones", shared_axes=[1, 2]))
    normalization.adapt(np.random.default_rng(5).random((9, 4, 5, 2)).astype(np.float32))
    model = k.Sequential([*layers, k.layers.Conv2D(2, 3, activation="gelu")], name="net")
    path, data = tmp_path / f"m{suffix}", tmp_path / "x.npy"
    save(model, path)
    x = np.random.default_rng(6).integers(0, 256, (20, 4, 5, 2)).astype(np.float32)
    np.save(data, x)
    expected = np.asarray(model(x))
    errors = []
    for bits in (8, 12):
        settings = calibrate(path, data, bits) | {"Bitsmith": {"input": "ufixed<8,8>"}}
        names = settings["HLSConfig"]["LayerName"]
        for name in ("normalization", "rescaling"):
            assert set(names[name]["Precision"]) == {"scale", "bias", "result"}
        (got,) = evaluate(read_model(path, parse_config(settings)), x)
        errors.append(float(np.abs(got.reshape(expected.shape) - expected).max()) / float(np.abs(expected).max()))
    assert errors[0] < 0.1
    assert errors[1] < errors[0] / 4


def on_grid(model: Any) -> None:
    """Weights in quarters, which fixed<6,4> holds: then float32 computes exactly."""
    randomize(model, 3)
    model.set_weights([np.clip(np.round(np.asarray(w) * 4), -15, 15) / 4 for w in model.get_weights()])


COARSE = {"weight": "fixed<6,4>", "bias": "fixed<6,4>"}


def exact(*names: str) -> dict[str, Any]:
    return {
        "HLSConfig": {"LayerName": {name: {"Precision": COARSE} for name in names}},
        "Bitsmith": {"input": "fixed<4,2>"},
    }


@pytest.mark.parametrize(("kind", "suffix"), FILES)
def test_convolutions_in_groups(tmp_path: Path, kind: str, suffix: str) -> None:
    k = library(kind)
    layers = k.layers
    x = layers.Input((5, 6, 4), name="x")
    two = layers.Conv2D(6, 3, groups=2, padding="same", activation="relu", name="two")(x)
    deep = layers.Conv2D(8, (2, 3), strides=(2, 1), groups=4, name="deep")(layers.ZeroPadding2D(1)(x))
    four = layers.Conv1D(8, 2, groups=4, use_bias=False, name="four")(layers.Reshape((15, 8))(x))
    model = k.Model(x, [two, deep, four], name="groups")
    on_grid(model)
    graph = assert_equal_to_keras(model, tmp_path / f"m{suffix}", exact("two", "deep", "four"))
    stems = [(node.layer, node.op.stem) for node in graph.nodes]
    assert ("deep", "depthwise_conv2d") in stems
    assert [stem for name, stem in stems if name == "two"].count("conv2d") == 2


def test_a_normalization_behind_groups_is_folded(tmp_path: Path) -> None:
    k = library("keras")
    layers = [
        k.layers.Input((5, 6, 4)),
        k.layers.Conv2D(6, 3, groups=2, name="c"),
        k.layers.BatchNormalization(name="n"),
    ]
    model = k.Sequential(layers, name="net")
    randomize(model, 5)
    types = {"weight": "fixed<24,4,RND_CONV,SAT>", "bias": "fixed<24,4,RND_CONV,SAT>"}
    sections = {"Model": FINE["HLSConfig"]["Model"], "LayerName": {"c": {"Precision": types}}}
    compare(model, tmp_path / "m.keras", settings={"Bitsmith": FINE["Bitsmith"], "HLSConfig": sections}, off=0.6)


@pytest.mark.parametrize(("kind", "suffix"), FILES)
def test_concatenation_on_every_axis(tmp_path: Path, kind: str, suffix: str) -> None:
    k = library(kind)
    layers = k.layers
    x = layers.Input((4, 5, 3), name="x")
    steps = layers.Reshape((20, 3))(x)
    outputs = [layers.Concatenate(axis=axis)([x, layers.ReLU()(x), x]) for axis in (1, 2, 3, -2, -3)]
    outputs += [layers.Concatenate(axis=axis)([steps, layers.Cropping1D((3, 0))(steps)]) for axis in (1, -2)]
    outputs.append(layers.Concatenate(axis=1)([layers.Cropping2D(((1, 0), (0, 0)))(x), x]))
    assert_equal_to_keras(k.Model(x, outputs, name="joined"), tmp_path / f"m{suffix}", exact())


@pytest.mark.parametrize(
    ("kind", "suffix", "states"),
    [
        (*FILES[0], False),
        (*FILES[1], True),
        (*FILES[2], True),
        (*FILES[3], False),
        *(pytest.param(*FILES[n], n in (0, 3), marks=pytest.mark.slow) for n in range(4)),
    ],
)
def test_both_directions_unmerged_and_multiplied(tmp_path: Path, kind: str, suffix: str, states: bool) -> None:
    """hard_sigmoid and relu of small numbers: the float form is Keras's, and the graph's error is the rounding's."""
    k = library(kind)
    layers = k.layers
    x = layers.Input((6, 2), name="x")
    outputs = []
    for mode in (None, "mul"):
        for sequences in (True, False):
            cell = layers.GRU(3, return_sequences=sequences, return_state=states)
            both = layers.Bidirectional(cell, merge_mode=mode, name=f"{mode}_{sequences}".lower())
            found = both(x)
            outputs += list(found) if isinstance(found, (list, tuple)) else [found]
    model = k.Model(x, outputs, name="both")
    randomize(model, 8)
    settings = {
        "HLSConfig": {"Model": {"Precision": "fixed<20,6,RND_CONV,SAT>"}},
        "Bitsmith": {"input": "fixed<6,2>", "table_bits": 16},
    }
    compare(model, tmp_path / f"m{suffix}", settings=settings, off=12)


@pytest.mark.parametrize(("kind", "suffix"), FILES)
def test_layers_at_every_step(tmp_path: Path, kind: str, suffix: str) -> None:
    """On (steps, length, channels): what has a window moves along the length alone."""
    k = library(kind)
    layers, names = k.layers, list[str]()
    x = layers.Input((4, 6, 2), name="x")

    def each(inner: Any, of: Any = x) -> Any:
        names.append(f"t{len(names)}")
        return layers.TimeDistributed(inner, name=names[-1])(of)

    steps = each(layers.Flatten())
    outputs = [
        each(layers.Conv1D(3, 2, padding="same", activation="relu")),
        each(layers.Conv1D(2, 3, strides=2)),
        each(layers.DepthwiseConv1D(2, depth_multiplier=2)),
        each(layers.SeparableConv1D(3, 2)),
        each(layers.MaxPooling1D(2)),
        each(layers.MaxPooling1D(3, strides=1, padding="same")),
        each(layers.UpSampling1D(2)),
        each(layers.ZeroPadding1D((1, 2))),
        each(layers.Conv1D(2, 3), each(layers.ZeroPadding1D(1))),
        each(layers.Cropping1D((1, 2))),
        each(layers.GlobalMaxPooling1D()),
        each(layers.Reshape((3, 4))),
        each(layers.Dense(3, activation="relu"), steps),
        each(layers.Dense(3)),
        each(layers.LeakyReLU(0.25), steps),
        steps,
    ]
    model = k.Model(x, outputs, name="steps")
    on_grid(model)
    assert_equal_to_keras(model, tmp_path / f"m{suffix}", exact(*names))


@pytest.mark.parametrize(("kind", "suffix"), FILES)
def test_means_and_scales_at_every_step(tmp_path: Path, kind: str, suffix: str) -> None:
    k = library(kind)
    layers = k.layers
    x = layers.Input((4, 6, 2), name="x")
    steps = layers.Reshape((4, 12))(x)
    inner = (layers.AveragePooling1D(2), layers.GlobalAveragePooling1D(), layers.BatchNormalization())
    outputs = [layers.TimeDistributed(layer, name=f"t{i}")(x) for i, layer in enumerate(inner)]
    outputs += [layers.TimeDistributed(layers.BatchNormalization(), name="t3")(steps)]
    model = k.Model(x, outputs, name="steps")
    randomize(model, 5)
    types = {"Precision": dict.fromkeys(("scale", "bias"), "fixed<26,4,RND_CONV,SAT>")}
    sections = {"Model": FINE["HLSConfig"]["Model"], "LayerName": {"t2": types, "t3": types}}
    compare(model, tmp_path / f"m{suffix}", settings={"Bitsmith": FINE["Bitsmith"], "HLSConfig": sections}, off=0.6)


@pytest.mark.parametrize(("kind", "suffix"), FILES)
def test_an_embedding(tmp_path: Path, kind: str, suffix: str) -> None:
    """Its input's type is that of the index, with nothing configured, whatever dtype the input has."""
    k = library(kind)
    layers = k.layers
    x = layers.Input((6,), dtype="int32", name="x")
    y = layers.Embedding(11, 3, name="e")(x)
    model = k.Model(x, [y, layers.Dense(2, name="d")(y)], name="table")
    on_grid(model)
    path = tmp_path / f"m{suffix}"
    save(model, path)
    config = exact("e", "d")
    del config["Bitsmith"]
    graph = read_model(path, parse_config(config))
    assert str(graph.inputs[0][1].type) == "ufixed<4,4>"
    x = np.random.default_rng(2).integers(0, 11, (9, 6))
    for got, want in zip(evaluate(graph, x), model(x), strict=True):
        np.testing.assert_array_equal(got.reshape(want.shape), want)
    np.testing.assert_array_equal(evaluate(graph, np.full((1, 6), 15))[0], evaluate(graph, np.full((1, 6), 10))[0])
    np.save(tmp_path / "x.npy", x)
    settings = calibrate(path, tmp_path / "x.npy", 10)
    assert "x" not in settings["HLSConfig"]["LayerName"]
    typed = evaluate(read_model(path, parse_config(settings)), x)
    for got, want in zip(typed, model(x), strict=True):
        assert np.abs(got.reshape(want.shape) - want).max() < 0.02


@pytest.mark.parametrize(("kind", "suffix"), FILES)
def test_layer_normalization(tmp_path: Path, kind: str, suffix: str) -> None:
    """18 bits inside: within a few thousandths of Keras's values, which are up to two roots of the channels."""
    k = library(kind)
    layers = k.layers
    x = layers.Input((4, 6, 5), name="x")
    flat = layers.Flatten()(x)
    outputs = [
        layers.LayerNormalization(name="five")(x),
        layers.LayerNormalization(epsilon=0.5, scale=False, name="shifted")(layers.Reshape((15, 8))(x)),
        layers.LayerNormalization(center=False, scale=False, name="plain")(layers.Reshape((10, 12))(x)),
        layers.LayerNormalization(center=False, name="vector")(flat),
        layers.TimeDistributed(layers.LayerNormalization(), name="steps")(layers.Reshape((24, 5))(x)),
    ]
    model = k.Model(x, outputs, name="normalized")
    randomize(model, 9)
    types = {"Precision": dict.fromkeys(("scale", "bias"), "fixed<18,4,RND_CONV,SAT>")}
    sections = dict.fromkeys(("five", "shifted", "vector", "steps"), types)
    settings = {"HLSConfig": {**FINE["HLSConfig"], "LayerName": sections}, "Bitsmith": FINE["Bitsmith"]}
    compare(model, tmp_path / f"m{suffix}", settings=settings, off=8, noise=2.0**-16)  # Keras: E[x^2] - mean^2


@pytest.mark.parametrize(("kind", "suffix"), FILES)
def test_dense_layers_by_equation(tmp_path: Path, kind: str, suffix: str) -> None:
    k = library(kind)
    layers = k.layers
    x = layers.Input((4, 3, 2), name="x")
    steps, flat = layers.Reshape((12, 2))(x), layers.Flatten()(x)
    outputs = [
        layers.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d", activation="relu", name="one")(steps),
        layers.EinsumDense("...x,xy->...y", output_shape=3, name="any")(x),
        layers.EinsumDense("abc,cde->abde", output_shape=(None, 3, 2), bias_axes="de", name="heads")(steps),
        layers.EinsumDense("abcd,cde->abe", output_shape=(None, 3), bias_axes="e", name="two")(x),
        layers.EinsumDense("ab,bcd->acd", output_shape=(2, 3), bias_axes="c", name="part")(flat),
        layers.EinsumDense("abc,dc->abd", output_shape=(None, 3), bias_axes="d", name="turned")(steps),
        layers.EinsumDense("...xy,wyzx->...zw", output_shape=(4, 3), bias_axes="w", name="mixed")(x),
        layers.EinsumDense("ab,c->abc", output_shape=(24, 2), bias_axes="c", name="outer")(flat),
    ]
    model = k.Model(x, outputs, name="equations")
    on_grid(model)
    names = ("one", "any", "heads", "two", "part", "turned", "mixed", "outer")
    assert_equal_to_keras(model, tmp_path / f"m{suffix}", exact(*names))


@pytest.mark.parametrize(("kind", "suffix"), FILES)
def test_bilinear_pixels(tmp_path: Path, kind: str, suffix: str) -> None:
    """Factors 2 and 4 are exact where nothing is configured; others are rounded once."""
    k = library(kind)
    layers = k.layers

    def between(*size: int) -> Any:
        return layers.UpSampling2D(size, interpolation="bilinear")

    x = layers.Input((3, 4, 2), name="x")
    outputs = [between(*size)(x) for size in ((2, 2), (4, 2), (1, 4), (8, 1), (1, 1))]
    outputs.append(between(2, 2)(layers.Cropping2D(((1, 1), (0, 3)))(x)))
    graph = assert_equal_to_keras(k.Model(x, outputs, name="exact"), tmp_path / f"m{suffix}", exact())
    plan_for(graph, parse_config({}))  # hardware has what it takes
    outputs = [between(*size)(x) for size in ((3, 3), (5, 2), (6, 7), (2, 3))]
    compare(k.Model(x, outputs, name="rounded"), tmp_path / f"n{suffix}")
