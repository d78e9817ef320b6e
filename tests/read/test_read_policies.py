"""Dtype policies, and variables that nobody understands: what is in the file is read as it is meant, or refused."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from model_files import Layers, input_layer, model_json, write_h5
from numpy.typing import ArrayLike
from reading import library, save

from bitsmith.gen.calibrate.ranges import calibrate
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.inspect import inspect
from bitsmith.sim.errors import BitsmithError

TYPES = parse_config({"HLSConfig": {"Model": {"Precision": "fixed<16,8>"}}})
KERNEL, BIAS = np.linspace(-0.9, 0.8, 6).reshape(3, 2), np.array([0.5, -0.5])


def policy(class_name: str = "DTypePolicy", **config: Any) -> dict[str, Any]:
    return {"module": "keras", "class_name": class_name, "config": config, "registered_name": None}


def quantized(mode: str, class_name: str = "QuantizedDTypePolicy", **more: Any) -> dict[str, Any]:
    return policy(class_name, mode=mode, source_name="float32", **more)


def mapped(default: Any, **entries: Any) -> dict[str, Any]:
    return policy("DTypePolicyMap", default_policy=default, policy_map=entries)


FLOAT, HALF = policy(name="float32"), policy(name="mixed_float16")


def dense(dtype: Any, **variables: ArrayLike) -> Any:
    config = {"name": "dense", "units": 2, "use_bias": True, "dtype": dtype}
    return "Dense", config, {"kernel": KERNEL, "bias": BIAS, **variables}


def refused(path: Path) -> set[str]:
    """The one reason that reading, inspecting and calibrating give."""
    np.save(path.with_suffix(".npy"), np.zeros((4, 3)))
    found = {inspect(path)["problems"][0]["reason"]}
    for attempt in (lambda: read_model(path, TYPES), lambda: calibrate(path, path.with_suffix(".npy"))):
        with pytest.raises(BitsmithError) as error:
            attempt()
        found.add(str(error.value).removeprefix(f"{path}: "))
    return found


@pytest.mark.parametrize(
    ("dtype", "named"),
    [
        (policy("QuantizedDTypePolicy", mode="int8", source_name="mixed_bfloat16"), "int8_from_mixed_bfloat16"),
        (quantized("int4/x", "Int4DTypePolicy"), "int4/x_from_float32"),
        (quantized("int4/0", "Int4DTypePolicy"), "int4/0_from_float32"),
        (quantized("awq/4/128", "AWQDTypePolicy"), "awq/4/128_from_float32"),
        (quantized("float8", "QuantizedFloat8DTypePolicy", amax_history_length=1024), "float8_from_float32"),
        (quantized("gptq/4/128", "GPTQDTypePolicy"), "gptq/4/128_from_float32"),
        (policy("NewDTypePolicy", bits=3), "NewDTypePolicy"),
        ("mixed_float16", "mixed_float16"),
        ("float16", "float16"),
        (HALF, "mixed_float16"),
        (policy("Policy", name="mixed_bfloat16"), "mixed_bfloat16"),
        ({"class_name": "DTypePolicy", "config": {}}, "unknown"),
        (mapped(None, dense=quantized("int8")), "int8_from_float32"),
        (mapped("float32", a=FLOAT, b=HALF), "mixed_float16"),
        (mapped(HALF), "mixed_float16"),
        (mapped("mixed_float16", dense=FLOAT), "mixed_float16"),
        (mapped(None, dense=policy(name=None)), "unknown"),
        (mapped(FLOAT, dense=mapped(None, x=quantized("int8"))), "int8_from_float32"),
        (policy("DTypePolicyMap", policy_map=[1]), "[1]"),
        (8, "8"),
    ],
)
def test_policies_that_change_weights(tmp_path: Path, dtype: Any, named: str) -> None:
    (reason,) = refused(write_h5(tmp_path / "m.h5", [input_layer(3), dense(dtype)]))
    assert reason.startswith(f"dtype={named} on 'dense'")
    assert ("before model.quantize" in reason) == ("_from_" in named or named.endswith("Policy"))
    assert ("dtype='float32'" in reason) != ("before model.quantize" in reason)


@pytest.mark.parametrize(
    "dtype", [None, "float32", "float64", FLOAT, policy("Policy", name="float64"), mapped(None), mapped(FLOAT, d=FLOAT)]
)
def test_policies_that_leave_weights_as_they_are(tmp_path: Path, dtype: Any) -> None:
    path = write_h5(tmp_path / "m.h5", [input_layer(3), dense(dtype)])
    (node,) = read_model(path, TYPES).nodes[:1]
    np.testing.assert_array_equal(node.op.bias, [128, -128])  # type: ignore[attr-defined]


def inside(class_name: str, dtype: Any, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": "inner", "units": 2, "dtype": dtype, **config}}


@pytest.mark.parametrize(
    ("class_name", "config"),
    [
        ("TimeDistributed", {"layer": inside("Dense", quantized("int8"))}),
        ("TimeDistributed", {"layer": inside("Dense", quantized("int4/128", "Int4DTypePolicy"))}),
        ("Bidirectional", {"layer": inside("GRU", HALF)}),
        ("Bidirectional", {"layer": inside("GRU", FLOAT), "backward_layer": inside("GRU", mapped(None, x=HALF))}),
        ("RNN", {"cell": inside("GRUCell", quantized("int8"))}),
        ("GRU", {"units": 2, "cell": inside("GRUCell", quantized("int8"))}),
    ],
)
def test_layers_inside_of_layers(tmp_path: Path, class_name: str, config: dict[str, Any]) -> None:
    layers: Layers = [input_layer(4, 3), (class_name, {"name": "outer", "dtype": FLOAT, **config}, {})]
    reasons = [p["reason"] for p in inspect(write_h5(tmp_path / "m.h5", layers))["problems"]]
    if class_name == "RNN":
        assert reasons[0].startswith("'outer' is a RNN, which is not supported")
    else:
        assert "on 'outer' (its 'inner')" in reasons[0]
        assert ("Keras itself leaves the scales out" in reasons[0]) == (class_name == "TimeDistributed")


def test_a_nested_model_and_one_layer_of_many(tmp_path: Path) -> None:
    second: Any = ("Dense", {**dense(FLOAT)[1], "name": "second", "quantization_config": {"class_name": "Int8"}}, {})
    nested = json.loads(model_json([input_layer(3), dense(quantized("float8")), second], "inner"))
    path = write_h5(tmp_path / "m.h5", [input_layer(3), (nested["class_name"], nested["config"], {})])
    reasons = [p["reason"] for p in inspect(path)["problems"]]
    assert [reason.split(" is not")[0] for reason in reasons] == [
        "dtype=float8_from_float32 on 'dense'",
        "quantization_config=Int8 on 'second'",
    ]


def keras_file(path: Path, layers: Layers, groups: dict[str, list[Any]]) -> Path:
    """A ``.keras`` file with numbered variables in the groups below ``layers/``."""
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        for group, values in groups.items():
            for i, value in enumerate(values):
                file.create_dataset(f"layers/{group}/vars/{i}", data=np.asarray(value, dtype=np.float32))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", model_json(layers))
        archive.writestr("model.weights.h5", held.getvalue())
    return path


def test_variables_that_nobody_understands(tmp_path: Path) -> None:
    (reason,) = refused(write_h5(tmp_path / "m.h5", [input_layer(3), dense(FLOAT, kernel_scale=BIAS)]))
    assert reason.startswith("'dense' (Dense) has variables that are not understood: kernel_scale; save the model")
    float_dense = dense(FLOAT)
    for name, groups in {
        "2": {"dense": [KERNEL, BIAS, BIAS]},
        "lora/0": {"dense": [KERNEL, BIAS], "dense/lora": [KERNEL]},
    }.items():
        (reason,) = refused(keras_file(tmp_path / "m.keras", [input_layer(3), float_dense], groups))
        assert reason.startswith(f"'dense' (Dense) has variables that are not understood: {name};")
    good = {"dense": [KERNEL, BIAS], "dense/seed_generator": [BIAS]}  # what only training draws from
    read_model(keras_file(tmp_path / "m.keras", [input_layer(3), float_dense], good), TYPES)


def test_variables_of_a_layer_that_a_normalization_is_folded_into(tmp_path: Path) -> None:
    norm: Any = ("BatchNormalization", {"name": "norm", "axis": [1], "center": False, "scale": False}, {
        "moving_mean": BIAS, "moving_variance": BIAS**2,
    })  # fmt: skip
    (reason,) = refused(write_h5(tmp_path / "m.h5", [input_layer(3), dense(FLOAT, kernel_scale=BIAS), norm]))
    assert reason.startswith("'dense' (Dense) has variables")
    norm[2]["renorm_mean"] = BIAS
    (reason,) = refused(write_h5(tmp_path / "m.h5", [input_layer(3), dense(FLOAT), norm]))
    assert reason.startswith("'norm' (BatchNormalization) has variables that are not understood: renorm_mean;")


@pytest.mark.train
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_keras_s_own_quantized_models(tmp_path: Path) -> None:
    """float8 of a whole model, int8 and int4 inside of TimeDistributed, from memory and from both kinds of files."""
    k = library("keras")
    for mode in ("int8", "int4", "float8"):
        first, second = k.layers.Dense(4, name="first"), k.layers.Dense(2, name="in")
        layers = [first, k.layers.TimeDistributed(second, name="second")]
        model = k.Sequential([k.layers.Input((5, 4), name="pixels"), *layers])
        model.quantize(mode)
        where = "on 'first'" if mode == "float8" else "on 'second' (its 'in')"
        with pytest.raises(BitsmithError, match=f": dtype={mode}.*_from_float32 ") as error:
            read_model(model, TYPES)
        assert where in str(error.value)
        for suffix in (".h5", ".keras"):
            save(model, tmp_path / f"m{suffix}")
            assert where in inspect(tmp_path / f"m{suffix}")["problems"][0]["reason"]
