"""Predicted cycles are the simulated ones, to the cycle; and what an estimate says of a build."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from random_graphs import PIXEL, Forest

from bitsmith.gen.build import build
from bitsmith.gen.resources.cost import Resources, constant_multiplier, memory, multiplexer, shift_register, table
from bitsmith.gen.resources.kernels import adder_graph
from bitsmith.gen.rtl.emit import emit_plan
from bitsmith.gen.rtl.plan import Plan, plan
from bitsmith.gen.rtl.schedule import FRAMES, Schedule
from bitsmith.gen.simulate import verilator
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.simulate.simulation import Drive, Run
from bitsmith.gen.synth.estimate import estimate
from bitsmith.gen.verify.batch import Batch
from bitsmith.gen.verify.vectors import make
from bitsmith.hw.rtl.adder_graph import Adder, AdderGraph, Output
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.graph import Graph
from bitsmith.sim.ops.argmax import Argmax
from bitsmith.sim.ops.concatenate import Concatenate

Need = Callable[..., None]
# Name: pixels per cycle, seed, whether layers have reuse factors of their own.
GROUPS = {
    "1 pixel": (1, 11, False),
    "2 pixels": (2, 12, False),
    "4 pixels": (4, 13, False),
    "8 pixels": (8, 14, False),
    "16 pixels": (16, 15, False),
    "shared multipliers": (2, 16, True),
}
SHORT = {"short frames, 1 pixel": (1, 21), "short frames, 4 pixels": (4, 22)}
CHAINS, JOINS = 5, 1


def forest(pixels: int, seed: int, slow: bool) -> Forest:
    """Six networks; widths that are and are not multiples of the pixels per cycle, about as many beats in each."""
    grown = Forest(np.random.default_rng(seed))
    for _ in range(CHAINS):
        width = int(grown.rng.integers(max(4, pixels // 2), 2 * pixels + 6))
        grown.chain(grown.pick(1, 4, 5, 6, 7, 8), width, slow)
    for _ in range(JOINS):
        grown.fork_and_join(5, pixels + 3)
    return grown


def short_frames(pixels: int, seed: int) -> Forest:
    """Networks of one or a few beats a frame behind pipelines in which many such frames have room."""
    grown = Forest(np.random.default_rng(seed))
    for count in (pixels, 3 * pixels, 7):
        source = grown.input((count,))
        grown.outputs.append(grown.dense(source, decided=True))
        grown.outputs.append(grown.dense(source, decided=False))  # of the same input, after fewer cycles
    joined = [grown.dense(grown.input((pixels,)), decided=False) for _ in range(2)]
    joined = [grown.activation(name) for name in joined]
    grown.outputs.append(grown.add(Concatenate((PIXEL, PIXEL)), *joined))
    return grown


def simulated(planned: Plan, folder: Path, inputs: Batch, drive: Drive) -> Run:
    device = verilator.build(Top.load(folder / "rtl").without_traces(), folder / "sim")
    return device.run(inputs, drive)


def threshold(graph: Graph) -> int:
    return next((node.op.threshold for node in graph.nodes if isinstance(node.op, Argmax)), 0)


@pytest.mark.parametrize("name", [*GROUPS, *SHORT])
def test_every_network_takes_the_predicted_cycles_and_gives_the_reference(
    name: str, tmp_path: Path, need: Need
) -> None:
    need("g++", "verilator")
    pixels, seed, *slow = GROUPS[name] if name in GROUPS else SHORT[name]
    grown = forest(pixels, seed, *slow) if name in GROUPS else short_frames(pixels, seed)
    graph = grown.graph("forest")
    planned = plan(graph, pixels, grown.choices)
    schedule = emit_plan(planned, tmp_path / "rtl")
    inputs = make(graph.inputs, max(FRAMES + 2, schedule.frames) if name in GROUPS else 2 * schedule.frames, seed)
    expected = dict(zip(graph.outputs, Reference(graph).predict_raw(*(inputs[n] for n, _ in graph.inputs))))
    for drive in (Drive(threshold=threshold(graph)), Drive(stalls=True, seed=seed, threshold=threshold(graph))):
        run = simulated(planned, tmp_path, inputs, drive)
        assert run.problems == ()
        for output, right in expected.items():
            np.testing.assert_array_equal(run.outputs[output], right, err_msg=output)
        if not drive.stalls:
            _check_cycles(planned, schedule, run)


def _check_cycles(planned: Plan, schedule: Schedule, run: Run) -> None:
    """Every output's last beat in every predicted frame; latency and interval of the whole."""
    got = {
        output: tuple(end - run.first_input for end in ends[: schedule.frames])
        for output, ends in zip(planned.outputs, run.frame_ends)
    }
    assert got == {output: schedule.ends_by_output[stage] for output, stage in planned.outputs.items()}
    assert run.latency_cycles == schedule.latency
    assert run.interval(schedule.steady) == schedule.interval == planned.network().interval


