"""What a node's hardware has to know of the nodes around it."""

from __future__ import annotations

from ...hw.rtl.role import PointwiseRole, ReshapeRole, StreamRole, role_of
from ...sim.graph import Graph, Node


def readers(graph: Graph, name: str) -> list[Node]:
    """The nodes that read a tensor, those behind pointwise ones in their place."""
    found: list[Node] = []
    for node in graph.consumers(name):
        found += readers(graph, node.name) if isinstance(role_of(node.op), PointwiseRole) else [node]
    return found


def reads(graph: Graph, tensor: str) -> int:
    """How often a tensor is read, under whatever shape: by nodes and as outputs."""
    count = sum(name == tensor for name in graph.outputs)
    for node in graph.nodes:
        for source in node.inputs:
            if source == tensor:
                count += reads(graph, node.name) if _reshapes(node) else 1
    return count


def origin(graph: Graph, tensor: str) -> str:
    """The tensor before it got another shape."""
    producers = {node.name: node for node in graph.nodes}
    while tensor in producers and _reshapes(producers[tensor]):
        tensor = producers[tensor].inputs[0]
    return tensor


def _reshapes(node: Node) -> bool:
    return isinstance(role_of(node.op), ReshapeRole)


def _streams(node: Node) -> StreamRole | None:
    role = role_of(node.op)
    return role if isinstance(role, StreamRole) else None


def is_recurrent(node: Node) -> bool:
    role = _streams(node)
    return role is not None and role.recurrent


def _repeats(node: Node) -> bool:
    role = _streams(node)
    return role is not None and role.repeats


def repeated(graph: Graph, node: Node) -> bool:
    """Whether a node's result is sent at every step of a sequence: it has a whole frame's time."""
    return any(_repeats(reader) for reader in readers(graph, node.name))


def projects(graph: Graph, node: Node) -> bool:
    """Whether a node makes the gate inputs of a recurrent layer."""
    role = _streams(node)
    if role is None or not role.projects:
        return False
    behind = readers(graph, node.name)
    behind += [reader for n in behind if _repeats(n) for reader in readers(graph, n.name)]
    return any(is_recurrent(reader) for reader in behind)
