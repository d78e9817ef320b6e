"""What the configuration asks of the hardware, in the planner's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ir import Graph, Node
from .plan import SHARED, STRATEGY_DEFAULT, Choice, Plan, plan

if TYPE_CHECKING:
    from ..config import Config


def plan_for(graph: Graph, config: Config) -> Plan:
    """The plan that the configuration asks for; BitsmithError where a layer cannot be built so."""
    choices = {node.name: choice(graph, config, node) for node in graph.nodes if node.op.stem in SHARED}
    return plan(graph, config.bitsmith.pixels_per_cycle, choices)


def choice(graph: Graph, config: Config, node: Node) -> Choice:
    """By layer name, by layer type, Bitsmith's own key, for the model; the reuse factor only where a layer names one.

    hls4ml writes ``ReuseFactor: 1`` where nobody asked for anything, so 1 at the model's level leaves the choice to
    the planner.
    """
    hls = config.hls
    own = [hls.layer_name.get(name) for name in (node.layer, graph.labels.get(node.layer, ""), node.name)]
    named = [section for section in own if section is not None]
    strategies = [section.strategy for section in named] + [config.bitsmith.strategy, hls.model.strategy]
    strategy = next((s for s in strategies if s), STRATEGY_DEFAULT)
    reuse = next((section.reuse_factor for section in named if section.reuse_factor), None)
    return Choice(strategy, reuse)
