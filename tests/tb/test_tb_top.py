"""The cocotb bench that every build comes with, on whole tops of all kinds of ports, and on tops that are spoilt."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from rigs import ADDER, ADDER_ESTIMATE, adder_graph, edit
from seq2seq import configuration, network

from bitsmith.gen.build import build
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.testbench import emit
from bitsmith.gen.verify import vectors
from bitsmith.gen.verify.cocotb_bench import run
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.argmax import Argmax
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.dense import Dense

Need = Callable[..., None]
TESTS = {
    "full_speed",
    "idle_source",
    "back_pressure",
    "stalls_on_both_sides",
    "full_and_empty_buffers",
    "reset_in_mid_frame",
    "wrong_tlast_is_reported",
}


def bench(simulator: str, folder: Path, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Every test of the bench in a build's ``tb/``."""
    return run(folder / "tb", simulator, variables or {})


def adder(folder: Path) -> Path:
    """The hand-written top with vectors and a bench, as a build has them."""
    graph = adder_graph()
    shutil.copytree(ADDER, folder / "rtl")
    # Like a generated one it counts the beats: a wrong tlast on an input is reported and changes nothing.
    edit(folder / "rtl" / "adder.v", "  reg [2:0] beat;\n", "")
    edit(folder / "rtl" / "adder.v", "  wire mid_tvalid", "  reg [2:0] beat;\n  wire mid_tvalid")
    edit(folder / "rtl" / "adder.v", ".s_tlast(s_axis_tlast)", ".s_tlast(beat == 5)")
    ports = json.loads((folder / "rtl" / "ports.json").read_text())
    ports |= {"frame_ends": ADDER_ESTIMATE["frame_ends"], "quiet_cycles": 14, "default_threshold": None}
    (folder / "rtl" / "ports.json").write_text(json.dumps(ports))
    inputs = vectors.make(graph.inputs, 8, seed=11)
    vectors.save(folder / "vectors", inputs, {"twice": Reference(graph).predict_raw(inputs["image"])[0]})
    emit(Top.load(folder / "rtl"), folder / "tb")
    return folder


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


def many_ports() -> Graph:
    """A vector, and images of two channels, in; a decision that may be "rejected", and an image, out."""
    rng = np.random.default_rng(9)
    number, weight, pixel = Fixed(True, 2, 3), Fixed(True, 0, 5), Fixed(False, 4, 0)
    image = Spec((3, 5, 2), pixel)
    dense = Dense(number, rng.integers(-32, 32, (7, 3)), weight, rng.integers(-32, 32, 3), weight)
    rounded = Activation(dense.accumulator.type, Kind.LINEAR, Fixed(True, 4, 5))
    conv = Conv2D(pixel, rng.integers(-32, 32, (2, 2, 2, 3)), weight, np.arange(3), weight)
    nodes = (
        Node("scores", dense, ("numbers",), "scores"),
        Node("logits", rounded, ("scores",), "scores"),
        Node("decision", Argmax(rounded.output_type, 40), ("logits",), "decision"),
        Node("conv", conv, ("image",), "conv"),
    )
    inputs = (("numbers", Spec((7,), number)), ("image", image))
    return Graph("many_ports", inputs, nodes, ("decision", "conv"))


def test_the_hand_written_top(tmp_path: Path, need: Need) -> None:
    needed("icarus", need)
    assert bench("icarus", adder(tmp_path)) == dict.fromkeys(TESTS, "")


def test_a_generated_top_that_forks_and_joins(tmp_path: Path, need: Need) -> None:
    """Rows of 6 pixels, 4 in a beat: a row's end is void."""
    needed("icarus", need)
    build(residual(), {"Bitsmith": {"pixels_per_cycle": 4}}, tmp_path / "build", vectors=5)
    assert bench("icarus", tmp_path / "build") == dict.fromkeys(TESTS, "")


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_a_top_with_many_ports(simulator: str, tmp_path: Path, need: Need) -> None:
    needed(simulator, need)
    build(many_ports(), {"Bitsmith": {"pixels_per_cycle": 2}}, tmp_path / "build", vectors=32)
    decisions = np.load(tmp_path / "build" / "vectors" / "output_decision.npy")
    assert {3} < set(decisions.ravel().tolist()), "the threshold decides nothing"
    assert bench(simulator, tmp_path / "build") == dict.fromkeys(TESTS, "")


@pytest.mark.parametrize("simulator", [pytest.param("verilator", marks=pytest.mark.slow), "icarus"])
def test_a_recurrent_top_with_sequences_side_by_side(simulator: str, tmp_path: Path, need: Need) -> None:
    """Seven vectors, three in a frame."""
    needed(simulator, need)
    config = configuration("distributed_arithmetic") | {"Bitsmith": {"interleaved_sequences": 3}}
    build(network(), config, tmp_path / "build", vectors=7)
    assert bench(simulator, tmp_path / "build", {"FRAMES": "5"}) == dict.fromkeys(TESTS, "")


# What is spoilt, and the tests that must find it; the others may.
SPOILED = {
    "a wrong constant": ("plus_three.v", "6'sd3", "6'sd2", {"full_speed", "idle_source"}),
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
    "no tlast": ("plus_three.v", "m_tlast <= s_tlast", "m_tlast <= 0", {"full_speed"}),
    "tlast_error never set": ("adder.v", "tlast_error <= 1", "tlast_error <= 0", {"wrong_tlast_is_reported"}),
    "one cycle less predicted": ("ports.json", "[7, 13", "[6, 13", {"full_speed"}),
    "a longer interval predicted": ("ports.json", "13, 19", "13, 20", {"full_speed"}),
    "an early tlast": ("plus_three.v", "m_tlast <= s_tlast", "m_tlast <= !s_tlast", {"full_speed"}),
    "tvalid falls before tready": ("twice.v", "if (rst)", "if (rst | (m_tvalid & !m_tready))", {"back_pressure"}),
}


@pytest.mark.parametrize("spoilt", SPOILED)
def test_every_bench_can_fail(spoilt: str, tmp_path: Path, need: Need) -> None:
    need("iverilog")
    file, old, new, found = SPOILED[spoilt]
    edit(adder(tmp_path) / "rtl" / file, old, new)
    results = bench("icarus", tmp_path)
    assert found <= {name for name, failure in results.items() if failure}, results


def test_the_benches_that_must_find_something_are_all_shown_to() -> None:
    """Every test of the bench fails for some spoilt top above."""
    assert set().union(*(found for *_, found in SPOILED.values())) == TESTS
