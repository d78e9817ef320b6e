"""From a graph to fast steps: which products are exact in floats, and what may be done together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..op import Operator, Spec
from ..ops import (
    GDN,
    LSTM,
    Activation,
    Conv2D,
    Conv2DTranspose,
    Crop,
    Dense,
    Flatten,
    Kind,
    MaxPool2D,
    RepeatVector,
    Reverse,
    UpSampling2D,
    ZeroPadding2D,
)
from ..params import NO_PADDING
from ..recurrent import Recurrent
from .epilogue import FLOAT64, DType, Epilogue, carrier, magnitude
from .recurrent_steps import is_projection, recurrent_step
from .root_steps import gdn_step
from .scatter_steps import ScatterStep
from .steps import (
    ActivationStep,
    ComputeStep,
    MaxPoolStep,
    PlaceStep,
    ProductStep,
    ReshapeStep,
    Step,
    ViewStep,
    tensor_dtype,
)


class NodeLike(Protocol):
    """What a plan asks of ``sim.graph.Node``."""

    @property
    def name(self) -> str: ...
    @property
    def op(self) -> Operator: ...
    @property
    def inputs(self) -> tuple[str, ...]: ...


class GraphLike(Protocol):
    """What the reference asks of ``sim.graph.Graph``."""

    @property
    def inputs(self) -> tuple[tuple[str, Spec], ...]: ...
    @property
    def nodes(self) -> Sequence[NodeLike]: ...
    @property
    def outputs(self) -> tuple[str, ...]: ...
    def specs(self) -> dict[str, Spec]: ...


def make_plan(graph: GraphLike) -> list[Step]:
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


def _recurrent(graph: GraphLike, specs: dict[str, Spec]) -> tuple[dict[str, Step], set[str]]:
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


def _state_rounding(node: NodeLike, graph: GraphLike) -> NodeLike | None:
    """The activation behind a recurrent node, where it rounds as the state is rounded: then the state is the output."""
    behind, op = _only_reader(node.name, graph), node.op
    if behind is None or not isinstance(behind.op, Activation) or not isinstance(op, Recurrent):
        return None
    cast = op.state
    same = Activation(behind.op.input_type, Kind.LINEAR, cast.type, cast.rounding, cast.overflow)
    with_cell = isinstance(op, LSTM) and op.with_cell
    return behind if behind.op == same and not with_cell else None


def _only_reader(name: str, graph: GraphLike) -> NodeLike | None:
    """The node that reads a tensor which nothing else reads and which is no output."""
    readers = [node for node in graph.nodes for source in node.inputs if source == name]
    return readers[0] if len(readers) == 1 and name not in graph.outputs else None


def _chain(node: NodeLike, graph: GraphLike) -> list[NodeLike]:
    """The node and those behind it that may join its step and that nothing else reads: an activation, and behind a
    convolution or a dense layer a maximum, in either order.
    """
    chain, kinds = [node], set[type[Operator]]()
    if isinstance(node.op, (Conv2D, Dense, Conv2DTranspose, GDN)):
        kinds = {Activation, MaxPool2D} if isinstance(node.op, (Conv2D, Dense)) else {Activation}
    while (behind := _only_reader(chain[-1].name, graph)) is not None and type(behind.op) in kinds:
        kinds.remove(type(behind.op))
        chain.append(behind)
    return chain


def _fused(chain: list[NodeLike], specs: dict[str, Spec]) -> Step | None:
    """One step for the whole chain, or None where floats are not exact or the order may not be changed."""
    first, last, rest = chain[0], chain[-1].name, [node.op for node in chain[1:]]
    activation = next((op for op in rest if isinstance(op, Activation)), None)
    if activation is not None and activation.kind is Kind.TABLE:
        return None
    epilogue = Epilogue(activation) if activation else None
    if isinstance(first.op, (Conv2D, Dense)):
        return _product(chain, specs, epilogue)
    if isinstance(first.op, Conv2DTranspose):
        dtype = _product_dtype(first.op, epilogue)
        return None if dtype is None else ScatterStep(first.inputs, last, specs[last], first.op, epilogue, dtype)
    return gdn_step(first.inputs, last, specs[last], first.op, epilogue) if isinstance(first.op, GDN) else None


def _product(chain: list[NodeLike], specs: dict[str, Spec], epilogue: Epilogue | None) -> Step | None:
    """A step for a convolution or a dense layer and what is behind it."""
    first, last, rest = chain[0], chain[-1].name, [node.op for node in chain[1:]]
    assert isinstance(first.op, (Conv2D, Dense))
    pool = next((op for op in rest if isinstance(op, MaxPool2D)), None)
    if pool is not None and (pool.strides != pool.pool or pool.padding != NO_PADDING):
        return None
    if pool is not None and epilogue is not None and isinstance(rest[0], Activation) and not epilogue.monotone:
        return None
    dtype = _product_dtype(first.op, epilogue)
    if dtype is None:
        return None
    return ProductStep(first.inputs, last, specs[last], first.op, pool.pool if pool else (1, 1), epilogue, dtype)


def _product_dtype(op: Conv2D | Conv2DTranspose | Dense, epilogue: Epilogue | None) -> DType | None:
    """The float dtype that holds inputs, weights, every partial sum and the epilogue exactly, if there is one."""
    if tensor_dtype(op.input_type).kind != "f":
        return None
    needs = [op.accumulator.magnitude]
    needs += [magnitude(t.raw_min, t.raw_max) for t in (op.input_type, op.kernel_type, op.bias_type)]
    needs += [epilogue.needs()] if epilogue else []
    return carrier(max(needs), op.accumulator.product_shift + (epilogue.exponent if epilogue else 0))


def _single(node: NodeLike, specs: dict[str, Spec]) -> Step:
    spec, op = specs[node.name], node.op
    source = tensor_dtype(specs[node.inputs[0]].type)
    if isinstance(op, Flatten):
        return ReshapeStep(node.inputs, node.name, spec)
    if isinstance(op, (Crop, RepeatVector, Reverse)):
        return ViewStep(node.inputs, node.name, spec, op)
    if isinstance(op, (UpSampling2D, ZeroPadding2D)):
        return PlaceStep(node.inputs, node.name, spec, op)
    if isinstance(op, MaxPool2D) and source.kind == "f":
        return MaxPoolStep(node.inputs, node.name, spec, op)
    if isinstance(op, Activation) and op.kind is not Kind.TABLE and source.kind == "f":
        epilogue = Epilogue(op)
        dtype = carrier(epilogue.needs(), epilogue.exponent)
        if dtype is not None:
            return ActivationStep(node.inputs, node.name, spec, epilogue, FLOAT64 if source == FLOAT64 else dtype)
    return ComputeStep(node.inputs, node.name, spec, op)
