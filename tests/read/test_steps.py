"""Functions of two and three values and binary layers: every value against QKeras, or the definition written out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import input_layer, write_h5
from reading import FloatArray, assert_equal_to_keras, evaluate, legacy_keras, randomize

import bitsmith
from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.calibrate.ranges import calibrate
from bitsmith.gen.quantize.steps import STEPS, signed_weights, step_operators
from bitsmith.gen.read import read_network_file
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, to_float
from bitsmith.sim.op import Spec

TYPES = [
    Fixed(True, 2, 3),
    Fixed(True, 0, 0),
    Fixed(False, 3, 2),
    Fixed(True, 5, -2),
    Fixed(True, -2, 6),
    Fixed(False, 1, 0),
]


def every_value(type: Fixed) -> Any:
    return np.arange(type.raw_min, type.raw_max + 1, dtype=np.int64).reshape(-1, 1)


def values(name: str, type: Fixed) -> FloatArray:
    raw, spec = every_value(type), Spec((1,), type)
    for op in step_operators(name, spec):
        raw, spec = op.compute(raw), op.infer(spec)
    assert spec.type.width <= 2
    return to_float(raw, spec.type)


@pytest.mark.train
@pytest.mark.parametrize("type", TYPES, ids=str)
@pytest.mark.parametrize("name", ["binary_sigmoid", "binary_tanh"])
def test_every_value_is_that_of_qkeras(name: str, type: Fixed) -> None:
    _, q = legacy_keras()
    x = to_float(every_value(type), type).astype(np.float32)
    np.testing.assert_array_equal(values(name, type), np.asarray(getattr(q, name)(x)))


@pytest.mark.parametrize("type", TYPES, ids=str)
def test_every_value_of_ternary_tanh(type: Fixed) -> None:
    x = to_float(every_value(type), type)
    wanted = np.array([[1.0 if v > 0.5 else -1.0 if v <= -0.5 else 0.0] for v in x.ravel()])
    np.testing.assert_array_equal(values("ternary_tanh", type), wanted)


@pytest.mark.train
@pytest.mark.parametrize("name", ["binary_sigmoid", "binary_tanh", "smooth_sigmoid", "smooth_tanh", "hard_tanh"])
def test_a_model_that_is_one_activation(name: str, tmp_path: Path) -> None:
    """Nothing but QActivation: its node is input's reader and the output."""
    k, q = legacy_keras()
    model = k.Sequential([k.layers.Input((6,)), q.QActivation(name, name="only")])
    assert_equal_to_keras(model, tmp_path / "m.h5", {"Bitsmith": {"input": "fixed<7,3>"}}, count=20)


@pytest.mark.train
@pytest.mark.parametrize(
    "quantizer", ["quantized_bits(4,1,alpha=1)", "quantized_relu(3,1)", "binary(alpha=1)", "quantized_tanh(4)"]
)
@pytest.mark.parametrize("end", ["h5", "keras"])
def test_a_model_that_is_one_quantizer(quantizer: str, end: str, tmp_path: Path) -> None:
    k, q = legacy_keras()
    model = k.Sequential([k.layers.Input((6,)), q.QActivation(quantizer, name="only")])
    assert_equal_to_keras(model, tmp_path / f"m.{end}", {"Bitsmith": {"input": "fixed<7,3>"}}, count=20)


@pytest.mark.train
@pytest.mark.parametrize("name", ["binary_tanh", "binary_sigmoid"])
def test_steps_inside_of_a_network(name: str, tmp_path: Path) -> None:
    """As a layer, and as the activation of another."""
    k, q = legacy_keras()
    bits = "quantized_bits(4,0,alpha=1)"
    model = k.Sequential(
        [
            k.layers.Input((5,)),
            q.QActivation("quantized_bits(6,1,alpha=1)"),
            q.QDense(4, kernel_quantizer=bits, bias_quantizer=bits, activation=name, name="first"),
            q.QDense(3, kernel_quantizer=bits, bias_quantizer=bits, name="second"),
            q.QActivation(name, name="last"),
        ]
    )
    randomize(model, 4)
    assert_equal_to_keras(model, tmp_path / "m.h5", count=30)


def signed_layer(class_name: str, **config: Any) -> Any:
    rng = np.random.default_rng(2)
    kernel = np.append(rng.uniform(-1, 1, 13), [0.0, 0.5, -0.5, 1e-9, -1e-9]).reshape(6, 3)
    more = {"kernel_lr_multiplier": 2.0, "bias_lr_multiplier": None, "use_bias": True}
    layer = {"name": "signed", "units": 3, "activation": "linear"} | more | config
    bias = {"bias": np.array([0.25, -0.5, 0.0])} if layer["use_bias"] else {}
    return class_name, layer, {"kernel": kernel} | bias


