"""Quantizers of QKeras's master against what they computed there (tests/fixtures/qkeras), and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import Layers, input_layer, write_h5
from reading import FloatArray, batch, evaluate, legacy_keras, randomize, save

import bitsmith
from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.calibrate.ranges import calibrate
from bitsmith.gen.convert import read_model
from bitsmith.gen.inspect import inspect
from bitsmith.gen.quantize.activation import activation_operators
from bitsmith.gen.quantize.quantizers import parse_quantizer
from bitsmith.gen.quantize.weights import quantize_weights
from bitsmith.gen.read import read_network_file
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, quantize, to_float
from bitsmith.sim.op import Spec

RECORDED = json.loads((Path(__file__).parents[1] / "fixtures" / "qkeras" / "master.json").read_text())
ARRAYS = {name: np.array(values, dtype=np.float32) for name, values in RECORDED["arrays"].items()}
WEIGHTS = [case for case in RECORDED["cases"] if case["on"] != "grid"]
ACTIVATIONS = [case for case in RECORDED["cases"] if case["on"] == "grid"]


def label(case: dict[str, Any]) -> str:
    return f"{case['class_name']}-{case['on']}-" + ",".join(f"{k}={v}" for k, v in case["config"].items())


def saved(case: dict[str, Any]) -> dict[str, Any]:
    """As master writes it: with a post_training_scale, whatever that is."""
    more = {"post_training_scale": None} if case["class_name"] == "quantized_bits" else {}
    return {"class_name": case["class_name"], "config": more | case["config"]}


def parsed(data: Any) -> Any:
    return parse_quantizer(data, "'x' (kernel_quantizer)")


def refusal(name: str, **config: Any) -> str:
    with pytest.raises(BitsmithError) as error:
        quantize_weights(parsed({"class_name": name, "config": config}), np.full((4, 6), 0.3), "'x': kernel")
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("case", WEIGHTS, ids=label)
def test_every_weight_is_what_master_computes(case: dict[str, Any]) -> None:
    """Bit by bit, behind its straight-through estimator: x + (y - x) in float32."""
    x = ARRAYS[case["on"]]
    grid = quantize_weights(parsed(saved(case)), x.astype(np.float64), "'x': kernel")
    y = (to_float(grid.raw, grid.type) * (1.0 if grid.scale is None else grid.scale)).astype(np.float32)
    np.testing.assert_array_equal(x + (y - x), np.array(case["values"], dtype=np.float32))
    assert np.unique(case["values"]).size > 1


@pytest.mark.parametrize("case", ACTIVATIONS, ids=label)
def test_every_value_is_what_master_computes(case: dict[str, Any]) -> None:
    type = Fixed(True, 2, 5)
    raw, spec = quantize(ARRAYS["grid"], type).reshape(-1, 1), Spec((1,), type)
    for op in activation_operators(parsed(saved(case)), spec, "'x'"):
        raw, spec = op.compute(raw), op.infer(spec)
    np.testing.assert_array_equal(to_float(raw, spec.type).ravel(), case["values"])
    assert np.unique(case["values"]).size > 1


@pytest.mark.parametrize("record", RECORDED["norms"], ids=lambda r: r["config"]["inverse_quantizer"]["class_name"])
def test_an_inverse_quantizer_makes_normalization_exact(record: dict[str, Any], tmp_path: Path) -> None:
    """No type is asked for: scale and offset are on grids of the model's own."""
    layers: Layers = [
        input_layer(3),
        ("QBatchNormalization", record["config"], {k: np.array(v) for k, v in record["weights"].items()}),
    ]
    path, x = write_h5(tmp_path / "m.h5", layers), np.array(record["x"])
    graph = bitsmith.load(path, {"Bitsmith": {"input": "fixed<8,4>"}})
    assert [node.op.stem for node in graph.nodes] == ["batch_norm"]
    np.testing.assert_array_equal(evaluate(graph, x)[0], np.array(record["y"]))
    np.testing.assert_array_equal(run(read_network_file(path), [x])["norm"], np.array(record["y"]))
    np.save(tmp_path / "x.npy", x)
    assert "norm" not in calibrate(path, tmp_path / "x.npy")["HLSConfig"]["LayerName"]


def test_a_file_says_which_qkeras_wrote_it() -> None:
    """0.9.0 keeps the levels of the last but one scale; master rounds again, by the scale that it found."""
    record = RECORDED["many_small"]
    x = np.repeat(record["values"], record["counts"]).reshape(-1, 1)
    first = np.cumsum(record["counts"]) - record["counts"]
    values = []
    for more in ({}, {"post_training_scale": None}):
        q = parsed({"class_name": "quantized_bits", "config": {"bits": 2, "integer": 0, "alpha": "auto_po2", **more}})
        grid = quantize_weights(q, x, "'x'")
        values.append(to_float(grid.raw, grid.type)[first, 0])
    np.testing.assert_array_equal(values[1], record["y"])
    assert not np.array_equal(values[0], values[1])


