"""One decision for each layer: strategy and reuse factor are the same in Verilog, HLS, estimate and report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from configured import Decision, in_estimate, in_hls, in_verilog, merged, project, read

from bitsmith.cli.estimate import text
from bitsmith.gen.resources.estimate import estimate_plan
from bitsmith.gen.rtl.choices import choice, plan_for
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
    (  # hls4ml writes the model's factor to each layer, which therefore takes its nearest
        "image",
        merged(model(Strategy="Resource", ReuseFactor=10**9), layer("conv", ReuseFactor=10**9)),
        {"conv": ("resource", 36)},
    ),
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


# who chose -----------------------------------------------------------------------------------------

PIXELS = {"Bitsmith": {"pixels_per_cycle": 2}}
ORIGINS: list[tuple[str, dict[str, Any], str, dict[str, str]]] = [
    ("image", layer("conv", **RESOURCE3), "conv", {"strategy": "LayerName", "reuse_factor": "LayerName"}),
    ("image", layer("conv", **RESOURCE3), "separable", {"strategy": "planner", "reuse_factor": "planner"}),
    ("image", kind("QConv2D", **RESOURCE3), "conv", {"strategy": "LayerType", "reuse_factor": "LayerType"}),
    (
        "image",
        merged(kind("QConv2D", **RESOURCE3), layer("conv", ReuseFactor=9)),
        "conv",
        {"strategy": "LayerType", "reuse_factor": "LayerName"},
    ),
    ("image", model(Strategy="Resource", ReuseFactor=9), "conv", {"strategy": "Model", "reuse_factor": "Model"}),
    ("image", model(Strategy="Resource", ReuseFactor=1), "conv", {"strategy": "Model", "reuse_factor": "planner"}),
    (
        "image",
        merged(model(Strategy="Resource", ReuseFactor=9), layer("conv", ReuseFactor=9)),
        "conv",
        {"strategy": "Model", "reuse_factor": "Model"},
    ),
    (
        "image",
        merged(model(Strategy="Latency", ReuseFactor=9), ours("resource")),
        "conv",
        {"strategy": "Bitsmith", "reuse_factor": "Model"},
    ),
    (
        "image",
        kind("QSeparableConv2D", Strategy="Resource", PointwiseReuseFactor=2),
        "separable_depthwise",
        {"strategy": "LayerType", "reuse_factor": "planner"},
    ),
    ("image", {}, "conv", {"strategy": "planner", "reuse_factor": "planner", "pixels_per_cycle": "planner"}),
    ("image", PIXELS, "conv", {"strategy": "planner", "pixels_per_cycle": "Bitsmith"}),
    ("gdn", merged(PIXELS, {"Bitsmith": {"interval_cycles": 60}}), "gdn", {"pixels_per_cycle": "planner"}),
    (
        "recurrent",
        kind("GRU", **RESOURCE3, RecurrentReuseFactor=6),
        "gru",
        {"strategy": "LayerType", "reuse_factor": "LayerType"},
    ),
    ("recurrent", layer("gru", **RESOURCE3), "gru_gates", {"strategy": "LayerName", "reuse_factor": "LayerName"}),
    ("recurrent", model(Strategy="Resource", ReuseFactor=3), "gru_gates", {"reuse_factor": "Model"}),
]


@pytest.mark.parametrize(
    ("network", "settings", "name", "expected"), ORIGINS, ids=[f"{name} {given}" for _, given, name, _ in ORIGINS]
)
def test_an_estimate_says_who_chose(
    network: str, settings: dict[str, Any], name: str, expected: dict[str, str], tmp_path: Path
) -> None:
    graph, config = read(network, tmp_path, settings)
    rows = {row["name"]: row for row in estimate_plan(plan_for(graph, config), config)["layers"]}
    assert {key: rows[name]["chosen_by"][key] for key in expected} == expected
    assert list(rows[name]["chosen_by"]) == ["strategy", "reuse_factor", "pixels_per_cycle"]


def test_a_layer_that_shares_nothing_has_only_its_pixels(tmp_path: Path) -> None:
    graph, config = read("normalized", tmp_path, PIXELS)
    rows = estimate_plan(plan_for(graph, config), config)["layers"]
    without = [row["chosen_by"] for row in rows if row["strategy"] == "-"]
    assert without
    assert all(found == {"pixels_per_cycle": "Bitsmith"} for found in without)


def test_the_table_says_it_in_a_column(tmp_path: Path) -> None:
    """One word where one chose all."""
    graph, config = read("image", tmp_path, merged(PIXELS, layer("conv", Strategy="Resource", ReuseFactor=3)))
    lines = text_of(graph, config)
    column = lines[0].index("chosen_by")
    rows = {line.split()[0]: line[column:] for line in lines[1:]}
    assert rows["conv"].startswith("strategy: LayerName, reuse: LayerName, pixels: planner ")
    assert lines[0][column:].split()[:2] == ["chosen_by", "busy_cycles"]
    graph, config = read("image", tmp_path, {})
    assert any(
        line[line.index("planner") :].split()[1].isdigit() for line in text_of(graph, config) if "conv2d" in line
    )


def text_of(graph: Any, config: Any) -> list[str]:
    return text(estimate_plan(plan_for(graph, config), config)).splitlines()
