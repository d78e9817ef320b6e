"""One decision for each layer: strategy and reuse factor are the same in Verilog, HLS, estimate and report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from configured import Decision, in_estimate, in_hls, in_verilog, merged, project, read

from bitsmith.gen.rtl.choices import choice
from bitsmith.sim.errors import BitsmithError

RESOURCE3 = {"Strategy": "Resource", "ReuseFactor": 3}
RESOURCE12 = {"Strategy": "Resource", "ReuseFactor": 12}


def layer(name: str, **keys: Any) -> dict[str, Any]:
    return {"HLSConfig": {"LayerName": {name: keys}}}


def kind(name: str, **keys: Any) -> dict[str, Any]:
    return {"HLSConfig": {"LayerType": {name: keys}}}


def model(**keys: Any) -> dict[str, Any]:
    return {"HLSConfig": {"Model": keys}}


def ours(strategy: str) -> dict[str, Any]:
    return {"Bitsmith": {"strategy": strategy}}


# Without a factor of its own, dense takes the largest that its six beats allow.
CASES: list[tuple[str, dict[str, Any], dict[str, Decision]]] = [
    ("image", layer("conv", **RESOURCE3), {"conv": ("resource", 3), "separable": ("latency", 1)}),
    ("image", kind("QConv2D", **RESOURCE3), {"conv": ("resource", 3), "separable": ("latency", 1)}),
    (
        "image",
        kind("QSeparableConv2D", Strategy="Resource", PointwiseReuseFactor=2),
        {"separable": ("resource", 2), "conv": ("latency", 1)},
    ),
    ("image", model(Strategy="Resource", ReuseFactor=9), {"conv": ("resource", 9), "separable": ("resource", 8)}),
    ("image", model(Strategy="Resource", ReuseFactor=10**9), {"conv": ("resource", 36), "dense": ("resource", 192)}),
    ("vector", ours("resource"), {"dense": ("resource", 6)}),
    ("vector", merged(model(Strategy="Latency"), ours("resource")), {"dense": ("resource", 6)}),
    ("vector", merged(model(Strategy="Resource"), ours("latency")), {"dense": ("latency", 6)}),
    ("vector", merged(kind("QDense", Strategy="Latency"), ours("resource")), {"dense": ("latency", 6)}),
    ("vector", merged(kind("QDense", **RESOURCE12), layer("dense", ReuseFactor=6)), {"dense": ("resource", 6)}),
    ("vector", merged(kind("QDense", Strategy="Latency"), layer("dense", **RESOURCE12)), {"dense": ("resource", 12)}),
    ("vector", merged(model(ReuseFactor=6), kind("QDense", **RESOURCE12)), {"dense": ("resource", 12)}),
    ("vector", merged(model(ReuseFactor=1), layer("dense", Strategy="Resource")), {"dense": ("resource", 6)}),
    ("image", layer("conv", Strategy="Resource", ReuseFactor=1), {"conv": ("resource", 1)}),
    (
        "recurrent",
        kind("GRU", Strategy="Resource", ReuseFactor=6),
        {"gru": ("resource", 6), "gru_gates": ("resource", 6)},
    ),
    (
        "recurrent",
        kind("GRU", **RESOURCE3, RecurrentReuseFactor=6),
        {"gru": ("resource", 6), "gru_gates": ("resource", 3)},
    ),
    (
        "recurrent",
        merged(layer("gru", Strategy="Resource", RecurrentReuseFactor=8), layer("gru_gates", **RESOURCE3)),
        {"gru": ("resource", 8), "gru_gates": ("resource", 3)},
    ),
]


@pytest.mark.parametrize(("network", "settings", "expected"), CASES, ids=[str(settings) for _, settings, _ in CASES])
def test_every_level_has_the_same_pair(
    network: str, settings: dict[str, Any], expected: dict[str, Decision], tmp_path: Path
) -> None:
    graph, config = read(network, tmp_path, settings)
    verilog = in_verilog(graph, config)
    assert {name: verilog[name] for name in expected} == expected
    assert in_estimate(graph, config) == verilog
    hls = in_hls(project(graph, config, tmp_path))
    for name, (strategy, reuse) in verilog.items():
        assert hls[name] == (hls[name][0] and strategy, reuse), name
    for name in set(hls) - set(verilog):
        assert hls[name][1] == 1, f"{name} shares nothing"


def test_each_part_of_a_separable_layer_has_its_factor(tmp_path: Path) -> None:
    keys = {"Strategy": "Resource", "ReuseFactor": 1, "DepthwiseReuseFactor": 3, "PointwiseReuseFactor": 2}
    graph, config = read("image", tmp_path, layer("separable", **keys))
    verilog = in_verilog(graph, config)
    assert (verilog["separable_depthwise"], verilog["separable"]) == (("resource", 3), ("resource", 2))
    hls = in_hls(project(graph, config, tmp_path))
    assert (hls["separable_depthwise"][1], hls["separable"][1]) == (3, 2)


def test_distributed_arithmetic_is_latency_with_the_same_factor_in_hls(tmp_path: Path) -> None:
    graph, config = read("image", tmp_path, layer("conv", Strategy="distributed_arithmetic", ReuseFactor=2))
    assert in_verilog(graph, config)["conv"] == ("distributed_arithmetic", 2)
    assert in_hls(project(graph, config, tmp_path))["conv"] == ("latency", 2)


def test_hls4ml_takes_its_nearest_where_it_cannot_have_the_factor(tmp_path: Path) -> None:
    """A window of 9 and 4 outputs: hls4ml's Resource has 1, 3, 9, 18 and 36 of the divisors of 36."""
    graph, config = read("image", tmp_path, layer("conv", Strategy="Resource", ReuseFactor=4))
    assert in_verilog(graph, config)["conv"] == ("resource", 4)
    assert in_hls(project(graph, config, tmp_path))["conv"] == ("resource", 3)


def test_a_type_is_the_models_own_class(tmp_path: Path) -> None:
    """A QConv2D is no Conv2D, although the same operator: the name is refused, with the right one."""
    with pytest.raises(BitsmithError, match="no layer of type 'Conv2D'; did you mean 'QConv2D'"):
        read("image", tmp_path, kind("Conv2D", **RESOURCE3))


def test_a_node_goes_by_its_layers_class_whatever_the_operator(tmp_path: Path) -> None:
    """The projection in a GRU is a convolution inside."""
    graph, config = read("recurrent", tmp_path, kind("GRU", Strategy="Resource"))
    assert {node.class_name for node in graph.nodes} == {"GRU"}
    assert {choice(graph, config, node).strategy for node in graph.nodes} == {"resource"}
