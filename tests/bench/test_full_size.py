"""The published networks: their sizes, what is refused, and a small width through the bench for the large ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bitsmith.bench import full_size
from bitsmith.bench.full_size import emit_network, prove, simulate_cpp
from bitsmith.bench.paper_networks import NETWORKS, analysis, beginning, hyper_synthesis, synthesis
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.graph import Graph
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.conv2d_transpose import Conv2DTranspose
from bitsmith.sim.ops.gdn import GDN

Need = Callable[..., None]


def test_shapes_are_the_paper_s() -> None:
    """Ballé et al. 2018: four halvings to y, two more to z, and back."""
    ends = {make.__name__: make(12, 20).specs()[make(12, 20).outputs[0]].shape for make in NETWORKS}
    assert ends == {
        "analysis": (16, 16, 20),
        "synthesis": (256, 256, 3),
        "hyper_analysis": (4, 4, 12),
        "hyper_synthesis": (16, 16, 20),
    }


def test_weights_of_the_largest_layer() -> None:
    ops = [node.op for node in analysis(192, 192, 16, 16).nodes]
    assert max(op.kernel.size for op in ops if isinstance(op, Conv2D)) == 921_600
    assert {op.gamma.shape for op in ops if isinstance(op, GDN)} == {(192, 192)}
    assert {op.gain.type.width for op in ops if isinstance(op, GDN)} == {32}


@pytest.mark.parametrize(
    ("strategy", "filters", "why"),
    [
        ("distributed_arithmetic", 64, "layer 'conv2'.*adder graph.*hours.*use strategy resource"),
        ("latency", 128, "layer 'conv2'.*a multiplier for each.*use strategy resource"),
    ],
)
def test_a_large_layer_is_refused_with_the_better_choice(strategy: str, filters: int, why: str) -> None:
    with pytest.raises(BitsmithError, match=why) as caught:
        plan_for(analysis(filters, 24, 16, 16), parse_config({"Bitsmith": {"strategy": strategy}}))
    assert "\n" not in str(caught.value)


def test_both_ends_of_a_narrow_codec_are_exact(tmp_path: Path, need: Need) -> None:
    """The bench's own proof; from 2,048 weights on a layer is in tiles, so both networks have some."""
    need("g++", "verilator")
    for graph, last in ((analysis(16, 20, 8, 8), "conv2_q"), (synthesis(8, 20, 2, 2), "igdn1_q")):
        found = prove(graph, last, tmp_path / graph.name, interval=12_000)
        assert found.compared > 0
        assert found.mismatches == 0
        assert found.predicted == found.simulated


def test_a_whole_narrow_network_in_the_cpp(tmp_path: Path, need: Need, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a reference of other weights must not pass."""
    need("g++")
    graph = hyper_synthesis(4, 5, 2, 2)
    assert simulate_cpp(graph, tmp_path, "-O0") == (8 * 8 * 5, 0)
    monkeypatch.setattr(full_size, "Reference", lambda graph: Reference(_spoilt(graph)))
    assert simulate_cpp(graph, tmp_path, "-O0")[1] > 0


def test_a_slow_network_is_no_deadlock(tmp_path: Path, need: Need) -> None:
    """Nothing moves on the ports for longer than the beats of a few frames would take."""
    need("g++", "verilator")
    found = prove(beginning(hyper_synthesis(4, 5, 2, 2), "deconv1_q"), "deconv1_q", tmp_path, interval=400_000)
    assert found.mismatches == 0
    assert found.predicted == found.simulated
    assert found.predicted[0] > 100_000


def test_the_bench_counts_a_difference(tmp_path: Path, need: Need, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference of other weights must not pass."""
    need("g++", "verilator")
    monkeypatch.setattr(full_size, "Reference", lambda graph: Reference(_spoilt(graph)))
    part = beginning(hyper_synthesis(4, 5, 2, 2), "deconv1_q")
    assert prove(part, "deconv1_q", tmp_path, interval=4_000).mismatches > 0


def _spoilt(graph: Graph) -> Graph:
    """One weight of the first layer is one step larger or smaller."""
    first, *rest = graph.nodes
    assert isinstance(first.op, Conv2DTranspose)
    kernel = first.op.kernel.copy()
    kernel[2, 2, 0, 0] ^= 1
    spoilt = replace(first.op, kernel=kernel)
    assert spoilt.accumulator.type == first.op.accumulator.type
    return replace(graph, nodes=(replace(first, op=spoilt), *rest))


def test_emission_reports_what_it_made(tmp_path: Path) -> None:
    found = emit_network(hyper_synthesis(8, 12), tmp_path, interval=40_000)
    assert found.name == "hyper_synthesis"
    assert 0 < found.interval <= 40_000
    assert found.megabytes > 0.01
    assert found.resources.dsp > 0
