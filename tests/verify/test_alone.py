"""Layers alone: their own modules, inputs that reach every point, and faults that no frame of the network shows."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alone_cases import deep, every_kind
from hls_cases import S8, chain, dense, flatten, joined, others, windows
from seq2seq import configuration, network

from bitsmith.cli.verify import view
from bitsmith.gen.build import build
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.files.graph_file import load_graph
from bitsmith.gen.report import render
from bitsmith.gen.resources.estimate import open_plan
from bitsmith.gen.rtl.alone import alone, depths, side_by_side
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.rtl.emit import emit_around, emit_plan
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.verify import verify
from bitsmith.gen.verify.alone.direct import changes
from bitsmith.gen.verify.alone.level import check_files, together
from bitsmith.gen.verify.alone.samples import samples
from bitsmith.gen.verify.alone.small import alone as graph_alone
from bitsmith.gen.verify.alone.small import fitted
from bitsmith.gen.verify.reach.reached import reached
from bitsmith.gen.verify.vectors import stored
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph
from bitsmith.sim.op import Spec
from bitsmith.sim.reach.targets import Target

Need = Callable[..., None]


ROW = {"layer": "<b>", "node": "n", "points": 2, "reached": 0, "alone": 0, "impossible": 1, "not_reached": 1}
ROW |= {"missing": ["a point"]}
REPORT: dict[str, Any] = {"model": "m", "vectors": 1, "seed": 0, "problems": [], "levels": {}, "cycles": None}
REPORT |= {"first_divergence": None, "passed": False}


def zeros(graph: Graph) -> dict[str, Any]:
    """One frame, which reaches next to nothing."""
    return {name: np.zeros((1, *spec.shape), dtype=np.int64) for name, spec in graph.inputs}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deep") / "build"
    build(deep(), {}, folder, vectors=32)
    return folder


def test_every_kind_of_layer_comes_to_all_its_points(tmp_path: Path, need: Need) -> None:
    need("g++", "verilator")
    graph = every_kind()
    build(graph, {}, tmp_path / "build", vectors=1)
    report = verify(tmp_path / "build", ["layers"], inputs=zeros(graph))
    assert report["passed"], (report["first_divergence"], report["levels"]["layers"]["problems"])
    found = report["reached"]
    assert [(layer["node"], layer["missing"]) for layer in found["layers"] if layer["not_reached"]] == []
    assert found["alone"] > 10 * found["reached"] > 0
    assert not any(layer["not_alone"] for layer in found["layers"])


TIE = (r"& \(\(\|(exact_0\[\d+:0\])\) \|\s+exact_0\[\d+\]\)", r"& (|\1)")
LIMIT = (r"\(next_1_rounded > \$signed\((\d+'d)15\)\)", r"(next_1_rounded > $signed(\g<1>16))")


def planted(source: Path, target: Path, *mutants: tuple[str, str]) -> Path:
    """A copy of a build with faults in its last layer: each must be there to be planted."""
    shutil.copytree(source, target)
    (path,) = (target / "rtl").glob("*_activation_3.v")
    text = path.read_text()
    for pattern, changed in mutants:
        text, count = re.subn(pattern, changed, text)
        assert count == 1
    path.write_text(text)
    return target


def test_faults_that_no_frame_of_the_network_shows(whole: Path, tmp_path: Path, need: Need) -> None:
    """A tie that is rounded down, and a value beyond the limit that is let through, both at once."""
    need("g++", "verilator")
    report = verify(planted(whole, tmp_path / "both", TIE, LIMIT), ["rtl"])
    assert report["levels"]["rtl"]["mismatches"] == 0


@pytest.mark.parametrize("mutant", [TIE, pytest.param(LIMIT, marks=pytest.mark.slow)])
def test_faults_that_the_layer_alone_shows(mutant: tuple[str, str], whole: Path, tmp_path: Path, need: Need) -> None:
    need("g++", "verilator")
    report = verify(planted(whole, tmp_path / "build", mutant), ["layers"])
    assert report["levels"]["layers"]["mismatches"] > 0
    assert report["first_divergence"]["node"] == "activation_3"
    assert report["first_divergence"]["index"] == [int(mutant is LIMIT)]
    assert report["reached"]["alone"] == 0  # a layer that is wrong was shown nothing
    assert any("activation_3.v' was changed" in problem for problem in report["problems"])


def test_a_fault_of_the_c_simulation(whole: Path, tmp_path: Path, need: Need) -> None:
    """The last rounding's ties go up: no frame of the network shows it."""
    need("g++", "verilator")
    folder = tmp_path / "build"
    shutil.copytree(whole, folder)
    path = folder / "hls" / "firmware" / "defines.h"
    text, count = re.subn(r"(ap_fixed<5,5,AP_RND)_CONV(.*result_t;)", r"\1\2", path.read_text())
    assert count == 1
    path.write_text(text)
    report = verify(folder, ["hls", "layers"])
    assert report["levels"]["hls"]["mismatches"] == 0
    assert report["levels"]["layers"]["mismatches"] > 0
    found = report["first_divergence"]
    assert (found["level"], found["node"]) == ("layers, C++", "activation_3")


def test_what_the_level_would_add_and_what_it_added(whole: Path, need: Need) -> None:
    need("g++", "verilator")
    graph = load_graph(whole / "graph.json")
    without = reached(graph, stored(whole / "vectors", "input", graph.inputs) or {}).table()
    left = without["not_reached"]
    assert left > 0
    line = f"--level layers drives these layers alone, for the {left} points that are not reached"
    assert line in _text({**REPORT, "reached": without})
    report = verify(whole, ["layers"])
    assert report["passed"]
    assert report["reached"]["alone"] == left
    assert report["reached"]["not_reached"] == 0
    assert "--level layers" not in _text(report)
    page = render({"model": "m", "layers": [], "version": "1", "seed": 1, "sha256": "0"}, {}, report)
    assert '<th class="number">Alone</th>' in page


