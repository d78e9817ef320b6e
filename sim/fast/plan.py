"""From a graph to fast steps: which products are exact in floats, and what may be done together."""

from __future__ import annotations

from ..graph import Graph, Node
from ..op import Spec
from ..ops.activation import Activation, Kind
from ..ops.conv2d import Conv2D
from ..ops.lstm import LSTM
from ..recurrent import Recurrent
from .epilogue import Epilogue
from .recurrent_steps import is_projection, recurrent_step
from .registry import ALONE, CHAINS, load
from .steps import ComputeStep, Step

load()


def make_plan(graph: Graph) -> list[Step]:
    """Steps that compute every output of the graph, in order."""
    specs, steps = graph.specs(), list[Step]()
    recurrent, done = _recurrent(graph, specs)
    for node in graph.nodes:
        if node.name in recurrent:
            steps.append(recurrent[node.name])
        if node.name in done:
            continue
        chain = _chain(node, graph)
        step = _fused(chain, specs)
        while step is None and len(chain) > 1:
            chain = chain[:-1]
            step = _fused(chain, specs)
        steps.append(step or _single(node, specs))
        done.update(member.name for member in chain)
    return steps


def _recurrent(graph: Graph, specs: dict[str, Spec]) -> tuple[dict[str, Step], set[str]]:
    """Fast steps by the name of the recurrent node, at whose place they run, and every node that they compute."""
    found, done = dict[str, Step](), set[str]()
    producers = {node.name: node for node in graph.nodes}
    for node in graph.nodes:
        if not isinstance(node.op, Recurrent):
            continue
        before, rounded = producers.get(node.inputs[0]), _state_rounding(node, graph)
        fits = before is not None and is_projection(before.op) and _only_reader(before.name, graph) is node
        for projection in (before, None) if fits else (None,):
            source, last = projection or node, rounded or node
            conv = source.op if isinstance(source.op, Conv2D) else None
            inputs = (source.inputs[0], *node.inputs[1:])
            step = recurrent_step(inputs, last.name, specs[last.name], node.op, conv, rounded is not None)
            if step is not None:
                found[node.name] = step
                done |= {source.name, node.name, last.name}
                break
    return found, done


def _state_rounding(node: Node, graph: Graph) -> Node | None:
    """The activation behind a recurrent node, where it rounds as the state is rounded: then the state is the output."""
    behind, op = _only_reader(node.name, graph), node.op
    if behind is None or not isinstance(behind.op, Activation) or not isinstance(op, Recurrent):
        return None
    cast = op.state
    same = Activation(behind.op.input_type, Kind.LINEAR, cast.type, cast.rounding, cast.overflow)
    with_cell = isinstance(op, LSTM) and op.with_cell
    return behind if behind.op == same and not with_cell else None


def _only_reader(name: str, graph: Graph) -> Node | None:
    """The node that reads a tensor which nothing else reads and which is no output."""
    readers = [node for node in graph.nodes for source in node.inputs if source == name]
    return readers[0] if len(readers) == 1 and name not in graph.outputs else None


def _chain(node: Node, graph: Graph) -> list[Node]:
    """The node and those behind it that may join its step and that nothing else reads, each kind once, in any order."""
    known = CHAINS.get(type(node.op))
    chain, kinds = [node], set(known.takes_in if known else ())
    while (behind := _only_reader(chain[-1].name, graph)) is not None and type(behind.op) in kinds:
        kinds.remove(type(behind.op))
        chain.append(behind)
    return chain


def _fused(chain: list[Node], specs: dict[str, Spec]) -> Step | None:
    """One step for the whole chain, or None where floats are not exact or the order may not be changed."""
    known = CHAINS.get(type(chain[0].op))
    activation = next((node.op for node in chain[1:] if isinstance(node.op, Activation)), None)
    if known is None or (activation is not None and activation.kind is Kind.TABLE):
        return None
    return known.make(chain, specs, Epilogue(activation) if activation else None)


def _single(node: Node, specs: dict[str, Spec]) -> Step:
    spec, make = specs[node.name], ALONE.get(type(node.op))
    step = make(node.inputs, node.name, spec, node.op) if make else None
    return step or ComputeStep(node.inputs, node.name, spec, node.op)
