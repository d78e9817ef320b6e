"""Folded batch normalization computes what the two layers did, in float64, and only where it may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.config.schema import Config, parse_config
from bitsmith.gen.convert.fold_batch_norm import fold_batch_norm
from bitsmith.gen.read.network import Layer, Network
from bitsmith.sim.errors import BitsmithError

SHAPES = {
    "Conv2D": ((3, 2, 2, 4), "kernel", (6, 7, 2)),
    "DepthwiseConv2D": ((3, 2, 2, 2), "depthwise_kernel", (6, 7, 2)),
    "Conv1D": ((3, 2, 4), "kernel", (9, 2)),
    "Dense": ((5, 4), "kernel", (5,)),
}


def network(class_name: str = "Conv2D", use_bias: bool = True, **changes: Any) -> tuple[Network, NDArray[np.float64]]:
    rng = np.random.default_rng(4)
    shape, kernel, inputs = SHAPES[class_name]
    channels = 4
    weights = {kernel: rng.normal(size=shape)} | ({"bias": rng.normal(size=channels)} if use_bias else {})
    statistics = {name: rng.normal(size=channels) for name in ("gamma", "beta", "moving_mean")}
    statistics["moving_variance"] = rng.uniform(0.1, 3.0, channels)
    layers = (
        Layer("x", "x", "InputLayer", {"batch_shape": [None, *inputs]}, ()),
        Layer("c", "c", class_name, {"use_bias": use_bias} | changes, ("x",), weights),
        Layer("n", "n", "BatchNormalization", {"epsilon": 0.01, "axis": -1}, ("c",), statistics),
        Layer("r", "r", "ReLU", {}, ("n",)),
    )
    return Network("net", layers, ("x",), ("r",)), rng.normal(size=(3, *inputs))


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("class_name", SHAPES)
def test_folding_changes_no_value(class_name: str, use_bias: bool) -> None:
    before, x = network(class_name, use_bias)
    after = fold_batch_norm(before, Config())
    assert [layer.class_name for layer in after.layers] == ["InputLayer", class_name, "ReLU"]
    assert after.layers[1].folded == "n"
    expected, got = run(before, [x])["r"], run(after, [x])["r"]
    assert expected.std() > 0.1
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13)


def test_by_hand() -> None:
    """kernel 2, bias 1, gamma 3, beta 5, mean 7, variance 4 - epsilon: s = 3/2, kernel 3, bias (1 - 7) s + 5 = -4."""
    norm = {"gamma": 3.0, "beta": 5.0, "moving_mean": 7.0, "moving_variance": 3.75}
    layers = (
        Layer("x", "x", "InputLayer", {}, ()),
        Layer("d", "d", "Dense", {}, ("x",), {"kernel": np.full((1, 1), 2.0), "bias": np.ones(1)}),
        Layer("n", "n", "BatchNormalization", {"epsilon": 0.25}, ("d",), {k: np.full(1, v) for k, v in norm.items()}),
    )
    folded = fold_batch_norm(Network("net", layers, ("x",), ("n",)), Config())
    assert folded.outputs == ("d",)
    assert folded.layers[1].weights["kernel"].item() == 3.0
    assert folded.layers[1].weights["bias"].item() == -4.0


def test_what_is_not_folded() -> None:
    plain, _ = network()
    quantized = tuple(replace(i, class_name=i.class_name.replace("Conv2D", "QConv2D")) for i in plain.layers)
    kept: list[tuple[Network, Config]] = [
        (network(activation="relu")[0], Config()),
        (replace(plain, outputs=("r", "c")), Config()),
        (replace(plain, layers=(*plain.layers, Layer("o", "o", "ReLU", {}, ("c",)))), Config()),
        (plain, parse_config({"HLSConfig": {"LayerName": {"n": {"Precision": {"scale": "fixed<16,4>"}}}}})),
        (replace(plain, layers=quantized), Config()),
    ]
    for before, config in kept:
        assert fold_batch_norm(before, config) == before


def test_only_the_first_of_two_is_folded() -> None:
    before, x = network()
    second = replace(before.layers[2], key="n2", name="n2", inputs=("n",))
    relu = replace(before.layers[3], inputs=("n2",))
    twice = replace(before, layers=(*before.layers[:3], second, relu))
    after = fold_batch_norm(twice, Config())
    assert [layer.key for layer in after.layers] == ["x", "c", "n2", "r"]
    np.testing.assert_allclose(run(after, [x])["r"], run(twice, [x])["r"], rtol=0, atol=1e-12)


def test_bad_statistics() -> None:
    before, _ = network()
    bad = replace(before.layers[2], weights=before.layers[2].weights | {"moving_variance": np.full(4, -1.0)})
    with pytest.raises(BitsmithError, match="'n': a variance plus epsilon is not positive"):
        fold_batch_norm(replace(before, layers=(*before.layers[:2], bad, before.layers[3])), Config())
    odd = replace(before.layers[2], config={"axis": 1})
    with pytest.raises(BitsmithError, match="axis=1 on 'n' is not supported; supported: -1"):
        fold_batch_norm(replace(before, layers=(*before.layers[:2], odd, before.layers[3])), Config())
