"""MaxPooling2D and MaxPooling1D."""

from __future__ import annotations

import numpy as np

from ...sim.op import Operator, Shape
from ...sim.ops.max_pool2d import MaxPool2D
from ...sim.params import Padding, Pair
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .floats import Array
from .forms import interleaves, turned
from .registry import converts
from .retype import also_in_hgq
from .window import check_fits, check_rank, dimensions, padding_of, pair
from .window_floats import flat, pool_view


def pool_window(a: Attributes, layer: Layer, x: Tensor) -> tuple[Pair, Pair, Padding]:
    """Pool size, strides and padding of a pooling layer."""
    d = dimensions(layer)
    check_rank(layer, x, d)
    size = a.sizes("pool_size", d, 2)
    strides = a.sizes("strides", d, size, optional=True)
    padding = padding_of(a, layer, x, pair(size), pair(strides))
    check_fits(layer, x, pair(size), padding)
    return pair(size), pair(strides), padding


def maxima(layer: Layer, x: Array) -> Array:
    return flat(layer, pool_view(layer, x, -np.inf).max(axis=(-2, -1)))


@also_in_hgq("QMaxPooling1D", "QMaxPooling2D", floats=maxima)
@converts("MaxPooling2D", "MaxPooling1D", "MaxPool2D", "MaxPool1D", floats=maxima, moves=True)
def convert_max_pool2d(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    pool, strides, padding = pool_window(a, layer, x)
    a.finish()
    return build.add(layer, MaxPool2D(x.type, pool, strides, padding), x)


@interleaves(MaxPool2D)
def interleaved(op: MaxPool2D, x: Shape, sequences: int) -> Operator:
    return turned(op, "pool", "strides", "padding")
