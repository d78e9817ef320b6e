"""Vectors that reach: the points of small networks, and mutants that random vectors let pass."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hls_cases import S5, S8, activation, argmax, chain, conv, dense

from bitsmith.cli.verify import view
from bitsmith.gen.build import build
from bitsmith.gen.report import render
from bitsmith.gen.verify import vectors, verify
from bitsmith.gen.verify.reach.cover import cover
from bitsmith.gen.verify.reach.patches import packed, patch_of
from bitsmith.gen.verify.reach.reached import reached
from bitsmith.sim.fixed import Fixed, Overflow, Rounding
from bitsmith.sim.graph import Graph
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Kind
from bitsmith.sim.ops.dense import Dense

Need = Callable[..., None]
FINE = Fixed(True, 3, 12)  # an accumulator of many bits: ties and limits are rare
SMALL = Fixed(True, 2, 3)


def network(rounding: Rounding, overflow: Overflow) -> Graph:
    """A dense layer and a rounding of many bits; no bias is a tie by itself."""
    kernel = np.random.default_rng(1).integers(-16, 16, (12, 3))
    narrow = activation(Kind.LINEAR, SMALL, rounding=rounding, overflow=overflow)
    return chain("narrow", (12,), FINE, lambda x: Dense(x.type, kernel, S5, np.array([1, 2, 3]), S8), narrow)


def shares(graph: Graph, inputs: dict[str, Any]) -> tuple[int, int]:
    """Points that are reached, and those that are not shown to be impossible."""
    table = reached(graph, inputs).table()
    return table["reached"], table["reached"] + table["not_reached"]


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("overflow", [Overflow.SAT, Overflow.WRAP])
def test_every_rounding_and_every_limit_is_reached(rounding: Rounding, overflow: Overflow) -> None:
    graph = network(rounding, overflow)
    found, possible = shares(graph, vectors.of_graph(graph, 24, 1))
    assert found == possible > 0
    assert shares(graph, vectors.make(graph.inputs, 24, 1))[0] < found


TABLE = {"function": "tanh", "table_type": Fixed(True, 1, 5)}
RELU = (activation(Kind.RELU),)
KINDS = {
    "table": chain("table", (6, 6, 2), S8, conv((1, 1), 2), activation(Kind.TABLE, SMALL, **TABLE)),
    "argmax": chain("argmax", (12,), FINE, dense(4), argmax),
    "image": chain(
        "image", (16, 16, 1), S8, conv((3, 3), 4), activation(Kind.RELU), conv((1, 1), 4), activation(Kind.RELU)
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_tables_decisions_and_images(kind: str) -> None:
    graph = KINDS[kind]
    found, possible = shares(graph, vectors.of_graph(graph, 32, 1))
    assert found >= 0.99 * possible
    assert found >= shares(graph, vectors.make(graph.inputs, 32, 1))[0]


def test_the_count_the_extremes_and_the_seed() -> None:
    graph = KINDS["table"]
    for count in (1, 2, 5, 40):
        (x,) = vectors.of_graph(graph, count, 3).values()
        assert x.shape == (count, 6, 6, 2)
        first = min(4, count // 2)
        np.testing.assert_array_equal(x[:first], vectors.extremes(graph.inputs[0][1])[:first])
        np.testing.assert_array_equal(x, vectors.of_graph(graph, count, 3)["x"])
    (other,) = vectors.of_graph(graph, 40, 4).values()
    assert not np.array_equal(x, other)


def test_a_cover_takes_the_frame_that_brings_most() -> None:
    hits = np.array([[1, 1, 0, 0, 0], [0, 0, 1, 1, 1], [1, 0, 1, 0, 0], [0, 1, 0, 0, 0]], dtype=bool)
    assert cover(hits, np.zeros(5, dtype=bool), 9) == [1, 0]
    assert cover(hits, np.zeros(5, dtype=bool), 1) == [1]
    assert cover(hits, np.array([0, 0, 1, 1, 1], dtype=bool), 9) == [0]


def test_a_patch_and_where_it_stands() -> None:
    """Two convolutions of three places, the second one with a stride: seven places, which stand two apart."""
    graph = chain("patch", (32, 20, 1), S8, conv((3, 3), 2), conv((3, 3), 2, strides=(2, 2)), conv((2, 2), 1))
    patch = patch_of(graph, graph.nodes[-1].name)
    assert patch is not None
    assert (patch.spec.shape, patch.period) == ((7, 7, 1), (8, 8))
    images = np.arange(1, 7).reshape(6, 1, 1, 1) * np.ones((1, 7, 7, 1), dtype=np.int64)
    (frame,) = packed([(patch, images)], Spec((32, 20, 1), S8), 3, np.random.default_rng(0))
    for k in range(6):
        top, left = k // 2 * 8, k % 2 * 8
        np.testing.assert_array_equal(frame[top : top + 7, left : left + 7], images[k])


def test_the_table_of_what_is_reached(tmp_path: Path) -> None:
    graph = network(Rounding.RND, Overflow.SAT)
    report = reached(graph, vectors.make(graph.inputs, 6, 1)).table()
    (layer,) = report["layers"]
    assert layer["points"] == 3 * 6 == sum(layer[key] for key in ("reached", "impossible", "not_reached"))
    assert layer["missing"]
    data: dict[str, Any] = {"model": "m", "vectors": 6, "seed": 0, "problems": [], "levels": {}, "cycles": None}
    data |= {"first_divergence": None, "passed": False, "reached": {**report, "layers": [{**layer, "layer": "<b>"}]}}
    text = view(data).text()
    assert f"{layer['reached']}" in text
    assert f"not reached: <b>, {layer['missing'][0]}" in text
    mark = {"model": "m", "layers": [], "version": "1", "seed": 1, "sha256": "0"}
    page = render(mark, {}, data)
    assert "&lt;b&gt;: not reached" in page
    assert escape(layer["missing"][0]) in page


MUTANTS = {
    "a tie": (r"& \(\(\|(exact_0\[\d+:0\])\) \|\s+exact_0\[\d+\]\)", r"& (|\1)"),
    "a limit": (r"\(next_0_rounded > \$signed\((\d+'d)31\)\)", r"(next_0_rounded > $signed(\g<1>32))"),
}
"""Of channel 0: every tie goes down, or 32 is let through."""


def test_mutants_that_random_vectors_let_pass(tmp_path: Path, need: Need) -> None:
    need("g++", "verilator")
    graph = network(Rounding.RND_CONV, Overflow.SAT)
    (plain,) = vectors.make(graph.inputs, 24, 1).values()
    build(graph, {}, tmp_path / "whole", vectors=24)
    for what, (pattern, changed) in MUTANTS.items():
        folder = tmp_path / what.replace(" ", "_")
        shutil.copytree(tmp_path / "whole", folder)
        (path,) = (folder / "rtl").glob("*_activation_1.v")
        text, count = re.subn(pattern, changed, path.read_text())
        assert count == 1
        path.write_text(text)
        assert verify(folder, ["rtl"], inputs=plain)["levels"]["rtl"]["mismatches"] == 0
        report = verify(folder, ["rtl"])
        assert report["levels"]["rtl"]["mismatches"] > 0
        assert report["first_divergence"]["node"] == "activation_1"
        assert report["reached"]["layers"][0]["not_reached"] == 0
