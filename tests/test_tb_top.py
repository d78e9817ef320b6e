"""cocotb benches on whole tops: stalls on both sides, back-to-back frames, reset in mid-frame, TLAST, cycles."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from rigs import ADDER, ADDER_CYCLES, adder_graph, edit
from seq2seq import configuration, network

from bitsmith.gen import tools
from bitsmith.gen.build import build
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.verify import vectors
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.tb.run import run_bench

Need = Callable[..., None]
TESTS = {
    "back_to_back_frames",
    "idle_source",
    "back_pressure",
    "stalls_on_both_sides",
    "full_and_empty_buffers",
    "reset_in_mid_frame",
    "cycles_as_predicted",
    "wrong_tlast_is_reported",
}


def bench(simulator: str, graph: Graph, rtl: Path, cycles: Mapping[str, int], frames: int = 4) -> dict[str, str]:
    """Every test of tb/top.py on the Verilog in ``rtl``; works on a copy beside it."""
    folder = rtl.parent / f"cocotb_{simulator}"
    shutil.copytree(rtl, folder / "rtl")
    top = Top.load(folder / "rtl")
    batch = vectors.make(graph.inputs, frames * top.sequences, seed=11)
    outputs = Reference(graph).predict_raw(*(batch[name] for name, _ in graph.inputs))
    arrays = {f"input_{name}": raw for name, raw in batch.items()}
    arrays |= {f"output_{name}": raw for name, raw in zip(graph.outputs, outputs)}
    np.savez(folder / "vectors.npz", **arrays)  # type: ignore[arg-type]
    device = {
        "BITSMITH_RTL": str(folder / "rtl"),
        "BITSMITH_VECTORS": str(folder / "vectors.npz"),
        "BITSMITH_LATENCY": str(cycles["latency_cycles"]),
        "BITSMITH_INTERVAL": str(cycles["interval_cycles"]),
    }
    tool = tools.verilator().environment if simulator == "verilator" else {}
    return run_bench(top.sources(), top.name, "bitsmith.tb.top", folder, simulator, device, tool)


def needed(simulator: str, need: Need) -> None:
    need("iverilog" if simulator == "icarus" else "verilator", "g++")


def residual() -> Graph:
    """A fork that joins: x + conv(x), 3 channels, 5×6."""
    rng = np.random.default_rng(5)
    pixel, weight = Fixed(True, 0, 7), Fixed(True, 0, 5)
    image = Spec((5, 6, 3), pixel)
    conv = Conv2D(pixel, rng.integers(-32, 32, (3, 3, 3, 3)), weight, np.arange(3), weight, padding=((1, 1), (1, 1)))
    join = Add((conv.infer(image).type, pixel))
    nodes = (Node("conv", conv, ("image",), "conv"), Node("total", join, ("conv", "image"), "total"))
    return Graph("residual", (("image", image),), nodes, ("total",))


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_the_hand_written_top(simulator: str, tmp_path: Path, need: Need) -> None:
    needed(simulator, need)
    shutil.copytree(ADDER, tmp_path / "rtl")
    assert bench(simulator, adder_graph(), tmp_path / "rtl", ADDER_CYCLES) == dict.fromkeys(TESTS, "")


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_a_generated_top_that_forks_and_joins(simulator: str, tmp_path: Path, need: Need) -> None:
    needed(simulator, need)
    graph = residual()
    build(graph, {"Bitsmith": {"pixels_per_cycle": 4}}, tmp_path / "build", vectors=1)
    cycles = json.loads((tmp_path / "build" / "estimate.json").read_text())
    assert bench(simulator, graph, tmp_path / "build" / "rtl", cycles) == dict.fromkeys(TESTS, "")


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_a_recurrent_top_with_sequences_side_by_side(simulator: str, tmp_path: Path, need: Need) -> None:
    needed(simulator, need)
    config = configuration("distributed_arithmetic") | {"Bitsmith": {"interleaved_sequences": 3}}
    build(network(), config, tmp_path / "build", vectors=1)
    cycles = json.loads((tmp_path / "build" / "estimate.json").read_text())
    assert bench(simulator, network(), tmp_path / "build" / "rtl", cycles) == dict.fromkeys(TESTS, "")


# What is spoilt, and the tests that must find it; the others may.
SPOILED = {
    "a wrong constant": ("plus_three.v", "6'sd3", "6'sd2", {"back_to_back_frames", "idle_source"}),
    "data changes while waiting": (
        "adder.v",
        "end_tdata[6:0]}",
        "end_tdata[6:0] ^ {7{m_axis_tready}}}",
        {"back_pressure", "stalls_on_both_sides"},
    ),
    "a beat is lost when stalled": (
        "twice.v",
        "assign s_tready = !m_tvalid | m_tready;",
        "assign s_tready = 1;",
        {"back_pressure", "stalls_on_both_sides", "full_and_empty_buffers"},
    ),
    "no reset of a layer": (
        "twice.v",
        "if (rst) m_tvalid <= 0;\n    else if",
        "if",
        {"reset_in_mid_frame"},
    ),
    "no tlast": ("plus_three.v", "m_tlast <= s_tlast", "m_tlast <= 0", {"back_to_back_frames"}),
    "tlast_error never set": ("adder.v", "tlast_error <= 1", "tlast_error <= 0", {"wrong_tlast_is_reported"}),
    "one cycle more": ("adder.v", "beat == 5 ? 0", "beat == 5 ? 0", {"cycles_as_predicted"}),
}


@pytest.mark.parametrize("spoilt", SPOILED)
def test_every_bench_can_fail(spoilt: str, tmp_path: Path, need: Need) -> None:
    need("iverilog")
    file, old, new, found = SPOILED[spoilt]
    shutil.copytree(ADDER, tmp_path / "rtl")
    edit(tmp_path / "rtl" / file, old, new)
    cycles = dict(ADDER_CYCLES)
    if spoilt == "one cycle more":
        cycles["latency_cycles"] -= 1
    results = bench("icarus", adder_graph(), tmp_path / "rtl", cycles)
    assert found <= {name for name, failure in results.items() if failure}, results


def test_the_benches_that_must_find_something_are_all_shown_to() -> None:
    """Every test of the bench fails for some spoilt top above."""
    assert set().union(*(found for *_, found in SPOILED.values())) == TESTS
