"""A bench that cannot fail is a defect: one flipped weight bit in what was emitted must be found and named.

Whether it is found, of faults of every kind and in every strategy, is what ``make mutate`` asks.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitsmith.gen.build import build
from bitsmith.gen.files.graph_file import save_graph
from bitsmith.gen.verify import verify
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.argmax import Argmax
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.max_pool2d import MaxPool2D

Need = Callable[..., None]
PIXEL, WEIGHT = Fixed(False, 0, 8), Fixed(True, 0, 5)
MORE = [pytest.param(name, marks=pytest.mark.slow) for name in ("resource", "distributed_arithmetic")]
STRATEGIES = pytest.mark.parametrize("strategy", ["latency", *MORE])
RESULT = Fixed(False, 4, 8)  # so wide and so fine that nothing hides a flipped bit


def network() -> Graph:
    """Two convolutions, ReLU and pooling between them; the exact accumulator comes out.

    The first one's weights are not negative, so that ReLU hides none.
    """
    rng = np.random.default_rng(7)

    def conv(type_: Fixed, least: int, *shape: int) -> Conv2D:
        weights = rng.integers(least, 32, shape)
        return Conv2D(type_, weights, WEIGHT, rng.integers(1, 32, shape[3:]), WEIGHT)

    image = Spec((9, 8, 1), PIXEL)
    nodes: list[Node] = []

    def add(name: str, op: Operator, before: str, spec: Spec) -> Spec:
        nodes.append(Node(name, op, (before,), name))
        return op.infer(spec)

    wide = add("conv1", conv(PIXEL, 0, 3, 3, 1, 2), "image", image)
    small = add("relu1", Activation(wide.type, Kind.RELU, RESULT), "conv1", wide)
    pooled = add("pool1", MaxPool2D(RESULT, (2, 2), (2, 2)), "relu1", small)
    add("conv2", conv(RESULT, -32, 2, 2, 2, 3), "pool1", pooled)
    return Graph("mutant", (("image", image),), tuple(nodes), ("conv2",), {"conv2": "Second Convolution"})


def configuration(strategy: str) -> dict[str, Any]:
    """Both convolutions by one strategy; ``resource`` shares each multiplier among all places of the window."""
    reuse = {"conv1": 9, "conv2": 8}
    layers = {
        name: {"Strategy": strategy, "ReuseFactor": k if strategy == "resource" else 1} for name, k in reuse.items()
    }
    return {"HLSConfig": {"LayerName": layers}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One unchanged build for each strategy."""
    folders = {}
    for strategy in ("latency", "resource", "distributed_arithmetic"):
        folders[strategy] = tmp_path_factory.mktemp(strategy) / "build"
        build(network(), configuration(strategy), folders[strategy], seed=3, vectors=8)
    return folders


