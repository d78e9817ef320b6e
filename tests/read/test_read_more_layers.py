"""Layers of Keras's beside those of a plain network: both Keras's, both files, against Keras's own result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reading import batch, evaluate, library, save

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.calibrate.ranges import calibrate
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.read import read_network_file

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore::UserWarning")]
FILES = [("tf_keras", ".h5"), ("tf_keras", ".keras"), ("keras", ".h5"), ("keras", ".keras")]
FINE = {"HLSConfig": {"Model": {"Precision": "fixed<18,6,RND_CONV,SAT>"}}, "Bitsmith": {"input": "fixed<7,4>"}}
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


def compare(model: Any, path: Path, x_steps: int = 7, settings: Any = FINE, off: float = 0.51) -> None:
    """Keras's result within half a step of the result's type, and the float form's within float32."""
    save(model, path)
    graph = read_model(path, parse_config(settings))
    (x,) = batch(graph, 40)
    x = x.reshape(-1, *model.input.shape[1:])
    expected = model(x.astype(np.float32))
    expected = expected if isinstance(expected, (list, tuple)) else [expected]
    network = read_network_file(path)
    floats = run(network, [x])
    for key, got, want in zip(network.outputs, evaluate(graph, x), expected, strict=True):
        exact = np.asarray(want, dtype=np.float64)
        assert np.unique(exact).size > 1, key
        assert np.abs(floats[key] - exact).max() <= 2.0**-18 * max(1.0, np.abs(exact).max()), key
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
