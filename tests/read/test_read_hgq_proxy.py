"""Proxy models of HGQ 1, against their definition in float64: every quantizer is an ap_fixed type for each element."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from definitions import Real, quantized, windows
from hgq_models import SEED, graph_of
from model_files import input_layer, write_h5
from sim_graphs import random_inputs

from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed, Overflow, Rounding, to_float
from bitsmith.sim.ops.retype import Retype

Weights = dict[str, Real]


def forward(path: Path, x: Real) -> Real:
    """The model of a file, layer by layer."""
    with h5py.File(path) as file:
        for item in json.loads(file.attrs["model_config"])["config"]["layers"]:
            weights: Weights = {}
            group = file["model_weights"].get(item["config"]["name"])
            if group is not None:
                group.visititems(partial(_collect, weights))
            x = _layer(item["class_name"].rpartition(">")[2], item["config"], weights, x)
    return x


def _collect(weights: Weights, name: str, found: Any) -> None:
    if isinstance(found, h5py.Dataset):
        weights[name.split("/")[-1].split(":")[0]] = np.array(found, dtype=np.float64)


def _layer(kind: str, config: dict[str, Any], w: Weights, x: Real) -> Real:
    if kind == "Dense":
        return x @ w["kernel"] + w["bias"]
    if kind == "Conv2D":
        view = windows(x, (3, 3), (1, 1), ((0, 0), (0, 0)))
        return np.einsum("nrcijk,ijko->nrco", view, w["kernel"]) + w["bias"]  # type: ignore[no-any-return]
    if kind == "MaxPooling2D":
        return windows(x, (2, 2), (2, 2), ((0, 0), (0, 0))).max(axis=(3, 4))  # type: ignore[no-any-return]
    if kind in ("Flatten", "Reshape"):
        return x.reshape(len(x), *config.get("target_shape", (-1,)))
    if kind == "Activation":
        assert config["activation"] == "relu"
        return np.maximum(x, 0)
    return x if kind == "InputLayer" else _quantizer(config, w, x)


def _quantizer(config: dict[str, Any], w: Weights, x: Real) -> Real:
    parts = [np.broadcast_to(w[name], (1, *x.shape[1:]))[0] for name in ("keep_negative", "bits", "integers")]
    y = np.zeros_like(x)
    for kind in {tuple(map(int, found)) for found in zip(*(part.ravel() for part in parts))}:
        k, bits, integers = kind
        at = (parts[0] == k) & (parts[1] == bits) & (parts[2] == integers)
        if bits:
            own = Fixed(bool(k), integers - k, bits - integers)
            y[:, at] = quantized(x[:, at], own, Rounding(config["RND"]), Overflow(config["SAT"]))
    return y


def assert_equal(path: Path, frames: int, input_type: str | None) -> None:
    graph = graph_of(path, input_type)
    (x,) = random_inputs(graph, frames, SEED)
    specs = graph.specs()
    expected = forward(path, to_float(x, graph.inputs[0][1].type).reshape(frames, *_input_shape(path)))
    (y,) = Reference(graph).predict_raw(x)
    np.testing.assert_array_equal(to_float(y, specs[graph.outputs[0]].type).reshape(expected.shape), expected)
    assert len(np.unique(expected)) > 20


def _input_shape(path: Path) -> tuple[int, ...]:
    with h5py.File(path) as file:
        config = json.loads(file.attrs["model_config"])["config"]["layers"][0]["config"]
    return tuple(config["batch_input_shape"][1:])


def quantizer(name: str, bits: Any, integers: Any, signs: Any, **changes: Any) -> Any:
    shape = [1, len(bits)]
    config = {"name": name, "RND": "TRN", "SAT": "WRAP", "shape": shape, "overrides": {"layers": {}}, "fusible": False}
    values = {"bits": [bits], "integers": [integers], "keep_negative": [signs]}
    return "FixedPointQuantizer", config | changes, values


def dense(name: str, inputs: int, units: int) -> Any:
    rng = np.random.default_rng(units)
    values = {"kernel": rng.integers(-31, 32, (inputs, units)) / 8, "bias": rng.integers(-31, 32, units) / 16}
    return "Dense", {"name": name, "units": units, "activation": "linear", "use_bias": True}, values


def network(path: Path, **changes: Any) -> Path:
    first = quantizer("first", [6, 8, 0, 5], [3, 4, 2, 5], [1, 0, 1, 0], **changes)
    between = quantizer("between", [7, 0, 9], [5, 0, 8], [0, 0, 0], RND="RND", SAT="SAT")
    relu: Any = ("Activation", {"name": "relu", "activation": "relu"}, {})
    return write_h5(path, [input_layer(4), first, dense("one", 4, 3), relu, between, dense("two", 3, 2)])


@pytest.mark.parametrize("input_type", [None, "fixed<16,8>"])
def test_a_small_network(input_type: str | None, tmp_path: Path) -> None:
    path = network(tmp_path / "m.h5")
    assert_equal(path, 300, input_type)
    assert sum(isinstance(node.op, Retype) for node in graph_of(path).nodes) == 2


@pytest.mark.parametrize("name", ["hgq_jet_classifier", "hgq_mnist_heterogeneous", "hgq_mnist_homogeneous"])
def test_published_models(name: str, example_models: Path) -> None:
    for input_type in (None, "fixed<18,8>"):
        assert_equal(example_models / "keras" / f"{name}.h5", 40, input_type)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fusible": True}, "fusible=True on 'first' is not supported; supported: false, where the types differ"),
        ({"RND": "NEAR"}, "RND=NEAR on 'first' is not supported; supported: TRN"),
        ({"SAT": None}, "SAT=None on 'first' is not supported"),
        ({"later": 1}, "later=1 on 'first' is not understood"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(BitsmithError, match=message):
        graph_of(network(tmp_path / "m.h5", **changes))