@pytest.fixture
def spoil(whole: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a build that may be changed."""

    def copy(strategy: str) -> Path:
        shutil.copytree(whole[strategy], tmp_path / strategy)
        return tmp_path / strategy

    return copy


def flip(path: Path, pattern: str, which: int) -> None:
    """Clear the lowest bit that is set in the ``which``-th decimal number that ``pattern`` finds in a file."""
    text = path.read_text()
    found = [match for match in re.finditer(pattern, text) if int(match[1])][which]
    number = int(found[1])
    value = str(number ^ (number & -number))
    path.write_text(text[: found.start(1)] + value + text[found.end(1) :])


def named(report: dict[str, Any], level: str) -> tuple[str, str]:
    assert report["passed"] is False
    assert report["levels"][level]["mismatches"] > 0
    found = report["first_divergence"]
    assert found["level"] == level
    assert found["expected"] != found["got"]
    return found["node"], found["layer"]


@STRATEGIES
def test_unspoilt_builds_pass(strategy: str, whole: dict[str, Path], need: Need) -> None:
    need("g++", "verilator")
    assert verify(whole[strategy], ["rtl"])["passed"] is True


def weight(verilog: str, strategy: str) -> str:
    """Where a weight's bits stand: a factor; an entry of a table by phase; in an adder graph a summand, the bias."""
    if strategy == "latency":
        return r"\* (?:\$signed\()?-?\d+'s?d(\d+)"
    if strategy == "distributed_arithmetic":
        return r"[+-] \d+'s?d(\d+);"
    table = re.search(r": (weight_\w+) <= ", verilog)
    assert table is not None
    return rf": {table[1]} <= -?\d+'s?d(\d+);"


@STRATEGIES
@pytest.mark.parametrize("layer", ["conv1", pytest.param("conv2", marks=pytest.mark.slow)])
def test_a_flipped_weight_bit_in_the_verilog(
    strategy: str, layer: str, spoil: Callable[[str], Path], need: Need
) -> None:
    need("g++", "verilator")
    path = spoil(strategy) / "rtl" / f"mutant_{layer}.v"
    flip(path, weight(path.read_text(), strategy), -1)
    label = {"conv1": "conv1", "conv2": "Second Convolution"}[layer]
    assert named(verify(path.parent.parent, ["rtl"]), "rtl") == (layer, label)


@pytest.mark.parametrize(("layer", "header"), [("conv1", 0), ("conv2", 1)])
def test_a_flipped_weight_bit_in_the_cpp(layer: str, header: int, spoil: Callable[[str], Path], need: Need) -> None:
    need("g++")
    folder = spoil("latency")
    path = sorted((folder / "hls" / "firmware" / "weights").glob("w*.h"), key=lambda p: int(p.stem[1:]))[header]
    text = path.read_text()
    found = re.search(r"-?\d+\.\d+", text)
    assert found is not None
    changed = ((round(float(found[0]) * 32)) ^ 1) / 32
    path.write_text(text[: found.start()] + f"{changed:.5f}" + text[found.end() :])
    assert named(verify(folder, ["hls"]), "hls")[0] == layer


def test_a_decision_hides_no_flipped_bit(tmp_path: Path, need: Need) -> None:
    """A bias of conv1 is off by one step behind a threshold that rejects every frame: the outputs stay equal."""
    need("g++", "verilator")
    graph = network()
    wide = graph.specs()["conv2"]
    size = int(np.prod(wide.shape))
    flat = Node("flat", Flatten(wide.type, (size,)), ("conv2",), "flat")
    decision = Node("decision", Argmax(wide.type, wide.type.raw_max), ("flat",), "decision")
    hidden = Graph("hidden", graph.inputs, (*graph.nodes, flat, decision), ("decision",))
    build(hidden, configuration("latency"), tmp_path / "build", seed=3, vectors=4)
    assert verify(tmp_path / "build", ["rtl"])["passed"]
    flip(tmp_path / "build" / "rtl" / "hidden_conv1.v", weight("", "latency"), -1)
    assert named(verify(tmp_path / "build", ["rtl"]), "rtl")[0] == "conv1"


def test_a_changed_graph(spoil: Callable[[str], Path], need: Need) -> None:
    """The reference is the graph's: another weight there is found, though the stored vectors are the Verilog's."""
    need("g++", "verilator")
    folder = spoil("latency")
    text = (folder / "graph.json").read_text()
    graph = Graph.from_json(text)
    op = graph.node("conv2").op
    assert isinstance(op, Conv2D)
    kernel = np.array(op.kernel)
    kernel[0, 0, 0, 0] *= -1
    other = replace(op, kernel=kernel)
    nodes = tuple(replace(node, op=other) if node.name == "conv2" else node for node in graph.nodes)
    save_graph(replace(graph, nodes=nodes), folder / "graph.json")
    report = verify(folder, ["hls", "rtl"])
    assert named(report, "hls")[0] == "conv2"
    assert report["levels"]["rtl"]["mismatches"] > 0
    assert (
        report["problems"][0] == f"'{folder / 'graph.json'}' was changed since it was built: run 'bitsmith build' again"
    )
    assert "output_conv2.npy' holds" in report["problems"][1]
