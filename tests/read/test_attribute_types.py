"""Every attribute of every layer with values of another type: one line with the file, the layer and the attribute."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layer_configs import CASES, Case, Config, Stored, model
from model_files import entry, functional, item, write_functional
from test_house import ALIASES

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.calibrate.ranges import calibrate
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.convert.fold_batch_norm import fold_batch_norm
from bitsmith.gen.convert.layers import check_network, convert
from bitsmith.gen.ops import CONVERTERS
from bitsmith.gen.read.network import read_network
from bitsmith.sim.errors import BitsmithError

TYPED = parse_config(
    {
        "HLSConfig": {"Model": {"Precision": "fixed<16,6,RND_CONV,SAT>"}},
        "Bitsmith": {"input": "fixed<8,4>", "table_bits": 8},
    }
)
WRONG: tuple[Any, ...] = (["a"], [], {}, {"class_name": ["x"]}, "nonsense", None, -1.5, True, 10**30, float("nan"))
TRAINING = {"trainable", "name", "dtype", "dropout", "rate", "seed", "noise_shape", "stddev", "l1", "l2", "momentum",
            "unroll", "implementation", "unit_forget_bias", "synchronized", "ema_freeze_delay", "kernel_range",
            "use_ste", "use_variables", "var_name", "scale_axis",
            "enable_ebops", "ebops_factor", "beta0", "parallelization_factor", "place", "qnoise_factor", "k0", "b0",
            "i0", "f0", "bc", "br", "ic", "ir", "fc", "fr", "i_decay_speed", "homogeneous_axis",
            "heterogeneous_axis", "shape", "overrides", "kernel_lr_multiplier", "bias_lr_multiplier"}  # fmt: skip
"""Attributes that mean nothing when a model runs, and two that have tests of their own. Of HGQ2's quantizers the bits
stand in variables, whose shape says which axes share them."""


NEGATIVE = ("alpha", "scale", "offset", "mean")
"""Attributes that may be a number below zero, where they are no flags."""


def legal(name: str, value: Any, wrong: Any) -> bool:
    """Whether a value that stands for one of another type is one that the layer takes."""
    if name == "axis":
        return bool(wrong == [] and isinstance(value, list))  # as Keras 3 writes None
    return bool(name in NEGATIVE and wrong == -1.5 and not isinstance(value, bool))


def mutants(
    config: Config, path: tuple[str, ...] = (), values: tuple[Any, ...] = WRONG
) -> Iterator[tuple[tuple[str, ...], Config, Any]]:
    """The configuration with one attribute changed, at any depth, where it had a value of another type."""
    for name, value in config.items():
        if name in TRAINING:
            continue
        for wrong in values:
            if not (wrong is True and value in (False, True)) and (path or not legal(name, value, wrong)):
                yield (*path, name), config | {name: wrong}, wrong
        if isinstance(value, dict):
            for inside, changed, wrong in mutants(value, (*path, name), values):
                yield inside, config | {name: changed}, wrong


def test_every_layer_is_here() -> None:
    assert {name for name in CONVERTERS if not ALIASES.match(name)} <= {case.class_name for case in CASES}


def refusal(data: dict[str, Any], case: Case) -> str:
    """The one line that a model is refused with; empty where it is read."""
    try:
        convert(read_network(data, Stored(case), "m.h5"), TYPED)
    except BitsmithError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.class_name)
def test_a_value_of_another_type_is_refused_by_name(case: Case) -> None:
    assert refusal(model(case, case.config), case) == ""
    for path, config, wrong in mutants(case.config):
        text = refusal(model(case, config), case)
        if not text:
            assert wrong is None or wrong == {}, (path, wrong)
            continue
        assert text.startswith("m.h5: "), (path, wrong, text)
        assert "'tested'" in text, (path, wrong, text)
        named = (*path, "units=None", "minimum=None")  # of an inner configuration without any attribute
        assert any(name in text for name in named), (path, wrong, text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.class_name)
def test_calibrate_refuses_it_too(case: Case) -> None:
    """The float form of a network, which reads the attributes again."""
    x = np.linspace(-1, 1, 2 * int(np.prod(case.shape))).reshape(2, *case.shape)
    for path, config, wrong in mutants(case.config, values=(["a"], "nonsense", None)):
        network = read_network(model(case, config), Stored(case), "m.h5")
        try:
            check_network(network)
            run(fold_batch_norm(network, TYPED), [x])
        except BitsmithError as error:
            assert "'tested'" in str(error), (path, wrong, error)  # noqa: PT017


LIST, TEXT = {"class_name": ["relu"], "config": {}}, "a half"
FOUND: dict[str, tuple[str, Config, str]] = {
    "a class that is a list": ("Activation", {"activation": LIST}, "activation"),
    "the same, fused": ("Dense", {"units": 2, "activation": LIST}, "activation"),
    "the same of a quantizer": ("QDense", {"units": 2, "kernel_quantizer": LIST}, "kernel_quantizer"),
    "a slope that is text": ("ReLU", {"negative_slope": TEXT}, "negative_slope"),
    "a slope beyond float64": ("LeakyReLU", {"alpha": 10**400}, "alpha"),
    "an infinite number of bits": (
        "QActivation",
        {"activation": {"class_name": "quantized_bits", "config": {"bits": float("inf")}}},
        "bits",
    ),
    "a wrapped number that is none": (
        "BatchNormalization",
        {"epsilon": {"class_name": "__numpy__", "config": {}}},
        "epsilon",
    ),
    "a threshold that is text": (
        "QDense",
        {"units": 2, "kernel_quantizer": {"class_name": "ternary", "config": {"threshold": TEXT}}},
        "threshold",
    ),
    "a sequence without end": ("RepeatVector", {"n": 10**12}, "n="),
}


@pytest.mark.parametrize("what", FOUND)
def test_in_a_file(tmp_path: Path, what: str) -> None:
    class_name, config, attribute = FOUND[what]
    layers = [entry("x", 4), item(class_name, "tested", config, [["x", 0, 0, {}]])]
    weights: dict[str, Any] = {"kernel": [[0.5, 0.25]] * 4, "bias": [0, 0]}
    weights |= {name: [1.0] * 4 for name in ("gamma", "beta", "moving_mean", "moving_variance")}
    path = write_functional(
        tmp_path / "m.h5", functional(layers, [["x", 0, 0]], [["tested", 0, 0]]), {"tested": weights}
    )
    np.save(tmp_path / "x.npy", np.ones((2, 4)))
    for step in (lambda: read_model(path, TYPED), lambda: calibrate(path, tmp_path / "x.npy")):
        with pytest.raises(BitsmithError) as error:
            step()
        assert str(error.value).startswith(f"{path}: ")
        assert "'tested'" in str(error.value)
        assert attribute in str(error.value)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*path, key))


STRUCTURE = (*WRONG, 0, [["tested", 0, 0]], [["x", 0, -1]], [["x", 0, 10**30]], [[["x", 0, 0, {"initial_state": 3}]]],
             [{"args": [3], "kwargs": 4}], [{"args": [{"class_name": "__keras_tensor__", "config": 3}], "kwargs": {}}],
             {"args": {}, "kwargs": []})  # fmt: skip


@pytest.mark.parametrize("class_name", ["Flatten", "Bidirectional", "Add"])
def test_a_model_of_another_structure_is_refused(class_name: str) -> None:
    """Every value around the layers: names, classes, calls, inputs, outputs. Nothing but a BitsmithError comes out."""
    case = next(case for case in CASES if case.class_name == class_name)
    whole = model(case, case.config, module="keras.layers", registered_name=None)
    for path in places(whole):
        if len(path) > 5 and path[3] == "config":  # the attributes, which are above
            continue
        for wrong in STRUCTURE:
            changed = copy.deepcopy(whole)
            parent = changed
            for key in path[:-1]:
                parent = parent[key]
            parent[path[-1]] = wrong
            text = refusal(changed, case)
            assert not text or text.startswith("m.h5: "), (path, wrong, text)


def test_structure_that_names_a_layer(tmp_path: Path) -> None:
    layers = [entry("x", 4), item("Flatten", "tested", {}, [["x", 0, 0, {}]])]
    good = json.dumps(functional(layers, [["x", 0, 0]], [["tested", 0, 0]]))
    for n, (old, new, message) in enumerate(
        (
            ('"inbound_nodes": [[["x", 0, 0, {}]]]', '"inbound_nodes": 3', "inbound_nodes=3 of layer 'tested'"),
            (
                '"name": "tested", "config": {"name": "tested"}',
                '"name": "tested", "config": {"name": 7}',
                "(a Flatten): name=7",
            ),
            ('"config": {"name": "tested"}', '"config": 3', "layers[1] of the model (tested) is no layer"),
            ('"output_layers": [["tested", 0, 0]]', '"output_layers": 3', "output_layers"),
            ('"input_layers": [["x", 0, 0]]', '"input_layers": {}', "'x' is not both an input of the model and"),
        )
    ):
        assert old in good
        path = write_functional(tmp_path / f"{n}.h5", json.loads(good.replace(old, new)), {})
        with pytest.raises(BitsmithError) as error:
            read_model(path, TYPED)
        assert message in str(error.value)