DEFINED = {
    "BinaryDense": lambda w: 2 * np.rint(np.clip(np.float32(0.5) * w + np.float32(0.5), 0, 1)) - 1,
    "TernaryDense": lambda w: np.where(w > 0.5, 1, np.where(w <= -0.5, -1, 0)),
}


@pytest.mark.parametrize("h", [1, 0.5, 0.7])
@pytest.mark.parametrize("class_name", DEFINED)
def test_a_signed_layer(class_name: str, h: float, tmp_path: Path) -> None:
    """Kernels at and around every threshold; H is a shift where it is a power of two, else a scale behind the sums."""
    layer = signed_layer(class_name, H=h)
    path = write_h5(tmp_path / "m.h5", [input_layer(6), layer])
    config = {"Bitsmith": {"input": "fixed<8,3>"}}
    types = {"HLSConfig": {"LayerName": {"signed": {"Precision": {"bias": "fixed<4,1>"}}}}}
    graph = bitsmith.load(path, config | types)
    h32 = np.float32(h)
    kernel = np.float64(h32) * DEFINED[class_name](np.float32(layer[2]["kernel"]) / h32)  # type: ignore[no-untyped-call]
    x = to_float(np.random.default_rng(3).integers(-128, 128, (40, 6)), Fixed.parse("fixed<8,3>")[0])
    wanted = x @ kernel + layer[2]["bias"]
    np.testing.assert_allclose(evaluate(graph, x)[0], wanted, rtol=0 if h != 0.7 else 1e-12)
    np.testing.assert_allclose(run(read_network_file(path), [x])["signed"], wanted, rtol=1e-12)
    assert len(graph.nodes) == (2 if h == 0.7 else 1)


def test_tiny_weights_are_judged_in_the_precision_of_the_layer() -> None:
    """1e-9 / 2 + 1/2 is 1/2 in float32, which is rounded to even: -1; in float64 it is above."""
    w = np.array([[1e-9, -1e-9, 0.0, 1e-3]])
    assert signed_weights(True, w, 1.0, "float32", "'x'").raw.tolist() == [[-1, -1, -1, 1]]
    assert signed_weights(True, w, 1.0, "float64", "'x'").raw.tolist() == [[1, -1, -1, 1]]


@pytest.mark.parametrize("h", ["Glorot", 0, -1, None, [1], float("nan")])
def test_an_h_that_is_no_positive_number(h: Any, tmp_path: Path) -> None:
    path = write_h5(tmp_path / "m.h5", [input_layer(6), signed_layer("BinaryDense", H=h)])
    with pytest.raises(BitsmithError, match=r"H=.*'signed'|'signed'.*H="):
        bitsmith.load(path, {"Bitsmith": {"input": "fixed<8,3>"}})


def test_calibrate_leaves_types_that_follow_from_the_model(tmp_path: Path) -> None:
    """Of sums of signs, and of functions with two or three values: 1 must not saturate to 127/128."""
    layers = [input_layer(6), signed_layer("BinaryDense", use_bias=False)]
    layers += [("Activation", {"name": step, "activation": step}, {}) for step in STEPS]
    layers += [
        (
            "Dense",
            {"name": "last", "units": 2, "activation": "binary_tanh", "use_bias": False},
            {"kernel": np.eye(3)[:, :2]},
        )
    ]
    path = write_h5(tmp_path / "m.h5", layers)
    np.save(tmp_path / "x.npy", np.random.default_rng(1).normal(0, 1, (50, 6)))
    config = calibrate(path, tmp_path / "x.npy")
    names = config["HLSConfig"]["LayerName"]
    assert {name: sorted(entry["Precision"]) for name, entry in names.items()} == {
        "pixels": ["result"],
        "last": ["weight"],
    }
    got = evaluate(bitsmith.load(path, config), np.load(tmp_path / "x.npy"))[0]
    assert np.unique(got).tolist() == [-1, 1]


def test_a_section_of_its_own_is_obeyed(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "m.h5", [input_layer(6), ("Activation", {"name": "a", "activation": "binary_tanh"}, {})])
    section = {"HLSConfig": {"LayerName": {"a": {"Precision": {"result": "fixed<6,3>"}}}}}
    graph = bitsmith.load(path, {"Bitsmith": {"input": "fixed<8,3>"}} | section)
    assert str(graph.specs()[graph.outputs[0]].type) == "fixed<6,3>"
