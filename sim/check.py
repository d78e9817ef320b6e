"""What makes a graph right: run after reading, after loading, and after every pass."""

from __future__ import annotations

from .errors import BitsmithError
from .graph import Graph
from .names import is_safe
from .op import Operator


def check_graph(graph: Graph) -> None:
    """BitsmithError unless names are safe and unique, edges point backwards, shapes and types fit, nothing is dead."""
    _check_names(graph)
    specs = dict(graph.inputs)
    for node in graph.nodes:
        missing = [name for name in node.inputs if name not in specs]
        if missing:
            raise BitsmithError(f"graph: '{node.name}' reads '{missing[0]}', which no input or earlier node writes")
        if not isinstance(node.op, Operator):
            raise BitsmithError(f"graph: '{node.name}' has no operator; build the model again")
        try:
            specs[node.name] = node.op.infer(*(specs[name] for name in node.inputs))
        except BitsmithError as error:
            raise BitsmithError(f"graph: '{node.name}': {error}") from None
    _check_ends(graph)


def _check_names(graph: Graph) -> None:
    if not is_safe(graph.name):
        raise BitsmithError(f"graph: the name '{graph.name}' is not safe; use sim.names.safe_name")
    seen: set[str] = set()
    for name in (*(name for name, _ in graph.inputs), *(node.name for node in graph.nodes)):
        if not is_safe(name):
            raise BitsmithError(f"graph: the name '{name}' is not safe; use sim.names.safe_name")
        if name in seen:
            raise BitsmithError(f"graph: tensor '{name}' has two writers; give each node its own name")
        seen.add(name)


def _check_ends(graph: Graph) -> None:
    written = {node.name for node in graph.nodes}
    if not graph.inputs or not graph.outputs:
        raise BitsmithError("graph: it needs at least one input and one output")
    for name in graph.outputs:
        if name not in written:
            raise BitsmithError(f"graph: output '{name}' is written by no node")
    if len(set(graph.outputs)) != len(graph.outputs):
        raise BitsmithError("graph: a tensor is an output twice; name it once")
    read = {name for node in graph.nodes for name in node.inputs} | set(graph.outputs)
    dead = [name for name in (*(name for name, _ in graph.inputs), *(n.name for n in graph.nodes)) if name not in read]
    if dead:
        raise BitsmithError(f"graph: '{dead[0]}' is read by nothing; remove it")
