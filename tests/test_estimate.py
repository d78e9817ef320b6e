"""Predicted cycles are the simulated ones, to the cycle; and what an estimate says of a build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from random_graphs import Forest

from bitsmith.gen.ir import Graph
from bitsmith.gen.rtl.emit import emit_plan
from bitsmith.gen.rtl.plan import Plan, plan
from bitsmith.gen.schedule import FRAMES, Schedule
from bitsmith.gen.verify import verilator
from bitsmith.gen.verify.simulation import Drive, Run
from bitsmith.gen.verify.vectors import Batch, make
from bitsmith.hw.sim.ports import Top
from bitsmith.sim.ops.argmax import Argmax
from bitsmith.sim.predict import Reference

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
CHAINS, JOINS = 5, 1


def forest(pixels: int, seed: int, slow: bool) -> Forest:
    """Six networks; widths that are and are not multiples of the pixels per cycle, about as many beats in each."""
    grown = Forest(np.random.default_rng(seed))
    for _ in range(CHAINS):
        width = int(grown.rng.integers(max(4, pixels // 2), 2 * pixels + 6))
        grown.chain(int(grown.rng.integers(4, 9)), width, slow)
    for _ in range(JOINS):
        grown.fork_and_join(5, pixels + 3)
    return grown


def simulated(planned: Plan, folder: Path, inputs: Batch, drive: Drive) -> Run:
    device = verilator.build(Top.load(folder / "rtl").without_traces(), folder / "sim")
    return device.run(inputs, drive)


def threshold(graph: Graph) -> int:
    return next((node.op.threshold for node in graph.nodes if isinstance(node.op, Argmax)), 0)


@pytest.mark.parametrize("name", GROUPS)
def test_every_network_takes_the_predicted_cycles_and_gives_the_reference(
    name: str, tmp_path: Path, need: Need
) -> None:
    need("g++", "verilator")
    pixels, seed, slow = GROUPS[name]
    grown = forest(pixels, seed, slow)
    graph = grown.graph("forest")
    planned = plan(graph, pixels, grown.choices)
    schedule = emit_plan(planned, tmp_path / "rtl")
    inputs = make(graph.inputs, FRAMES + 2, seed)
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
        output: tuple(end - run.first_input for end in ends[:FRAMES])
        for output, ends in zip(planned.outputs, run.frame_ends)
    }
    assert got == {output: schedule.ends_by_output[stage] for output, stage in planned.outputs.items()}
    assert run.latency_cycles == schedule.latency
    assert run.interval_cycles == schedule.interval