@pytest.mark.train
def test_the_older_rounding_is_that_of_the_qkeras_that_is_installed() -> None:
    _, q = legacy_keras()
    record = RECORDED["many_small"]
    x = np.repeat(record["values"], record["counts"]).reshape(-1, 1)
    quantizer = q.quantized_bits(2, 0, alpha="auto_po2")
    data = {"class_name": "quantized_bits", "config": quantizer.get_config()}
    grid = quantize_weights(parsed(data), x, "'x'")
    np.testing.assert_array_equal(to_float(grid.raw, grid.type), np.asarray(quantizer(x.astype(np.float32))))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"post_training_scale": 0.5, "alpha": 1},
            "post_training_scale of quantized_bits has a meaning with alpha='auto'",
        ),
        (
            {"min_po2_exponent": -2, "alpha": "auto"},
            "min_po2_exponent of quantized_bits has a meaning with alpha='auto_po2'",
        ),
        ({"elements_per_scale": 2}, "elements_per_scale of quantized_bits has a meaning with alpha='auto_po2' only"),
        ({"elements_per_scale": 2, "alpha": "auto_po2"}, "elements_per_scale=2 of quantized_bits needs a scale_axis"),
        (
            {"elements_per_scale": [2], "scale_axis": 0, "alpha": "auto_po2"},
            "elements_per_scale=(2,) of quantized_bits needs a scale_axis for each",
        ),
        (
            {"elements_per_scale": 2, "scale_axis": [1, 0], "alpha": "auto_po2"},
            "needs a scale_axis for each, in order",
        ),
        ({"elements_per_scale": 5, "scale_axis": 1, "alpha": "auto_po2"}, "does not divide the 6 of axis 1"),
        ({"scale_axis": 2, "alpha": "auto_po2"}, "scale_axis=2 of quantized_bits: the weights have 2 axes"),
        ({"scale_axis": -1, "alpha": "auto_po2"}, "scale_axis=-1 of quantized_bits is not supported"),
        (
            {"scale_axis": 0, "alpha": "auto"},
            "scales along other axes than the last is supported with alpha='auto_po2'",
        ),
        ({"min_po2_exponent": 0.5, "alpha": "auto_po2"}, "min_po2_exponent=0.5 of quantized_bits is not supported"),
        ({"max_po2_exponent": 10**9, "alpha": "auto_po2"}, "max_po2_exponent=1000000000 of"),
        (
            {"post_training_scale": [0.5, 0.5], "alpha": "auto"},
            "post_training_scale has shape (2,), the weights (4, 6)",
        ),
        *(
            ({"post_training_scale": wrong, "alpha": "auto"}, "post_training_scale=")
            for wrong in (0, -1.0, float("nan"), float("inf"), [], [[1], [1, 2]], "x", {"a": 1}, [None])
        ),
    ],
)
def test_scaling_that_makes_no_sense(config: dict[str, Any], message: str) -> None:
    assert message in refusal("quantized_bits", bits=4, **config)


POWERS = [
    "quantized_relu_po2(4)",
    "quantized_relu_po2(4,2)",
    "quantized_relu_po2(3,1)",
    "quantized_relu_po2(4,4,log2_rounding='floor')",
    "quantized_relu_po2(4,quadratic_approximation=True)",
    "quantized_po2(4)",
    "quantized_po2(5,3)",
    "quantized_po2(3,1)",
    "quantized_po2(4,log2_rounding='floor')",
]


@pytest.mark.train
@pytest.mark.parametrize("type", ["fixed<8,3>", "ufixed<8,2>", "fixed<6,8>", "fixed<12,4>"])
@pytest.mark.parametrize("quantizer", POWERS)
def test_every_power_of_two_is_that_of_qkeras(quantizer: str, type: str, tmp_path: Path) -> None:
    k, q = legacy_keras()
    model = k.Sequential([k.layers.Input((1,)), q.QActivation(quantizer, name="powers")])
    save(model, tmp_path / "m.h5")
    graph = read_model(tmp_path / "m.h5", bitsmith_input(type))
    t = Fixed.parse(type)[0]
    x = to_float(np.arange(t.raw_min, t.raw_max + 1).reshape(-1, 1), t)
    wanted = np.asarray(model(x.astype(np.float32)), dtype=np.float64)
    np.testing.assert_array_equal(evaluate(graph, x)[0], wanted)
    np.testing.assert_array_equal(run(read_network_file(tmp_path / "m.h5"), [x])["powers"], wanted)
    assert np.unique(wanted).size > 1


