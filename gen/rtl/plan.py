"""From a graph of integers to streaming stages: which core, how many pixels at once, how much hardware is shared."""

from __future__ import annotations

from collections.abc import Mapping

from ...sim.graph import Graph
from .planner import Planner
from .stages import STRATEGY_DEFAULT, Choice, Origin, Plan, PlannedStage

__all__ = ["STRATEGY_DEFAULT", "Choice", "Origin", "Plan", "PlannedStage", "plan"]


def plan(
    graph: Graph,
    pixels_per_cycle: int,
    choices: Mapping[str, Choice],
    default: Choice | None = None,
    interval: int = 0,
    slack: int | None = None,
    lanes_from: Origin = Origin.PLANNER,
) -> Plan:
    """The stages for ``graph``, ``choices`` by node name; BitsmithError where something cannot be built, naming the
    layer.

    ``interval``: cycles that a frame may take at least. ``slack``: cycles by which sharing may delay the last beat of a
    layer, by default a thirty-second of the interval or 64. ``lanes_from``: who chose ``pixels_per_cycle``.
    """

    def planned(interval: int) -> Plan:
        return Planner(graph, pixels_per_cycle, choices, default or Choice(), interval, slack, lanes_from).run()

    return planned(max(planned(interval).network().interval, interval))
