"""Layers of a plan by themselves, side by side: each layer's own modules between ports of its own.

What stands alone is not planned again: the cores are the plan's, with the strategies, reuse factors, pixels per cycle
and interleaving that were decided for the whole network, so their modules are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ...hw.rtl.join import entrance
from ...hw.rtl.layout import Layout
from ...sim.errors import BitsmithError
from ...sim.graph import Graph, Node
from ...sim.names import unused
from ..passes.interleave import interleave
from .stages import Plan, PlannedStage

ENTRANCE = "alone"


@dataclass
class Alone:
    """``inputs``: a layout for each of the node's inputs, in order. ``modules``: the plan's own that are in it."""

    node: Node
    stages: list[PlannedStage] = field(default_factory=list)
    inputs: dict[str, Layout] = field(default_factory=dict)

    @property
    def modules(self) -> list[str]:
        made = [stage for stage in self.stages if stage.part != ENTRANCE]
        return [*(stage.core.name for stage in made), *(m.name for stage in self.stages for m in stage.pointwise)]


def alone(plan: Plan, node: Node) -> Alone:
    """The stages of one node, whose ``inputs`` are the names of its streams; BitsmithError where it has none."""
    stage = next((stage for stage in plan.stages if node.name in stage.nodes), None)
    if stage is None:
        raise BitsmithError("it has no module of its own")
    place = stage.nodes.index(node.name) - (len(stage.nodes) - len(stage.pointwise))
    found = Alone(node)
    if place < 0:
        _core(plan, stage, found)
        return found
    module, (source,) = stage.pointwise[place], node.inputs
    name = unused(f"{node.name}_{ENTRANCE}", {s.name for s in plan.stages} | {n.name for n in plan.graph.nodes})
    first = entrance(name, module.layout)
    found.inputs[source] = module.layout
    found.stages.append(PlannedStage(name, first, (source,), pointwise=[module], nodes=[node.name], part=ENTRANCE))
    return found


def _core(plan: Plan, stage: PlannedStage, found: Alone) -> None:
    """A core and what stands in front of it for it alone."""
    if len(stage.sources) != len(found.node.inputs):
        raise BitsmithError("its module has other inputs than the layer")
    sources = [_stream(plan, source, name, found) for source, name in zip(stage.sources, found.node.inputs)]
    found.stages.append(replace(stage, sources=tuple(sources), pointwise=[], nodes=[found.node.name]))


def _stream(plan: Plan, source: str, name: str, found: Alone) -> str:
    """The stream that is read: an input of its own, or what a helper makes of one."""
    helper = None if source in plan.inputs else plan.stage(source)
    if helper is None or helper.nodes or len(helper.sources) != 1 or len(plan.buffered(helper)) != 1:
        found.inputs[name] = plan.inputs[source] if helper is None else helper.layout
        return name
    found.stages.append(replace(helper, sources=(_stream(plan, helper.sources[0], name, found),)))
    return helper.name


def side_by_side(plan: Plan, graph: Graph, parts: list[Alone]) -> Plan:
    """One plan of several layers that share nothing; ``graph`` has their nodes and their inputs."""
    form = interleave(graph, plan.sequences) if plan.sequences else graph
    return replace(_of(plan, parts), graph=form, model=graph)


def depths(plan: Plan, parts: list[Alone]) -> dict[tuple[str, int], int]:
    """Places of the buffers with which each layer keeps its own interval: none waits for a slower one."""
    each = [_of(plan, [part]).network().depths() for part in parts]
    return {reader: places for one in each for reader, places in one.items()}


def _of(plan: Plan, parts: list[Alone]) -> Plan:
    inputs = {name: layout for part in parts for name, layout in part.inputs.items()}
    outputs = {part.node.name: part.stages[-1].name for part in parts}
    return replace(plan, inputs=inputs, stages=[stage for part in parts for stage in part.stages], outputs=outputs)
