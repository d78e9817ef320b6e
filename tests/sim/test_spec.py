"""What makes a graph right, and graphs on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bitsmith.gen.files.graph_file import load_graph, save_graph
from bitsmith.sim.check import check_graph
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.flatten import Flatten

X = Fixed(False, 0, 8)
DENSE = Dense(X, np.array([[1, -2], [3, 0]]), Fixed(True, 1, 2), np.array([1, 0]), Fixed(False, 0, 1))


def relu(name: str, source: str) -> Node:
    return Node(name, Activation(DENSE.accumulator.type, Kind.RELU, X), (source,))


GOOD = Graph(
    "net",
    (("x", Spec((2,), X)),),
    (Node("dense", DENSE, ("x",), "dense"), relu("relu", "dense")),
    ("relu",),
    {"dense": "Dense 1"},
)


def test_a_good_graph_passes() -> None:
    check_graph(GOOD)
    assert GOOD.specs()["relu"] == Spec((2,), X)
    assert GOOD.node("dense").op == DENSE
    assert [n.name for n in GOOD.consumers("dense")] == ["relu"]


NODES = GOOD.nodes
BROKEN = {
    "two writers": (replace(GOOD, nodes=(*NODES, NODES[1])), "two writers"),
    "a name that is not safe": (replace(GOOD, nodes=(NODES[0], relu("wire", "dense")), outputs=("wire",)), "not safe"),
    "an unsafe graph name": (replace(GOOD, name="module"), "not safe"),
    "an edge from nowhere": (replace(GOOD, nodes=(NODES[0], relu("relu", "dense2"))), "no input or earlier node"),
    "an edge backwards": (replace(GOOD, nodes=(NODES[1], NODES[0])), "no input or earlier node"),
    "a dead node": (replace(GOOD, nodes=(*NODES, relu("relu2", "dense"))), "'relu2' is read by nothing"),
    "a dead input": (replace(GOOD, inputs=(*GOOD.inputs, ("y", Spec((2,), X)))), "'y' is read by nothing"),
    "an unknown output": (replace(GOOD, outputs=("relu", "z")), "written by no node"),
    "an output twice": (replace(GOOD, outputs=("relu", "relu")), "output twice"),
    "no output": (replace(GOOD, outputs=()), "at least one"),
    "a wrong shape": (replace(GOOD, inputs=(("x", Spec((3,), X)),)), "they must be equal"),
    "a wrong type": (replace(GOOD, inputs=(("x", Spec((2,), Fixed(True, 0, 7))),)), "expected"),
    "shapes that do not add up": (
        replace(
            GOOD,
            nodes=(*NODES, Node("flat", Flatten(X, (1, 2, 1)), ("relu",)), Node("sum", Add((X, X)), ("relu", "flat"))),
            outputs=("sum",),
        ),
        "one must have the whole shape",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_graphs_are_refused(case: str) -> None:
    graph, message = BROKEN[case]
    with pytest.raises(BitsmithError, match=message):
        check_graph(graph)


def test_a_graph_comes_back_byte_for_byte(tmp_path: Path) -> None:
    save_graph(GOOD, tmp_path / "graph.json")
    again = load_graph(tmp_path / "graph.json")
    assert again == GOOD
    save_graph(again, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "graph.json").read_bytes()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 99}', '{"format": 1}', "[" * 100000])
def test_damaged_graphs_are_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "graph.json").write_text(text)
    with pytest.raises(BitsmithError, match="build the model again") as error:
        load_graph(tmp_path / "graph.json")
    assert "\n" not in str(error.value)


def test_a_missing_graph(tmp_path: Path) -> None:
    with pytest.raises(BitsmithError, match="cannot read"):
        load_graph(tmp_path / "graph.json")