# what an estimate says ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fork that joins, with a dense layer, at 200 MHz."""
    grown = Forest(np.random.default_rng(3))
    grown.fork_and_join(5, 6)
    folder = tmp_path_factory.mktemp("estimate") / "built"
    build(grown.graph("joined"), {"ClockPeriod": 5, "Bitsmith": {"pixels_per_cycle": 2}}, folder, vectors=4)
    return folder


def test_an_estimate_is_whole_and_adds_up(built: Path) -> None:
    data = estimate(built)
    assert data == json.loads((built / "estimate.json").read_text())
    cycles = {"latency_cycles", "interval_cycles", "steady_frames", "frame_ends"}
    assert set(data) == {"clock_mhz", *cycles, "layers", "resources"}
    assert data["clock_mhz"] == 200
    assert data["interval_cycles"] == max(layer["busy_cycles"] for layer in data["layers"])
    for key in ("lut", "ff", "dsp", "bram"):
        assert data["resources"][key] == sum(layer[key] for layer in data["layers"])
    assert data["resources"]["source"] == "formula (an estimate)"
    names = [layer["name"] for layer in data["layers"]]
    top = json.loads((built / "rtl" / "ports.json").read_text())["top"]
    stages = {path.stem.removeprefix(f"{top}_") for path in (built / "rtl").glob("*.v")}
    assert len(set(names)) == len(names)
    assert set(names) <= stages


def test_a_layer_states_what_it_was_built_with(built: Path) -> None:
    layer = next(layer for layer in estimate(built)["layers"] if layer["operator"].startswith("conv2d"))
    stems = layer["operator"].split(" + ")
    assert (stems[0], stems[-1]) == ("conv2d", "activation")
    assert (layer["strategy"], layer["pixels_per_cycle"]) == ("latency", 2)
    assert layer["fifo_depth"] >= 1
    assert layer["lut"] > 0
    assert layer["ff"] > 0


def test_bad_questions_are_one_line(built: Path, tmp_path: Path) -> None:
    with pytest.raises(BitsmithError, match="one of formula, yosys"):
        estimate(built, "vivado")
    with pytest.raises(BitsmithError, match="no recurrent layer"):
        estimate(built, image=(512, 512))
    with pytest.raises(BitsmithError, match="no folder"):
        estimate(tmp_path / "absent")
    (tmp_path / "other").mkdir()
    with pytest.raises(BitsmithError, match="no build folder"):
        estimate(tmp_path / "other")


def test_prices_by_hand() -> None:
    """A LUT6 picks one of four; 32 words of 14 bits and 64 of 7 take 8 LUTs; SRL16 from three cycles on."""
    assert multiplexer(4, 8) == Resources(lut=8)
    assert multiplexer(1, 8) == Resources()
    assert memory(23, 128, registered=False) == Resources(lut=10 * 8)
    assert memory(46, 128, registered=True) == Resources(lut=19 * 8, ff=128)
    assert memory(512, 72, registered=True) == Resources(bram=1.0)
    assert shift_register(5, 2) == Resources(ff=10)
    assert shift_register(5, 17) == Resources(lut=10)
    assert table(np.array([1, 3, 1, 3]), 2) == Resources(lut=1)  # one of the two bits never changes
    assert table(np.arange(1600) % 37, 6) == Resources(bram=0.5)


@pytest.mark.parametrize(("weight", "dsp"), [(0, 0), (1, 0), (64, 0), (3, 1), (-77, 1), (-64, 0)])
def test_a_constant_product_is_a_shift_or_a_multiplier(weight: int, dsp: int) -> None:
    assert constant_multiplier(8, weight).dsp == dsp


def test_an_adder_graph_by_hand() -> None:
    """Of two unsigned 4-bit inputs: a + 4b varies together in bits 2 and 3, a + b in four."""
    outputs = (Output(2, 0, False),)
    assert adder_graph(AdderGraph(2, (Adder(0, 1, 0, 2, False),), outputs), (0, 15), 0) == Resources(lut=2)
    assert adder_graph(AdderGraph(2, (Adder(0, 1, 0, 0, False),), outputs), (0, 15), 0) == Resources(lut=4)
    # The same with the output a stage later: 4 + 1 bits wait in registers.
    assert adder_graph(AdderGraph(2, (Adder(0, 1, 0, 0, False),), outputs), (0, 15), 1) == Resources(lut=4, ff=5)