def bitsmith_input(type: str) -> Any:
    from bitsmith.gen.config.schema import parse_config

    return parse_config({"Bitsmith": {"input": type}})


@pytest.mark.parametrize(
    ("quantizer", "message"),
    [
        ("quantized_relu_po2(8)", "powers from 2**-128 to 2**127, more than 63 bits; give it fewer bits"),
        ("quantized_relu_po2(4,negative_slope=0.5)", "negative_slope=0.5 is not supported; supported: 0"),
        ("quantized_relu_po2(2,quadratic_approximation=True)", "for inputs of at most 2 fraction bits"),
        ("quantized_linear(4,alpha=0.3)", "dividing by it is not exact; give a power of two"),
        ("quantized_linear(4,alpha='auto')", "depends on the data; give a number, e.g. alpha=1"),
    ],
)
def test_an_activation_that_cannot_be_exact(quantizer: str, message: str, tmp_path: Path) -> None:
    layers: Layers = [input_layer(3), ("QActivation", {"name": "a", "activation": quantizer}, {})]
    with pytest.raises(BitsmithError, match="'a'") as error:
        read_model(write_h5(tmp_path / "m.h5", layers), bitsmith_input("fixed<8,3>"))
    assert message in str(error.value)


def test_a_table_of_powers_that_would_be_too_long(tmp_path: Path) -> None:
    layers: Layers = [input_layer(3), ("QActivation", {"name": "a", "activation": "quantized_relu_po2(4)"}, {})]
    path = write_h5(tmp_path / "m.h5", layers)
    with pytest.raises(BitsmithError, match="needs 16 address bits; put a quantizer before it"):
        read_model(path, bitsmith_input("fixed<16,6>"))


def normalization(q: Any, **quantizers: Any) -> Any:
    k, _ = legacy_keras()
    bits = q.QActivation("quantized_bits(6,2,alpha=1)", name="bits")
    model = k.Sequential([k.layers.Input((5,)), bits, q.QBatchNormalization(name="norm", **quantizers)])
    randomize(model, 3)
    return model


@pytest.mark.train
@pytest.mark.parametrize(
    "quantizers",
    [
        {},
        {"mean_quantizer": None, "variance_quantizer": None, "gamma_quantizer": "quantized_bits(8,2)"},
        {"gamma_quantizer": None, "variance_quantizer": None},
    ],
    ids=["its own", "bits", "half"],
)
def test_normalization_with_quantizers(quantizers: dict[str, Any], tmp_path: Path) -> None:
    """Its statistics are QKeras's; its scale and offset are no integers, and the types that calibrate proposes do."""
    _, q = legacy_keras()
    model = normalization(q, **quantizers)
    path = tmp_path / "m.h5"
    save(model, path)
    x = np.random.default_rng(1).normal(0, 1, (40, 5))
    np.testing.assert_allclose(
        run(read_network_file(path), [x])["norm"], np.asarray(model(x.astype(np.float32))), atol=1e-6
    )
    reasons = [missing["reason"] for missing in inspect(path)["missing"]]
    assert [r.split("; ")[0] for r in reasons] == [f"'norm': its {role} is no integer" for role in ("scale", "bias")]
    np.save(tmp_path / "x.npy", x)
    config = calibrate(path, tmp_path / "x.npy")
    assert sorted(config["HLSConfig"]["LayerName"]["norm"]["Precision"]) == ["bias", "scale"]
    graph = bitsmith.load(path, config)
    (grid,) = batch(graph, 20)
    wanted: FloatArray = np.asarray(model(grid.astype(np.float32)))
    np.testing.assert_allclose(evaluate(graph, grid)[0], wanted, atol=2e-3)
    assert np.ptp(wanted) > 1


def test_the_file_of_qkeras_v3(example_models: Path) -> None:
    """hls4ml's example of QKeras for Keras 3, with post_training_scale in every quantizer."""
    path = example_models / "keras" / "qkeras-v3_3layer.keras"
    result = {"HLSConfig": {"LayerName": {"softmax": {"Precision": {"result": "ufixed<10,0,RND_CONV,SAT>"}}}}}
    graph = bitsmith.load(path, {"Bitsmith": {"input": "fixed<8,3>"}} | result)
    x = np.random.default_rng(2).normal(0, 1, (64, 16))
    grid = to_float(quantize(x, Fixed.parse("fixed<8,3>")[0]), Fixed.parse("fixed<8,3>")[0])
    floats = run(read_network_file(path), [grid])
    before = floats[read_network_file(path).outputs[0]]
    np.testing.assert_allclose(evaluate(graph, grid)[0], before, atol=4e-3)
    assert np.ptp(before) > 0.1
