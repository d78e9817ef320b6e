"""Operations and memory traffic of a graph, for the paper's latency model (Mazouz et al. 2025, equations 5 to 8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.graph import Graph
from ...sim.op import Operator, Shape, Spec
from ...sim.ops.batch_norm import BatchNorm
from ...sim.ops.conv2d import Conv2D
from ...sim.ops.conv2d_transpose import Conv2DTranspose
from ...sim.ops.dense import Dense
from ...sim.ops.depthwise_conv2d import DepthwiseConv2D
from ...sim.ops.gdn import GDN

WITHOUT_PRODUCTS = (
    *("activation", "add", "argmax", "concatenate", "crop", "flatten", "global_max_pool2d", "max_pool2d"),
    *("average_pool2d", "global_average_pool2d", "up_sampling2d", "zero_padding2d"),
)
"""Operators that multiply nothing; a mean's one division is left out."""


@dataclass(frozen=True)
class Layer:
    """One operator of a graph: products for a frame, and the bits that its inputs, outputs and weights are."""

    name: str
    operator: str
    macs: int
    memory_bits: int


def layers(graph: Graph) -> tuple[Layer, ...]:
    """The operators with products, in order; BitsmithError for one whose products nobody counts here."""
    specs = graph.specs()
    found = []
    for node in graph.nodes:
        source, result = specs[node.inputs[0]], specs[node.name]
        if node.op.stem in WITHOUT_PRODUCTS:
            continue
        memory = _memory(node.op, source, result)
        found.append(Layer(node.name, node.op.stem, products(node.op, source.shape, result.shape), memory))
    return tuple(found)


def operations(graph: Graph) -> int:
    """Of a frame: a product and its addition are two, as in the paper's GOP (4,096 a cycle are 2,048 products)."""
    return 2 * sum(layer.macs for layer in layers(graph))


def memory_load(graph: Graph) -> int:
    """Bits moved for a frame, equation 8: every layer's input, output and weights, at the width of its input.

    The paper takes the input's size for the output, too; here each has its own, which matters where there is a stride.
    """
    return sum(layer.memory_bits for layer in layers(graph))


def products(op: Operator, source: Shape, result: Shape) -> int:
    """Products with a value of the image: none with a padded zero, an inserted one, or one whose sum is cut away."""
    count = _COUNTS.get(type(op))
    if count is None:
        raise BitsmithError(f"the products of {op.stem} are not counted; counted are {', '.join(sorted(_STEMS))}")
    return count(op, source, result)


def _places(n: int, out: int, taps: int, stride: int, dilation: int, before: int) -> int:
    """Pairs of an output place and a tap that meet one of ``n`` values; all along one axis."""
    at = np.arange(out)[:, None] * stride + np.arange(taps) * dilation - before
    return int(((at >= 0) & (at < n)).sum())


def _convolution(op: Any, source: Shape, result: Shape) -> int:
    pairs = [
        _places(source[i], result[i], op.kernel.shape[i], op.strides[i], op.dilation[i], op.padding[i][0])
        for i in (0, 1)
    ]
    return prod(pairs) * int(op.kernel.shape[2] * op.kernel.shape[3])


def _transposed(op: Conv2DTranspose, source: Shape, result: Shape) -> int:
    """The same with the roles of input and output exchanged."""
    pairs = [
        _places(result[i], source[i], op.kernel.shape[i], op.strides[i], op.dilation[i], op.crop[i][0]) for i in (0, 1)
    ]
    return prod(pairs) * op.kernel.shape[2] * op.kernel.shape[3]


def _normalization(op: GDN, source: Shape, result: Shape) -> int:
    """A pixel: c squares, c² products with gamma, c with the gain. The root, a table and a line, is left out."""
    pixels, c = prod(source[:-1]), op.channels
    return pixels * (c + c * c + c)


_COUNTS: dict[type[Operator], Callable[[Any, Shape, Shape], int]] = {
    Conv2D: _convolution,
    DepthwiseConv2D: _convolution,
    Conv2DTranspose: _transposed,
    Dense: lambda op, source, result: int(op.kernel.size),
    BatchNorm: lambda op, source, result: prod(source),
    GDN: _normalization,
}
_STEMS = [kind.stem for kind in _COUNTS]


def _memory(op: Any, source: Spec, result: Spec) -> int:
    weights = getattr(op, "kernel", getattr(op, "gamma", getattr(op, "scale", np.empty(0))))
    return source.type.width * (prod(source.shape) + prod(result.shape) + int(weights.size))
