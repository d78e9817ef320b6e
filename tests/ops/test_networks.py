"""Whole networks through every level: forks that join, several inputs and outputs, and what failed in other tools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hardware import SEED, draw, side_by_side

from bitsmith.gen.build import build
from bitsmith.gen.verify import vectors, verify
from bitsmith.gen.verify.levels import SECOND_FRAMES
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed, Overflow, Rounding
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.concatenate import Concatenate
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.depthwise_conv2d import DepthwiseConv2D
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.global_average_pool2d import GlobalAveragePool2D
from bitsmith.sim.ops.max_pool2d import MaxPool2D

Need = Callable[..., None]
SAME3 = ((1, 1), (1, 1))
Q8, U8, S6 = Fixed(True, 0, 7), Fixed(False, 0, 8), Fixed(True, 2, 3)


class Builder:
    """Grows a graph whose names begin with the network's."""

    def __init__(self, name: str, **inputs: Spec) -> None:
        self.name = name
        self.inputs = tuple((f"{name}_{key}", spec) for key, spec in inputs.items())
        self.specs = dict(self.inputs)
        self.nodes: list[Node] = []

    def type(self, name: str) -> Fixed:
        return self.specs[f"{self.name}_{name}"].type

    def add(self, name: str, op: Operator, *sources: str) -> None:
        full = f"{self.name}_{name}"
        names = tuple(f"{self.name}_{source}" for source in sources)
        self.specs[full] = op.infer(*(self.specs[source] for source in names))
        self.nodes.append(Node(full, op, names, full))

    def graph(self, *outputs: str) -> Graph:
        return Graph(self.name, self.inputs, tuple(self.nodes), tuple(f"{self.name}_{name}" for name in outputs))

    def conv(self, name: str, source: str, size: Sequence[int], **more: Any) -> None:
        x = self.type(source)
        self.add(name, Conv2D(x, draw(Q8, *size), Q8, draw(Q8, size[-1]), Q8, **more), source)

    def relu(self, name: str, source: str, to: Fixed) -> None:
        self.add(name, Activation(self.type(source), Kind.RELU, to), source)

    def linear(self, name: str, source: str, to: Fixed) -> None:
        op = Activation(self.type(source), Kind.LINEAR, to, Rounding.RND_CONV, Overflow.SAT)
        self.add(name, op, source)


def quantized_cnn() -> Graph:
    """hls4ml#463: (16,16,3), QActivation, QConv2D(12, 3×3), quantized_relu(8, 0), MaxPool, QDense(10)."""
    net = Builder("quantized", image=Spec((16, 16, 3), Fixed(True, 3, 8)))
    net.linear("entry", "image", Q8)
    net.conv("conv", "entry", (3, 3, 3, 12))
    net.relu("relu", "conv", U8)
    net.add("pool", MaxPool2D(U8, (2, 2), (2, 2)), "relu")
    net.add("flat", Flatten(U8, (7 * 7 * 12,)), "pool")
    net.add("dense", Dense(U8, draw(Q8, 7 * 7 * 12, 10), Q8, draw(Q8, 10), Q8), "flat")
    return net.graph("dense")


def odd_depthwise(outputs: int = 3) -> Graph:
    """hls4ml#1472: QDepthwiseConv2D of 8 bits, integer 3, on (16, 35, 1)."""
    eight = Fixed(True, 3, 4)
    net = Builder("odd", image=Spec((16, 35, 1), eight))
    net.add(
        "depthwise", DepthwiseConv2D(eight, draw(eight, 3, 3, 1, outputs), eight, draw(eight, outputs), eight), "image"
    )
    net.linear("rounded", "depthwise", eight)
    return net.graph("rounded")


