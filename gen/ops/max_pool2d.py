"""MaxPooling2D and MaxPooling1D."""

from __future__ import annotations

from ...sim.ops import MaxPool2D
from ...sim.params import Padding, Pair
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .registry import converts
from .window import check_fits, check_rank, dimensions, padding_of, pair


def pool_window(a: Attributes, layer: Layer, x: Tensor) -> tuple[Pair, Pair, Padding]:
    """Pool size, strides and padding of a pooling layer."""
    d = dimensions(layer)
    check_rank(layer, x, d)
    size = a.sizes("pool_size", d, 2)
    strides = a.sizes("strides", d, size, optional=True)
    padding = padding_of(a, layer, x, pair(size), pair(strides))
    check_fits(layer, x, pair(size), padding)
    return pair(size), pair(strides), padding


@converts("MaxPooling2D", "MaxPooling1D", "MaxPool2D", "MaxPool1D")
def convert_max_pool2d(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    pool, strides, padding = pool_window(a, layer, x)
    a.finish()
    return build.add(layer, MaxPool2D(x.type, pool, strides, padding), x)
