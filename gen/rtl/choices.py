"""What the configuration asks of the hardware, in the planner's words."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ...hw.rtl.recurrent import RecurrentCore
from ...sim.errors import BitsmithError
from ...sim.graph import Graph, Node
from ...sim.recurrent import Recurrent
from ..passes.interleave import interleave, recurrent
from .plan import SHARED, STRATEGY_DEFAULT, Choice, Plan, PlannedStage, plan, readers, repeated

if TYPE_CHECKING:
    from ..config.layer import LayerConfig
    from ..config.schema import Config


def plan_for(graph: Graph, config: Config) -> Plan:
    """The plan that the configuration asks for; BitsmithError where a layer or a target cannot be reached."""
    choices = _choices(graph, config)
    if not recurrent(graph):
        if config.bitsmith.interleaved_sequences is not None:
            raise BitsmithError("Bitsmith.interleaved_sequences: the model has no recurrent layer; remove it")
        return _within_targets(partial(_plan, graph, 0, config, choices), config)
    sequences = config.bitsmith.interleaved_sequences or keeping_busy(graph, config)
    return _within_targets(partial(_plan, graph, sequences, config, choices), config)


def _choices(graph: Graph, config: Config) -> dict[str, Choice]:
    return {node.name: choice(graph, config, node) for node in graph.nodes if node.op.stem in SHARED}


def _plan(graph: Graph, sequences: int, config: Config, choices: dict[str, Choice], slack: int | None = None) -> Plan:
    """The plan for so many sequences side by side; 0 for a network that is not recurrent."""
    wanted = config.bitsmith
    form = interleave(graph, sequences) if sequences else graph
    slack = wanted.slack_cycles if slack is None else slack
    found = plan(form, wanted.pixels_per_cycle, choices, interval=wanted.interval_cycles or 0, slack=slack)
    return replace(found, model=graph, sequences=sequences)


MANY, MOST_ROUNDS = 4096, 4


def keeping_busy(graph: Graph, config: Config) -> int:
    """The fewest sequences with which no recurrent layer waits for itself; 1 where they cannot stand side by side."""
    try:
        interleave(graph, MANY)
    except BitsmithError:
        return 1
    sequences, choices = MANY, _choices(graph, config)
    for _ in range(MOST_ROUNDS):  # fewer sequences may let a layer be shared otherwise
        needed = max(_busy_from(stage) for stage in _plan(graph, sequences, config, choices).stages)
        if needed == sequences:
            break
        sequences = needed
    return sequences


def _busy_from(stage: PlannedStage) -> int:
    """Sequences that keep a stage's core busy."""
    core = stage.core
    if not isinstance(core, RecurrentCore):
        return 1
    return -(-core.recurrence // core.reuse) * core.inputs[0].layout.lanes


def _within_targets(make: partial[Plan], config: Config) -> Plan:
    """The plan, or an error where it misses the configuration's cycles."""
    wanted = config.bitsmith
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
    """What the configuration asks of a layer: by layer name, by layer type, by Bitsmith's own key, for the model.

    Everything follows from it: the planner decides on it, and Verilog, HLS, estimate and report show what it decided.

    hls4ml writes ``ReuseFactor: 1`` where nobody asked for anything, so 1 at the model's level leaves the choice to
    the planner; a larger one there is a wish, a layer's own is an order.
    """
    own = _sections(graph, config, node)
    strategies = [section.strategy for section in own] + [config.bitsmith.strategy, config.hls.model.strategy]
    strategy = next((s for s in strategies if s), STRATEGY_DEFAULT)
    reuse = next((factor for section in own if (factor := _factor(section, node))), None)
    wish = config.hls.model.reuse_factor
    if _projects(graph, node):  # the layer's own factor is its recurrent product's
        named = config.hls.layer_name.get(_label(graph, node))
        general = next((section.reuse_factor for section in own if section.reuse_factor), None)
        wish, reuse = general or wish, named.reuse_factor if named else None
        if repeated(graph, node):
            wish = None
    return Choice(strategy, reuse, wish if wish and wish > 1 else None)


def _factor(section: LayerConfig, node: Node) -> int | None:
    """A section's reuse factor for a node: that of the part of a layer that it is, else the whole layer's."""
    part = None
    if isinstance(node.op, Recurrent):
        part = section.recurrent_reuse_factor
    elif "Separable" in node.class_name:
        depthwise = node.op.stem == "depthwise_conv2d"
        part = section.depthwise_reuse_factor if depthwise else section.pointwise_reuse_factor
    return part or section.reuse_factor


def _projects(graph: Graph, node: Node) -> bool:
    """Whether a node makes the gate inputs of a recurrent layer."""
    behind = readers(graph, node.name)
    behind += [reader for n in behind if n.op.stem == "repeat_vector" for reader in readers(graph, n.name)]
    return node.op.stem in ("conv2d", "dense") and any(isinstance(reader.op, Recurrent) for reader in behind)


def _label(graph: Graph, node: Node) -> str:
    """The model's own name for a node."""
    return graph.labels.get(node.name, node.name)


def _sections(graph: Graph, config: Config, node: Node) -> list[LayerConfig]:
    """What the configuration says of a node: by its own name, by its layer's, by the layer's class."""
    by_name = [config.hls.layer_name.get(name) for name in dict.fromkeys((_label(graph, node), node.layer))]
    by_type = [own for name, own in config.hls.layer_type.items() if _is(name, node)]
    return [section for section in by_name if section is not None] + by_type


def _is(class_name: str, node: Node) -> bool:
    """Whether a node comes from a layer of this class; in a graph made by hand, whose nodes have none, by the stem."""
    if node.class_name:
        return class_name == node.class_name
    stem = class_name.removeprefix("Q").removeprefix("Fixed").lower().replace("1d", "2d")
    return stem == node.op.stem.replace("_", "")
