"""The planner: hardware follows the rate that a layer sees, and nothing waits for a whole frame."""

from __future__ import annotations

import pytest
from sim_graphs import student2

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.rtl.choices import latency, plan_for
from bitsmith.gen.rtl.plan import Choice, Plan, plan
from bitsmith.gen.rtl.top import Top
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.argmax import Argmax

STRATEGIES = ("latency", "resource", "distributed_arithmetic")


def planned(pixels: int, strategy: str = "resource", **choices: Choice) -> Plan:
    return plan(student2(), pixels, choices, Choice(strategy))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("pixels", [1, 2, 4, 8, 16])
def test_every_stage_keeps_up_with_the_camera(pixels: int, strategy: str) -> None:
    """48 rows of 48/pixels beats; a last beat may have to be flushed out of the first window."""
    network = planned(pixels, strategy).network()
    beats = 48 * 48 // pixels
    assert beats <= network.interval <= beats + 1
    assert network.solve(network.depths()).interval == network.interval


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_latency_and_interval_reach_the_goal(strategy: str) -> None:
    """The cell sorter at 1 and 16 pixels per cycle; other tests compare these predictions with the simulation."""
    for pixels, most, interval in ((1, 2304 + 120, 2304), (16, 400, 160)):
        network = planned(pixels, strategy).network()
        schedule = network.solve(network.depths())
        assert schedule.latency <= most
        assert schedule.interval <= interval


def test_after_pooling_a_quarter_of_the_hardware() -> None:
    """conv2 sees a quarter of the pixels: at one pixel per cycle each multiplier is used four times …"""
    assert planned(1).stage("conv2").reuse == 4
    assert planned(1, "distributed_arithmetic").stage("conv2").reuse == 4
    assert planned(1).stage("conv1").reuse == 1


def test_sixteen_pixels_need_four_kernels_behind_the_pool() -> None:
    """… and at sixteen, four kernels stand where the first layer has sixteen."""
    plan_16 = planned(16)
    assert plan_16.stage("conv1").core.output.lanes == 16
    assert plan_16.stage("conv2").core.output.lanes == 4


def test_a_buffer_too_small_is_seen() -> None:
    """The computed depths are needed: with one place less somewhere, frames come later or not at all."""
    network = planned(1).network()
    depths = network.depths()
    best = network.solve(depths)
    slower = 0
    for key in depths:
        if depths[key] > 1:
            tight = network.solve({**depths, key: depths[key] - 1})
            slower += (tight.latency, tight.ends) != (best.latency, best.ends)
    assert slower


def test_a_slow_layer_holds_the_source_back() -> None:
    """A reuse factor of 36 makes conv2 the bottleneck: 23 * 23 steps, 441 of which take 36 cycles."""
    network = planned(1, conv2=Choice("resource", 36)).network()
    schedule = network.solve(network.depths())
    assert schedule.interval == 23 * 23 - 441 + 441 * 36


def configured(**bitsmith: object) -> Plan:
    data = {"Bitsmith": {"strategy": "resource", **bitsmith}}
    return plan_for(student2(), parse_config(data))


def test_a_latency_is_reached_with_more_hardware() -> None:
    """Without a target conv2's multipliers work four times, dense's sixteen; a shorter tail takes more of them."""
    relaxed, quick = configured(), configured(latency_cycles=2300)
    assert latency(quick) <= 2300 < latency(relaxed)
    assert quick.stage("conv2").reuse * quick.stage("dense").reuse < 4 * 1600 == relaxed.stage("dense").reuse * 4


def test_an_interval_is_used_up() -> None:
    """With four times the cycles a frame, the multipliers of the second convolution work about four times as often."""
    slow = configured(interval_cycles=4 * 2304)
    assert slow.network().interval <= 4 * 2304
    assert slow.stage("conv2").reuse >= 3 * configured().stage("conv2").reuse


@pytest.mark.parametrize("target", ["latency_cycles", "interval_cycles"])
def test_what_cannot_be_reached_is_said(target: str) -> None:
    with pytest.raises(BitsmithError, match=rf"{target}: 100 is not reached, \d+ is"):
        configured(**{target: 100})


def test_a_layer_type_and_a_wish_for_the_model() -> None:
    data = {
        "HLSConfig": {
            "Model": {"ReuseFactor": 10, "Strategy": "resource"},
            "LayerType": {"QDense": {"Strategy": "latency"}},
        }
    }
    found = plan_for(student2(), parse_config(data))
    assert found.stage("conv1").reuse == 9  # the nearest divisor of 144
    assert found.stage("dense").strategy == "latency"


def test_an_illegal_reuse_factor_names_the_layer_and_prints_the_legal_ones() -> None:
    with pytest.raises(
        BitsmithError, match=r"layer 'conv1': a reuse factor of 5 is not legal.*1, 2, 3, 4, 6, 8, 9, 12"
    ):
        planned(1, conv1=Choice("resource", 5))


def test_two_decisions_with_thresholds_of_their_own_are_refused() -> None:
    """The top has one threshold port."""
    type_ = Fixed(True, 3, 4)
    nodes = tuple(Node(f"decision_{k}", Argmax(type_, k), ("x",), f"decision_{k}") for k in range(2))
    graph = Graph("two", (("x", Spec((4,), type_)),), nodes, tuple(node.name for node in nodes))
    found = plan(graph, 1, {})
    with pytest.raises(BitsmithError, match="'decision_0' and 'decision_1' need thresholds of their own"):
        Top(found, found.network().depths())
