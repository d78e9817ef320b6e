"""From a graph to fast steps: which products are exact in floats, and what may be done together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..op import Operator, Spec
from ..ops.activation import Activation, Kind
from ..ops.conv2d import Conv2D
from ..ops.conv2d_transpose import Conv2DTranspose
from ..ops.crop import Crop
from ..ops.dense import Dense
from ..ops.flatten import Flatten
from ..ops.gdn import GDN
from ..ops.lstm import LSTM
from ..ops.max_pool2d import MaxPool2D
from ..ops.repeat_vector import RepeatVector
from ..ops.reverse import Reverse
from ..ops.up_sampling2d import UpSampling2D
from ..ops.zero_padding2d import ZeroPadding2D
from ..params import NO_PADDING
from ..recurrent import Recurrent
from .epilogue import FLOAT64, DType, Epilogue, carrier, magnitude
from .place_steps import CopiesStep, RepeatStep, ReshapeStep, ViewStep, ZerosStep
from .recurrent_steps import is_projection, recurrent_step
from .root_steps import gdn_step
from .scatter_steps import ScatterStep
from .steps import ActivationStep, ComputeStep, MaxPoolStep, ProductStep, Step, tensor_dtype


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
    """The node and those behind it that may join its step and that nothing else reads, each kind once, in any order."""
    chain, kinds = [node], set(_TAKES_IN.get(type(node.op), ()))
    while (behind := _only_reader(chain[-1].name, graph)) is not None and type(behind.op) in kinds:
        kinds.remove(type(behind.op))
        chain.append(behind)
    return chain


def _fused(chain: list[NodeLike], specs: dict[str, Spec]) -> Step | None:
    """One step for the whole chain, or None where floats are not exact or the order may not be changed."""
    make = _FUSED.get(type(chain[0].op))
    activation = next((node.op for node in chain[1:] if isinstance(node.op, Activation)), None)
    if make is None or (activation is not None and activation.kind is Kind.TABLE):
        return None
    return make(chain, specs, Epilogue(activation) if activation else None)


def _scatter(chain: list[NodeLike], specs: dict[str, Spec], epilogue: Epilogue | None) -> Step | None:
    first, last = chain[0], chain[-1].name
    assert isinstance(first.op, Conv2DTranspose)
    dtype = _product_dtype(first.op, epilogue)
    return None if dtype is None else ScatterStep(first.inputs, last, specs[last], first.op, epilogue, dtype)


def _gdn(chain: list[NodeLike], specs: dict[str, Spec], epilogue: Epilogue | None) -> Step | None:
    first, last = chain[0], chain[-1].name
    assert isinstance(first.op, GDN)
    return gdn_step(first.inputs, last, specs[last], first.op, epilogue)


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
    spec, make = specs[node.name], _SINGLE.get(type(node.op))
    step = make(node.inputs, node.name, spec, node.op) if make else None
    return step or ComputeStep(node.inputs, node.name, spec, node.op)


def _max_pool2d(inputs: tuple[str, ...], name: str, spec: Spec, op: MaxPool2D) -> Step | None:
    return MaxPoolStep(inputs, name, spec, op) if tensor_dtype(op.input_type).kind == "f" else None


def _activation(inputs: tuple[str, ...], name: str, spec: Spec, op: Activation) -> Step | None:
    source = tensor_dtype(op.input_type)
    if op.kind is Kind.TABLE or source.kind != "f":
        return None
    epilogue = Epilogue(op)
    dtype = carrier(epilogue.needs(), epilogue.exponent)
    if dtype is None:
        return None
    return ActivationStep(inputs, name, spec, epilogue, FLOAT64 if source == FLOAT64 else dtype)


_SINGLE: dict[type[Operator], Callable[[tuple[str, ...], str, Spec, Any], Step | None]] = {
    Activation: _activation,
    Crop: ViewStep,
    Flatten: lambda inputs, name, spec, op: ReshapeStep(inputs, name, spec),
    MaxPool2D: _max_pool2d,
    RepeatVector: RepeatStep,
    Reverse: ViewStep,
    UpSampling2D: CopiesStep,
    ZeroPadding2D: ZerosStep,
}
"""The fast step of an operator by itself, or None where floats are not exact; all others by their ``compute``."""
_TAKES_IN: dict[type[Operator], tuple[type[Operator], ...]] = {
    Conv2D: (Activation, MaxPool2D),
    Conv2DTranspose: (Activation,),
    Dense: (Activation, MaxPool2D),
    GDN: (Activation,),
}
"""What may stand behind an operator in one step with it."""
_FUSED: dict[type[Operator], Callable[[list[NodeLike], dict[str, Spec], Epilogue | None], Step | None]] = {
    Conv2D: _product,
    Conv2DTranspose: _scatter,
    Dense: _product,
    GDN: _gdn,
}
"""The one step of such a chain."""
