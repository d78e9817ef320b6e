"""What the configuration asks of the hardware, in the planner's words."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ...hw.rtl.role import sharing_of
from ...sim.errors import BitsmithError
from ...sim.graph import Graph, Node
from ...sim.recurrent import recurrent
from ..classes import DIRECTIONS
from ..passes.interleave import interleave
from .plan import plan
from .relations import projects, repeated
from .stages import STRATEGY_DEFAULT, Choice, Origin, Plan, PlannedStage

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
    return {node.name: choice(graph, config, node) for node in graph.nodes if sharing_of(node.op)}


def _plan(graph: Graph, sequences: int, config: Config, choices: dict[str, Choice], slack: int | None = None) -> Plan:
    """The plan for so many sequences side by side; 0 for a network that is not recurrent."""
    wanted = config.bitsmith
    form = interleave(graph, sequences) if sequences else graph
    slack = wanted.slack_cycles if slack is None else slack
    given = "pixels_per_cycle" in wanted.model_fields_set
    lanes_from = Origin.BITSMITH if given else Origin.PLANNER
    interval = wanted.interval_cycles or 0
    found = plan(form, wanted.pixels_per_cycle, choices, interval=interval, slack=slack, lanes_from=lanes_from)
    return replace(found, model=graph, sequences=sequences, prefix=wanted.prefix or graph.name)


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
    return max(1, -(-core.recurrence // core.reuse) * core.inputs[0].layout.lanes)


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

    hls4ml writes ``ReuseFactor: 1`` wherever nobody asked for anything, so 1 leaves the choice to the planner, at every
    level; a larger one is a wish at the model's level, a layer's own is an order. It writes the model's to each layer,
    too, so a layer's that equals it says no more than the model's.
    """
    own, model = _sections(graph, config, node), config.hls.model
    strategy, strategy_from = _first(
        [(section.strategy, origin) for origin, section in own]
        + [(config.bitsmith.strategy, Origin.BITSMITH), (model.strategy, Origin.MODEL)]
    )
    order: Asked = _first([(_factor(section, graph, node), origin) for origin, section in own])
    wish: Asked = (model.reuse_factor, Origin.MODEL)
    if projects(graph, node):  # the layer's own factor is its recurrent product's
        named = config.hls.layer_name.get(_label(graph, node))
        general = _first([(_general(section, graph, node), origin) for origin, section in own])
        wish = general if general[0] else wish
        order = (named.reuse_factor, Origin.LAYER_NAME) if named else _NOTHING
        if repeated(graph, node):
            wish = _NOTHING
    if order[0] and order[0] == model.reuse_factor:
        order, wish = _NOTHING, (model.reuse_factor, Origin.MODEL)
    if order[0]:
        wish = _NOTHING
    order, wish = (_NOTHING if asked[0] in (None, _FREE) else asked for asked in (order, wish))
    reuse_from = order[1] if order[0] else wish[1]
    return Choice(strategy or STRATEGY_DEFAULT, order[0], wish[0], strategy_from, reuse_from)


_Value = TypeVar("_Value")
Asked = tuple[int | None, Origin]
_NOTHING: Asked = (None, Origin.PLANNER)
_FREE = 1
"""The reuse factor that leaves the choice to the planner."""


def _first(asked: list[tuple[_Value | None, Origin]]) -> tuple[_Value | None, Origin]:
    """The first value that is given, and where; nothing, and the planner, where none is."""
    return next(((value, origin) for value, origin in asked if value), (None, Origin.PLANNER))


def _factor(section: LayerConfig, graph: Graph, node: Node) -> int | None:
    """A section's reuse factor for a node: that of the part of a layer that it is, else the whole layer's."""
    sharing = sharing_of(node.op)
    part = f"{sharing.part}_reuse_factor" if sharing and sharing.part else ""
    directed = f"{_direction(graph, node)}_{part}"
    found = (getattr(section, name, None) for name in (directed, part) if part)
    return next((factor for factor in found if factor), None) or _general(section, graph, node)


def _general(section: LayerConfig, graph: Graph, node: Node) -> int | None:
    """A section's reuse factor for a whole layer: of a Bidirectional, that of the direction first."""
    directed: int | None = getattr(section, f"{_direction(graph, node)}_reuse_factor", None)
    return directed or section.reuse_factor


def _direction(graph: Graph, node: Node) -> str:
    """Which of the two layers inside of a Bidirectional a node is of; empty where it is of none."""
    label = _label(graph, node)
    return next((d for d in DIRECTIONS if label in (f"{node.layer}_{d}", f"{node.layer}_{d}_gates")), "")


def _label(graph: Graph, node: Node) -> str:
    """The model's own name for a node."""
    return graph.labels.get(node.name, node.name)


def _sections(graph: Graph, config: Config, node: Node) -> list[tuple[Origin, LayerConfig]]:
    """What the configuration says of a node: by its own name, by its layer's, by the layer's class."""
    sharing = sharing_of(node.op)
    part = f"{node.layer}_{sharing.part}" if sharing and "Separable" in node.class_name else node.layer
    by_name = [config.hls.layer_name.get(name) for name in dict.fromkeys((_label(graph, node), part, node.layer))]
    by_type = [own for name, own in config.hls.layer_type.items() if _is(name, node)]
    found = [(Origin.LAYER_NAME, section) for section in by_name if section is not None]
    return found + [(Origin.LAYER_TYPE, section) for section in by_type]


def _is(class_name: str, node: Node) -> bool:
    """Whether a node comes from a layer of this class; in a graph made by hand, whose nodes have none, by the stem."""
    if node.class_name:
        return class_name == node.class_name
    stem = class_name.removeprefix("Q").removeprefix("Fixed").lower().replace("1d", "2d")
    return stem == node.op.stem.replace("_", "")
