"""The planner: hardware follows the rate that a layer sees, and nothing waits for a whole frame."""

from __future__ import annotations

import pytest
from sim_graphs import student2

from bitsmith.gen.rtl.plan import Choice, Plan, plan
from bitsmith.sim.errors import BitsmithError

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
    """The issue's limits; the simulation is held to these predictions elsewhere."""
    for pixels, latency, interval in ((1, 2304 + 120, 2304), (16, 400, 160)):
        network = planned(pixels, strategy).network()
        schedule = network.solve(network.depths())
        assert schedule.latency <= latency
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


def test_an_illegal_reuse_factor_names_the_layer_and_prints_the_legal_ones() -> None:
    with pytest.raises(
        BitsmithError, match=r"layer 'conv1': a reuse factor of 5 is not legal.*1, 2, 3, 4, 6, 8, 9, 12"
    ):
        planned(1, conv1=Choice("resource", 5))
