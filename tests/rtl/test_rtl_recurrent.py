"""Recurrent networks in Verilog: states in and out, both directions, joined by vectors; sequences side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hardware import SEED
from seq2seq import configuration, network
from test_hls_recurrent import networks

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.passes.interleave import interleave
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.rtl.emit import emit_plan
from bitsmith.gen.rtl.schedule import FRAMES
from bitsmith.gen.simulate import verilator
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.simulate.simulation import Drive
from bitsmith.gen.verify import vectors
from bitsmith.gen.verify.diverge import internals
from bitsmith.hw.rtl.recurrent import RecurrentCore
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import IntArray
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.global_average_pool2d import GlobalAveragePool2D
from bitsmith.sim.ops.global_max_pool2d import GlobalMaxPool2D
from bitsmith.sim.ops.up_sampling2d import UpSampling2D
from bitsmith.sim.ops.zero_padding2d import ZeroPadding2D

Need = Callable[..., None]
SEQUENCES = 3


@pytest.mark.parametrize(("pixels", "strategy"), [(1, "latency"), (2, "distributed_arithmetic"), (1, "resource")])
def test_networks_equal_the_reference(pixels: int, strategy: str, tmp_path: Path, need: Need) -> None:
    """Every output, every layer, every probed tensor inside, every cycle; then under stalls after a reset."""
    need("g++", "verilator")
    graph = networks()
    ours = {"pixels_per_cycle": pixels, "strategy": strategy, "interleaved_sequences": SEQUENCES}
    plan = plan_for(graph, parse_config({"Bitsmith": ours}))
    schedule = emit_plan(plan, tmp_path / "rtl")
    batch = vectors.make(graph.inputs, 2 * FRAMES * SEQUENCES - 1, SEED)  # the last frame is not full
    expected = Reference(graph).trace_raw(*batch.values())
    expected |= internals(graph, expected)
    device = verilator.build(Top.load(tmp_path / "rtl").traced(), tmp_path / "sim")
    run = device.run(batch)
    assert run.problems == ()
    assert {name for name in run.traces if "." in name}
    for name, raw in {**run.traces, **run.outputs}.items():
        np.testing.assert_array_equal(raw, expected[name], err_msg=name)
    for name, ends in zip(run.outputs, run.frame_ends):
        predicted = schedule.ends_by_output[plan.outputs[name]]
        assert len(predicted) == FRAMES
        assert tuple(end - run.first_input for end in ends[:FRAMES]) == predicted, name
    stalled = device.run(batch, Drive(stalls=True, resets=3, seed=SEED))
    assert stalled.problems == ()
    for name, raw in stalled.outputs.items():
        np.testing.assert_array_equal(raw, expected[name], err_msg=name)


@pytest.mark.parametrize("sequences", [1, 4])
def test_the_interleaved_graph_computes_the_same(sequences: int) -> None:
    """Side by side or alone, the integers are those of the graph of one sequence."""
    graph = networks()
    batch = vectors.make(graph.inputs, 3 * sequences, SEED)
    expected = dict(zip(graph.outputs, Reference(graph).predict_raw(*batch.values())))

    def together(x: IntArray) -> IntArray:
        """(count, 1, steps, channels) or (count, channels) to (frames, steps, sequences, channels)."""
        steps: IntArray = x.reshape(-1, sequences, x.shape[-2] if x.ndim == 4 else 1, x.shape[-1])
        frames: IntArray = steps.swapaxes(1, 2)
        return frames

    wide = interleave(graph, sequences)
    got = Reference(wide).predict_raw(*(together(x) for x in batch.values()))
    for name, raw in zip(wide.outputs, got):
        np.testing.assert_array_equal(raw, together(expected[name]), err_msg=name)


def test_as_many_sequences_as_keep_it_busy() -> None:
    plan = plan_for(network(), parse_config(configuration("latency")))
    cores = [stage.core for stage in plan.stages if isinstance(stage.core, RecurrentCore)]
    assert plan.sequences == max(core.recurrence for core in cores)
    assert [core.utilization for core in cores] == [1.0, 1.0]
    fewer = plan_for(network(), parse_config({"Bitsmith": {"interleaved_sequences": plan.sequences - 1}}))
    assert min(s.core.utilization for s in fewer.stages if isinstance(s.core, RecurrentCore)) < 1


def behind(node: Node) -> Graph:
    """The small network with one node more."""
    graph = network()
    return Graph(graph.name, graph.inputs, (*graph.nodes, node), (node.name,))


@pytest.mark.parametrize("pool", [GlobalMaxPool2D, GlobalAveragePool2D])
def test_pooling_over_time_stays_side_by_side(pool: type) -> None:
    wide = network().specs()["y"].type
    op = pool(wide) if pool is GlobalMaxPool2D else pool(wide, wide)
    graph = behind(Node("pooled", op, ("y",), "pooled"))
    x = np.random.default_rng(3).integers(0, 256, (6, 1, 5, 1))
    (expected,) = Reference(graph).predict_raw(x)
    (got,) = Reference(interleave(graph, 3)).predict_raw(x[:, 0].reshape(2, 3, 5, 1).swapaxes(1, 2))
    np.testing.assert_array_equal(got.reshape(expected.shape), expected)


@pytest.mark.parametrize(("stem", "more"), [(UpSampling2D, (1, 3)), (ZeroPadding2D, ((0, 0), (2, 1)))])
def test_more_steps_stay_side_by_side(stem: Any, more: Any) -> None:
    """Copies and zeros are steps of every sequence; rows would be no sequence any more."""
    wide = network().specs()["y"].type
    graph = behind(Node("longer", stem(wide, more), ("y",), "longer"))
    x = np.random.default_rng(3).integers(0, 256, (6, 1, 5, 1))
    (expected,) = Reference(graph).predict_raw(x)
    (got,) = Reference(interleave(graph, 3)).predict_raw(x[:, 0].reshape(2, 3, 5, 1).swapaxes(1, 2))
    np.testing.assert_array_equal(got.swapaxes(1, 2).reshape(expected.shape), expected)
    image = behind(Node("taller", stem(wide, more[::-1]), ("y",), "taller"))
    with pytest.raises(BitsmithError, match="'taller' is an image"):
        interleave(image, 3)


def test_a_reshape_across_time_goes_with_one_sequence_only() -> None:
    wide = network().specs()["y"].type
    graph = behind(Node("flat", Flatten(wide, (5,)), ("y",), "flat"))
    assert plan_for(graph, parse_config({})).sequences == 1
    with pytest.raises(BitsmithError, match="give Bitsmith: interleaved_sequences: 1"):
        plan_for(graph, parse_config({"Bitsmith": {"interleaved_sequences": 2}}))
