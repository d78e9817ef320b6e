"""A recurrent network through ``verify``: what is proven, and that a difference names step, unit and inner tensor."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from seq2seq import STEPS, UNITS, WIDE, configuration, gru, network

from bitsmith.gen.build import build
from bitsmith.gen.files.graph_file import save_graph
from bitsmith.gen.verify import RtlModel, verify
from bitsmith.gen.verify.diverge import internals
from bitsmith.hw.rtl.gru import GRUCell
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.ops.gru import GRU

Need = Callable[..., None]
STRATEGIES = ("latency", "resource", "distributed_arithmetic")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One unchanged build for each strategy."""
    folders = {}
    for strategy in STRATEGIES:
        folders[strategy] = tmp_path_factory.mktemp(strategy) / "build"
        build(network(), configuration(strategy), folders[strategy], seed=3, vectors=40)
    return folders


@pytest.fixture
def spoil(whole: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a build that may be changed."""

    def copy(strategy: str) -> Path:
        shutil.copytree(whole[strategy], tmp_path / strategy)
        return tmp_path / strategy

    return copy


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_integer_and_every_cycle(strategy: str, whole: dict[str, Path], need: Need) -> None:
    need("g++", "verilator")
    report = verify(whole[strategy], ["rtl"], vectors=50)
    assert report["levels"]["rtl"]["mismatches"] == 0
    assert report["levels"]["rtl"]["compared"] == 50
    assert report["cycles"]["equal"] is True
    assert report["passed"] is True


def test_the_c_simulation_and_the_second_simulator(whole: dict[str, Path], need: Need) -> None:
    need("g++", "verilator")
    report = verify(whole["latency"], ["hls", "second"])
    assert {level: row["mismatches"] for level, row in report["levels"].items()} == {"hls": 0, "second": 0}


def test_the_trace_shows_every_tensor_of_a_step(whole: dict[str, Path], need: Need) -> None:
    """The tracing top's probes are the reference's tensors, at every step of both layers."""
    need("g++", "verilator")
    graph = network()
    x = np.random.default_rng(1).integers(0, 256, (7, 1, STEPS, 1))
    expected = Reference(graph).trace_raw(x)
    expected |= internals(graph, expected)
    got = RtlModel(whole["latency"]).trace_raw(x)
    probes = {name for name in got if "." in name}
    cell = GRUCell("cell", gru(WIDE, True), "latency", 1)
    assert probes == {f"{layer}.{tensor}" for layer in ("encoder", "decoder") for tensor in cell.probes}
    for name in probes:
        np.testing.assert_array_equal(got[name], expected[name])


@pytest.mark.parametrize("layer", ["encoder", "decoder"])
def test_a_difference_names_step_unit_and_tensor(layer: str, spoil: Callable[[str], Path], need: Need) -> None:
    """Another weight in the reference than in the Verilog: the place is known from two runs of the operator."""
    need("g++", "verilator")
    folder, graph = spoil("latency"), network()
    node = graph.node(layer)
    assert isinstance(node.op, GRU)
    changed = np.array(node.op.recurrent_kernel)
    changed[:, 2 * UNITS + 1] ^= 96
    other = replace(node, op=replace(node.op, recurrent_kernel=changed))
    spoilt = replace(graph, nodes=tuple(other if n.name == layer else n for n in graph.nodes))
    save_graph(spoilt, folder / "graph.json")
    x = np.random.default_rng(2).integers(0, 256, (60, 1, STEPS, 1))
    right, wrong = (Reference(g).trace_raw(x) for g in (graph, spoilt))
    right, wrong = right | internals(graph, right), wrong | internals(spoilt, wrong)
    frame = int(np.flatnonzero((right["y"] != wrong["y"]).any(axis=(1, 2, 3)))[0])
    tensors = ("gates", "reset_product", "candidate", "state")
    differs = {t: np.argwhere(right[f"{layer}.{t}"][frame, 0] != wrong[f"{layer}.{t}"][frame, 0]) for t in tensors}
    step, _, tensor = min((int(d[0][0]), tensors.index(t), t) for t, d in differs.items() if len(d))
    unit = int(differs[tensor][0][1])
    found = verify(folder, ["rtl"], inputs=x)["first_divergence"]
    assert (found["node"], found["frame"], found["step"]) == (layer, frame, step)
    assert (found["tensor"], found["unit"]) == (tensor, unit)
    assert found["expected"] == int(wrong[f"{layer}.{tensor}"][frame, 0, step, unit])
    assert found["got"] == int(right[f"{layer}.{tensor}"][frame, 0, step, unit])


@pytest.mark.parametrize(
    "strategy", [STRATEGIES[0], *(pytest.param(strategy, marks=pytest.mark.slow) for strategy in STRATEGIES[1:])]
)
def test_a_flipped_bit_in_the_verilog(strategy: str, spoil: Callable[[str], Path], need: Need) -> None:
    """Entries of the decoder's tanh: it must be found, and laid to the candidate."""
    need("g++", "verilator")
    folder = spoil(strategy)
    path = folder / "rtl" / "seq2seq_decoder.v"
    parts = re.split(r"(?=^module )", path.read_text(), flags=re.M)
    index = next(k for k, part in enumerate(parts) if re.match(r"module \S*candidate_function", part))
    entries = list(re.finditer(r": \w+ <= 8'sd(\d+);", parts[index]))[:32]  # from 0 upwards
    assert len(entries) == 32
    for entry in reversed(entries):
        spot = slice(entry.start(1), entry.end(1))
        parts[index] = parts[index][: spot.start] + str(int(entry[1]) ^ 1) + parts[index][spot.stop :]
    path.write_text("".join(parts))
    report = verify(folder, ["rtl"], vectors=200)
    assert report["passed"] is False
    found = report["first_divergence"]
    assert (found["node"], found["layer"], found["tensor"]) == ("decoder", "The Decoder", "candidate")
    assert found["step"] in range(STEPS)
    assert found["unit"] in range(UNITS)
    assert json.loads((folder / "verify.json").read_text())["first_divergence"] == found