def _text(report: dict[str, Any]) -> str:
    return view(report).text()


@pytest.mark.parametrize("make", [every_kind, network])
def test_alone_the_generator_makes_the_same_files(make: Callable[[], Graph], tmp_path: Path) -> None:
    """Byte for byte, of every layer that has a module; around it stand other ports and buffers."""
    settings = configuration("latency") if make is network else {"Bitsmith": {"pixels_per_cycle": 2}}
    plan = plan_for(make(), parse_config(settings, "test"))
    emit_plan(plan, tmp_path / "whole")
    graphs = [graph_alone(plan.model, name) for stage in plan.stages for name in stage.nodes]
    parts = [alone(plan, graph.nodes[0]) for graph in graphs]
    own = side_by_side(plan, together(graphs), parts)
    emit_around(own, depths(plan, parts), tmp_path / "alone", tmp_path / "nothing")
    names = {f"{plan.module(module)}.v" for part in parts for module in part.modules}
    assert len(names) >= len(parts)
    for name in sorted(names):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_layer_that_cannot_stand_alone_is_named(whole: Path, tmp_path: Path) -> None:
    """A build that lacks a layer's file, and a node that has no module."""
    folder = tmp_path / "build"
    shutil.copytree(whole, folder)
    ports = json.loads((folder / "rtl" / "ports.json").read_text())
    ports["files"] = [name for name in ports["files"] if not name.endswith("_activation_3.v")]
    (folder / "rtl" / "ports.json").write_text(json.dumps(ports))
    plan = open_plan(whole)[0]
    hardware = alone(plan, graph_alone(plan.model, "activation_3").nodes[0])
    with pytest.raises(BitsmithError, match="the build has no module 'deep_activation_3'"):
        check_files(plan, hardware, Top.load(folder / "rtl"))
    shaped = plan_for(chain("shaped", (2, 2, 2), S8, flatten, dense(2)), parse_config({}, "test"))
    with pytest.raises(BitsmithError, match="no module of its own"):
        alone(shaped, graph_alone(shaped.model, "flatten_0").nodes[0])
    table = {"frames": 1, "driven_alone": True, "layers": [{**ROW, "not_alone": "it has no module of its own"}]}
    text = _text({**REPORT, "reached": table})
    assert "not driven alone: <b>: it has no module of its own" in text


@pytest.mark.slow
def test_a_recurrent_network(tmp_path: Path, need: Need) -> None:
    """States that are given and states that are not, gates and candidates, in three time steps."""
    need("g++", "verilator")
    graph = network()
    build(graph, configuration("latency"), tmp_path / "build", vectors=4)
    report = verify(tmp_path / "build", ["layers"], inputs=zeros(graph))
    assert report["passed"], report["first_divergence"]
    found = report["reached"]
    assert found["alone"] >= 0.99 * (found["alone"] + found["not_reached"])


@pytest.mark.slow
@pytest.mark.parametrize("pixels", [2, 4])
def test_every_operator_alone(pixels: int, tmp_path: Path, need: Need) -> None:
    need("g++", "verilator")
    every = [graph for graph in (*windows(), *others()) if not graph.nodes[-1].op.has_threshold]
    graph = joined(every)
    build(graph, {"Bitsmith": {"pixels_per_cycle": pixels}}, tmp_path / "build", vectors=1)
    report = verify(tmp_path / "build", ["layers"], inputs=zeros(graph))
    assert report["passed"], report["first_divergence"]
    found = report["reached"]
    assert found["alone"] > 0.95 * (found["alone"] + found["not_reached"])


def test_samples_are_of_all_kinds_and_of_their_channels_types() -> None:
    spec = Spec((1, 1, 3), S8)
    found = samples(spec, 600, np.random.default_rng(1))
    assert found.shape == (600, 1, 1, 3)
    assert (found.min(), found.max()) == (S8.raw_min, S8.raw_max)
    assert len(np.unique(found[:, 0, 0, 0])) > 200
    np.testing.assert_array_equal(found, samples(spec, 600, np.random.default_rng(1)))
    own = (Fixed(True, 1, 1), None, Fixed(False, 0, 4))
    limited = fitted(found, spec, own).reshape(-1, 3)
    assert set(np.unique(limited[:, 0])) == set(range(-32, 32, 8))
    assert set(np.unique(limited[:, 1])) == {0}
    assert set(np.unique(limited[:, 2])) == set(range(16))


def test_an_input_that_follows_from_a_target() -> None:
    """A value of 5 x + 3 that is a tie of five bits, and one just above a limit; slopes of 0 lead nowhere."""
    x = np.arange(-40, 41)
    values, room, rng = 5 * x + 3, (-60 - x, 60 - x), np.random.default_rng(0)
    for target in (Target("tie", modulus=32, residue=16), Target("above", low=200, high=203)):
        change, found = changes(target, values, np.full(len(x), 5), room, rng)
        assert found.all()
        assert target.hit(5 * (x + change) + 3).all()
        assert (np.abs(x + change) <= 60).all()
    _, found = changes(Target("tie", modulus=32, residue=16), values, np.zeros(len(x), dtype=np.int64), room, rng)
    assert not found.any()
