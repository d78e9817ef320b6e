"""The tests do what an error message tells a user to do, and then the command works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import dense, input_layer, quantize, write_h5

from bitsmith.gen.calibrate.ranges import calibrate
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, Overflow, Rounding, to_float
from bitsmith.sim.graph import Graph

RESULT = {"HLSConfig": {"LayerName": {"act": {"Precision": {"result": "fixed<9,1,RND_CONV,SAT>"}}}}}


def act(name: str = "act", **config: Any) -> Any:
    return "Activation", {"name": name, **config}, {}


def behind(quantizer: str, name: str = "behind") -> Any:
    return "QActivation", {"name": name, "activation": quantizer}, {}


def norm(count: int = 2) -> Any:
    values = {"gamma": 1.3, "beta": -0.1, "moving_mean": 0.07, "moving_variance": 0.9}
    return "BatchNormalization", {"name": "norm", "axis": [1]}, {n: np.full(count, v) for n, v in values.items()}


def read(tmp_path: Path, *layers: Any, config: dict[str, Any] | None = None) -> Graph:
    path = write_h5(tmp_path / "m.h5", [input_layer(3), quantize(), dense(), *layers])
    return read_model(path, parse_config(config or {}))


@pytest.mark.parametrize("function", ["softmax", "sigmoid"])
@pytest.mark.parametrize(
    ("quantizer", "type"),
    [
        ("quantized_bits(8,0,alpha=1)", Fixed(True, 0, 7)),
        ("quantized_bits(8,0,1,alpha=1)", Fixed(True, 0, 7)),
        ("quantized_relu(6)", Fixed(False, 0, 6)),
    ],
)
def test_a_quantizer_behind_gives_the_type(tmp_path: Path, function: str, quantizer: str, type: Fixed) -> None:
    """Its one rounding is the quantizer's, in a layer of its own and inside another."""
    with pytest.raises(BitsmithError, match=r"give HLSConfig.LayerName.act.Precision.result or put quantized_bits"):
        read(tmp_path, act(activation=function))
    assert read(tmp_path, act(activation=function), config=RESULT).specs()["act"].type == Fixed(True, 0, 8)
    graph = read(tmp_path, act(activation=function), behind(quantizer))
    (node,) = [node for node in graph.nodes if node.name == "act"]
    assert node.op.output_type == type  # type: ignore[attr-defined]
    assert node.op.rounding is Rounding.RND_CONV  # type: ignore[attr-defined]
    assert node.op.overflow is (Overflow.SAT_SYM if ",0,1" in quantizer else Overflow.SAT)  # type: ignore[attr-defined]
    path = write_h5(tmp_path / "f.h5", [input_layer(3), quantize(), dense(activation=function), behind(quantizer)])
    assert set(read_model(path).specs()[f"dense_{function}"].__dict__.values()) >= {type}


@pytest.mark.parametrize("quantizers", [["binary(alpha=1)"], ["quantized_relu(6)", "quantized_relu(5)"]])
def test_quantizers_behind_that_give_no_type(tmp_path: Path, quantizers: list[str]) -> None:
    layers = [input_layer(3), quantize(), dense(), act(activation="softmax")]
    if len(quantizers) == 1:
        layers.append(behind(quantizers[0]))
    path = write_h5(tmp_path / "m.h5", layers)
    with pytest.raises(BitsmithError, match="needs a type for its result"):
        read_model(path)


WIDE = {"norm": {"Precision": {"scale": "fixed<58,14>", "bias": "fixed<58,14>"}}}


@pytest.mark.parametrize("quantizer", ["binary(alpha=1)", "ternary(alpha=1)", "ternary(alpha=0.75)"])
def test_signs_behind_a_wide_normalization(tmp_path: Path, quantizer: str) -> None:
    """Every combination of inputs, against the definition on the normalization's exact values."""
    graph = read(tmp_path, norm(), behind(quantizer), config={"HLSConfig": {"LayerName": WIDE}})
    raw = np.stack(np.meshgrid(*[np.arange(0, 16, 3)] * 3), axis=-1).reshape(-1, 3)
    values, specs = {graph.inputs[0][0]: raw}, graph.specs()
    for node in graph.nodes:
        values[node.name] = node.op.compute(*(values[name] for name in node.inputs))
    x = to_float(values["norm"], specs["norm"].type)
    assert specs["norm"].type.width > 48
    y = to_float(values[graph.outputs[0]], specs[graph.outputs[0]].type)
    sign = np.where(x < 0, -1.0, 1.0)
    wanted = sign if "binary" in quantizer else np.sign(x) * (np.abs(x) >= np.float32(0.33))
    np.testing.assert_array_equal(y, wanted * (0.75 if "0.75" in quantizer else 1))
    assert len(np.unique(y)) == (2 if "binary" in quantizer else 3)


@pytest.mark.parametrize("function", ["hard_sigmoid", "leaky_relu"])
def test_values_that_are_too_wide(tmp_path: Path, function: str) -> None:
    layers = norm(), act(activation=function)
    with pytest.raises(BitsmithError) as error:
        read(tmp_path, *layers, config={"HLSConfig": {"LayerName": WIDE}})
    assert "'act': fixed<" in str(error.value)
    assert "Precision.result for the layer in front" in str(error.value)
    front = {"norm": {"Precision": WIDE["norm"]["Precision"] | {"result": "fixed<24,8>"}}}
    read(tmp_path, *layers, config={"HLSConfig": {"LayerName": front}})
    read(tmp_path, norm(), behind("quantized_bits(12,4,alpha=1)"), layers[1], config={"HLSConfig": {"LayerName": WIDE}})


@pytest.mark.parametrize(
    "quantizer", ["binary(alpha=1)", "ternary(alpha=1)", "quantized_tanh(5)", "quantized_sigmoid(5)"]
)
def test_calibrate_gives_a_normalization_its_types_in_a_quantized_model(tmp_path: Path, quantizer: str) -> None:
    """A vector's axis is [1] in a file of Keras 2; the quantizers behind do more than round."""
    with pytest.raises(BitsmithError, match=r"scale is no integer.*\(bitsmith calibrate proposes"):
        read(tmp_path, norm(), behind(quantizer))
    np.save(tmp_path / "x.npy", np.random.default_rng(3).random((20, 3)))
    config = calibrate(tmp_path / "m.h5", tmp_path / "x.npy", 8)
    assert set(config["HLSConfig"]["LayerName"]["norm"]["Precision"]) == {"scale", "bias", "result"}
    read(tmp_path, norm(), behind(quantizer), config=config)