def skips() -> Graph:
    """hls4ml#707, finn#1094: a short way and a long one join, twice, one within the other; two inputs, two outputs."""
    net = Builder("skips", a=Spec((6, 9, 2), S6), b=Spec((6, 9, 2), U8))
    net.conv("first", "a", (3, 3, 2, 2), padding=SAME3)
    net.relu("first_relu", "first", U8)
    net.conv("second", "first_relu", (3, 3, 2, 2), padding=SAME3)
    net.relu("second_relu", "second", U8)
    net.add("inner", Add((U8, U8)), "second_relu", "b")
    net.linear("inner_8", "inner", U8)
    net.conv("third", "inner_8", (5, 5, 2, 3), padding=((2, 2), (2, 2)))
    net.relu("third_relu", "third", U8)
    net.add("join", Concatenate((U8, U8, U8)), "third_relu", "first_relu", "inner_8")
    net.conv("mixed", "join", (1, 1, 7, 2))
    net.linear("mixed_8", "mixed", S6)
    net.add("outer", Add((S6, S6)), "mixed_8", "a")
    net.add("mean", GlobalAveragePool2D(U8, Fixed(False, 0, 10)), "third_relu")
    return net.graph("outer", "mean")


def small_skip() -> Graph:
    """A convolution of one channel with a skip connection around it."""
    net = Builder("small", a=Spec((5, 6, 1), S6))
    net.conv("conv", "a", (3, 3, 1, 1), padding=SAME3)
    net.add("total", Add((net.type("conv"), S6)), "conv", "a")
    return net.graph("total")


def repeated_outputs() -> Graph:
    """A model that gives its input and one result twice: each second time is a copy, as the reader makes it."""
    net = Builder("ends", a=Spec((4, 5, 1), S6))
    net.relu("relu", "a", S6)
    for name, source in (("a_copy", "a"), ("a_copy_2", "a"), ("relu_copy", "relu")):
        net.add(name, Activation(S6, Kind.LINEAR, S6), source)
    return net.graph("a_copy", "relu_copy", "a_copy_2", "relu")


def proven(graph: Graph, config: dict[str, Any], levels: tuple[str, ...], folder: Path, frames: int) -> None:
    """Every level gives the reference's integers, without a complaint, Verilator in the predicted cycles."""
    build(graph, config, folder, seed=SEED, vectors=frames)
    report = verify(folder, levels, seed=SEED)
    assert report["first_divergence"] is None
    assert [(name, level["problems"]) for name, level in report["levels"].items() if level["problems"]] == []
    assert {name: level["mismatches"] for name, level in report["levels"].items()} == dict.fromkeys(levels, 0)
    compared = {name: level["compared"] for name, level in report["levels"].items()}
    assert (compared.get("rtl", frames), compared.get("second", SECOND_FRAMES)) == (frames, SECOND_FRAMES)
    assert "rtl" not in levels or report["cycles"]["equal"], report["cycles"]
    assert report["passed"]


def failed_elsewhere() -> Graph:
    return side_by_side({graph.name: graph for graph in (quantized_cnn(), odd_depthwise(), skips())})


GRAPHS = {"all": failed_elsewhere, "skips": skips}
TWO_PIXELS = {"Bitsmith": {"pixels_per_cycle": 2, "strategy": "distributed_arithmetic"}}


def test_networks_that_failed_elsewhere(tmp_path: Path, need: Need) -> None:
    """Two pixels per cycle, adder graphs; Verilator, the C simulation."""
    need("g++", "verilator")
    proven(failed_elsewhere(), TWO_PIXELS, ("hls", "rtl"), tmp_path / "build", frames=6)


@pytest.mark.parametrize("name", ["skips", pytest.param("all", marks=pytest.mark.slow)])
def test_another_simulator_gives_the_same(name: str, tmp_path: Path, need: Need) -> None:
    need("g++", "yosys")
    proven(GRAPHS[name](), TWO_PIXELS, ("second",), tmp_path / "build", frames=6)


@pytest.mark.slow
def test_down_to_the_netlist(tmp_path: Path, need: Need) -> None:
    """Shared multipliers, through synthesis too."""
    need("g++", "verilator", "yosys")
    config = {"HLSConfig": {"Model": {"Strategy": "resource"}}}
    graph = side_by_side({"small": small_skip(), "odd": odd_depthwise(outputs=1), "ends": repeated_outputs()})
    proven(graph, config, ("hls", "rtl", "netlist"), tmp_path / "build", frames=5)


def test_frames_are_told_apart() -> None:
    """The vectors of the networks above differ from frame to frame: a frame lost or doubled would show."""
    graph = skips()
    batch = vectors.make(graph.inputs, 6, SEED)
    for output in Reference(graph).predict_raw(*batch.values()):
        assert len({frame.tobytes() for frame in np.asarray(output)}) == 6
