"""Sequences side by side: the graph that hardware computes for several sequences at once, as one image.

A recurrent layer waits for itself; several sequences that share one pipeline do not. A tensor (1, steps, channels) of
one sequence becomes (steps, sequences, channels), and a vector (channels,) becomes (1, sequences, channels): the stream
brings, step by step, every sequence's values, as a sensor's row delivers them. The integers are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...sim.check import check_graph
from ...sim.errors import BitsmithError
from ...sim.graph import Graph, Node
from ...sim.op import Operator, Shape, Spec
from ...sim.ops import (
    AveragePool2D,
    Conv2D,
    Crop,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool2D,
    GlobalMaxPool2D,
    MaxPool2D,
    UpSampling2D,
    ZeroPadding2D,
)
from ...sim.params import NO_PADDING
from ...sim.recurrent import Recurrent


def recurrent(graph: Graph) -> bool:
    """Whether a graph has a layer that waits for itself."""
    return any(isinstance(node.op, Recurrent) for node in graph.nodes)


def interleave(graph: Graph, sequences: int) -> Graph:
    """The graph for ``sequences`` sequences at once; BitsmithError where a layer has no such form."""
    specs = graph.specs()
    inputs = tuple(
        (name, Spec(interleaved_shape(spec.shape, sequences, name), spec.type)) for name, spec in graph.inputs
    )
    nodes = []
    for node in graph.nodes:
        interleaved_shape(specs[node.name].shape, sequences, node.name)  # refuses images
        op = _operator(node, specs[node.inputs[0]].shape, sequences)
        nodes.append(replace(node, op=op))
    result = replace(graph, inputs=inputs, nodes=tuple(nodes))
    check_graph(result)
    return result


def interleaved_shape(shape: Shape, sequences: int, where: str) -> Shape:
    """(1, steps, channels) to (steps, sequences, channels), (channels,) to (1, sequences, channels)."""
    if len(shape) == 1:
        return (1, sequences, *shape)
    if shape[0] != 1:
        raise BitsmithError(f"'{where}' is an image {shape} in a network with recurrent layers, which Verilog has not")
    return (shape[1], sequences, shape[2])


def _operator(node: Node, x: Shape, sequences: int) -> Operator:
    """The operator of the interleaved graph."""
    op: Any = node.op
    if hasattr(op, "interleaved"):
        side_by_side: Operator = replace(op, interleaved=True)
        return side_by_side
    make = _MAKERS.get(type(op))
    if make is not None:
        found: Operator = make(op, x, sequences)
        return found
    if isinstance(op, Flatten):
        return _flatten(node, op, x, sequences)
    return node.op  # pointwise or along the channels


def _flatten(node: Node, op: Flatten, x: Shape, sequences: int) -> Flatten:
    source, target = (interleaved_shape(shape, sequences, node.name) for shape in (x, op.shape))
    if source != target and sequences > 1:
        raise BitsmithError(
            f"'{node.name}' reshapes {x} to {op.shape}, which sequences side by side cannot; "
            "give Bitsmith: interleaved_sequences: 1"
        )
    return replace(op, shape=target)


def _swap(pair: Any) -> Any:
    return pair[1], pair[0]


def _conv(op: Any, x: Shape, sequences: int) -> Operator:
    swapped = {name: _swap(getattr(op, name)) for name in ("strides", "padding", "dilation")}
    result: Operator = replace(op, kernel=op.kernel.swapaxes(0, 1), **swapped)
    return result


def _pool(op: Any, x: Shape, sequences: int) -> Operator:
    result: Operator = replace(op, **{name: _swap(getattr(op, name)) for name in ("pool", "strides", "padding")})
    return result


def _dense(op: Dense, x: Shape, sequences: int) -> Operator:
    return Conv2D(op.input_type, op.kernel[None, None], op.kernel_type, op.bias, op.bias_type)


def _global_max(op: GlobalMaxPool2D, x: Shape, sequences: int) -> Operator:
    return MaxPool2D(op.input_type, (x[1], 1), (x[1], 1), NO_PADDING)


def _global_average(op: GlobalAveragePool2D, x: Shape, sequences: int) -> Operator:
    window = (x[1], 1)
    return AveragePool2D(op.input_type, window, window, NO_PADDING, op.output_type, op.rounding, op.overflow)


def _crop(op: Crop, x: Shape, sequences: int) -> Operator:
    return replace(op, rows=op.columns, columns=(0, sequences))


def _up_sampling(op: UpSampling2D, x: Shape, sequences: int) -> Operator:
    return replace(op, factors=_swap(op.factors))


def _zero_padding(op: ZeroPadding2D, x: Shape, sequences: int) -> Operator:
    return replace(op, padding=_swap(op.padding))


_MAKERS: dict[type[Operator], Callable[[Any, Shape, int], Operator]] = {
    Conv2D: _conv,
    DepthwiseConv2D: _conv,
    Dense: _dense,
    MaxPool2D: _pool,
    AveragePool2D: _pool,
    GlobalMaxPool2D: _global_max,
    GlobalAveragePool2D: _global_average,
    Crop: _crop,
    UpSampling2D: _up_sampling,
    ZeroPadding2D: _zero_padding,
}
