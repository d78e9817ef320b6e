"""What the configuration asks of the hardware, in the planner's words."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ...sim.errors import BitsmithError
from ..ir import Graph, Node
from .plan import SHARED, STRATEGY_DEFAULT, Choice, Plan, plan

if TYPE_CHECKING:
    from ..config import Config
    from ..layer_config import LayerConfig


def plan_for(graph: Graph, config: Config) -> Plan:
    """The plan that the configuration asks for; BitsmithError where a layer or a target cannot be reached."""
    wanted = config.bitsmith
    choices = {node.name: choice(graph, config, node) for node in graph.nodes if node.op.stem in SHARED}
    make = partial(plan, graph, wanted.pixels_per_cycle, choices, interval=wanted.interval_cycles or 0)
    found = make()
    if wanted.interval_cycles is not None and found.network().interval > wanted.interval_cycles:
        best = found.network().interval
        raise BitsmithError(f"interval_cycles: {wanted.interval_cycles} is not reached, {best} is; {CURE}")
    if wanted.latency_cycles is None or latency(found) <= wanted.latency_cycles:
        return found
    fastest = make(slack=0)
    if latency(fastest) > wanted.latency_cycles:
        best = latency(fastest)
        raise BitsmithError(f"latency_cycles: {wanted.latency_cycles} is not reached, {best} is; {CURE}")
    return _cheapest(make, wanted.latency_cycles, fastest)


CURE = "ask for more, or raise pixels_per_cycle or lower the reuse factors"


def _cheapest(make: partial[Plan], goal: int, fastest: Plan) -> Plan:
    """The plan with the most slack, and so the least hardware, that still reaches the latency."""
    low, high, best = 0, latency(make()), fastest
    while high - low > 1:
        slack = (low + high) // 2
        found = make(slack=slack)
        if latency(found) <= goal:
            low, best = slack, found
        else:
            high = slack
    return best


def latency(found: Plan) -> int:
    network = found.network()
    return network.solve(network.depths()).latency


def choice(graph: Graph, config: Config, node: Node) -> Choice:
    """By layer name, by layer type, by Bitsmith's own key, for the model.

    hls4ml writes ``ReuseFactor: 1`` where nobody asked for anything, so 1 at the model's level leaves the choice to
    the planner; a larger one there is a wish, a layer's own is an order.
    """
    own = _sections(graph, config, node)
    strategies = [section.strategy for section in own] + [config.bitsmith.strategy, config.hls.model.strategy]
    strategy = next((s for s in strategies if s), STRATEGY_DEFAULT)
    reuse = next((section.reuse_factor for section in own if section.reuse_factor), None)
    wish = config.hls.model.reuse_factor
    return Choice(strategy, reuse, wish if wish and wish > 1 else None)


def _sections(graph: Graph, config: Config, node: Node) -> list[LayerConfig]:
    """What the configuration says of this layer, by name and by type (``QConv1D`` is a conv2d here)."""
    names = (node.layer, graph.labels.get(node.layer, ""), node.name)
    by_name = [config.hls.layer_name[name] for name in names if name in config.hls.layer_name]
    stem = node.op.stem.replace("_", "")
    types = config.hls.layer_type.items()
    return by_name + [own for name, own in types if name.removeprefix("Q").lower().replace("1d", "2d") == stem]
