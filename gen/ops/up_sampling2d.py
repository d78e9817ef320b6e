"""UpSampling2D and UpSampling1D: the nearest pixel, or between pixels (bilinear) by means of the nearest ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...sim.fixed import Fixed
from ...sim.op import Operator, Shape
from ...sim.ops.average_pool2d import AveragePool2D
from ...sim.ops.up_sampling2d import UpSampling2D
from ...sim.params import Pair
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .average_pool2d import mean_precision
from .floats import Array
from .forms import interleaves, turned
from .registry import converts
from .window import check_rank, dimensions, pair

INTERPOLATIONS = ("nearest", "bilinear")


def sampled(layer: Layer, x: Array) -> Array:
    a = Attributes(layer.name, layer.config)
    stretch = _blend if a.only("interpolation", *INTERPOLATIONS) == "bilinear" else np.repeat
    for axis, factor in enumerate(a.sizes("size", dimensions(layer), 2), 1):
        x = stretch(x, factor, axis=axis)
    return x


def _blend(x: Array, factor: int, axis: int) -> Array:
    """Along one axis, by the definition: each place lies between the centers of two pixels, or beyond the last one."""
    size = x.shape[axis]
    place = np.clip((np.arange(size * factor) + 0.5) / factor - 0.5, 0, size - 1)
    first = np.minimum(np.floor(place).astype(int), max(size - 2, 0))
    part = (place - first).reshape(-1, *(1,) * (x.ndim - axis - 1))
    return x.take(first, axis) * (1 - part) + x.take(np.minimum(first + 1, size - 1), axis) * part


@converts("UpSampling2D", "UpSampling1D", floats=sampled, moves=True)
def convert_up_sampling2d(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x, d = build.attributes(layer), build.plain(layer, inputs[0]), dimensions(layer)
    check_rank(layer, x, d)
    factors = pair(a.sizes("size", d, 2))
    between = a.only("interpolation", *INTERPOLATIONS) == "bilinear" and factors != (1, 1)
    a.finish()
    y = build.add(layer, UpSampling2D(x.type, factors), x, suffix="nearest" if between else "")
    return _averaged(build, layer, y, factors) if between else y


def _averaged(build: Builder, layer: Layer, x: Tensor, factors: Pair) -> Tensor:
    """Bilinear values from the nearest ones: means of ``factor`` places along each axis.

    An even factor has a mean of two places before that, so that the window lies around the pixel's own center. Places
    outside of the image are not counted, and what is left of such a window is one value, the edge's.
    """
    even = tuple(factor % 2 == 0 for factor in factors)
    if any(even):
        pool, around = _pairs(2 if e else 1 for e in even), _pairs((int(e), 0) for e in even)
        count = pool[0] * pool[1]
        finer = Fixed(x.type.signed, x.type.integer, x.type.fraction + count.bit_length() - 1)
        x = build.add(layer, AveragePool2D(x.type, pool, (1, 1), around, finer), x, suffix="pairs")
    edges = _pairs(((factor - 1) // 2, factor // 2) for factor in factors)
    to = mean_precision(build, layer, x.type, factors[0] * factors[1], True, None)
    return build.add(layer, AveragePool2D(x.type, factors, (1, 1), edges, *to), x)


def _pairs(values: Iterable[Any]) -> Any:
    first, second = values
    return first, second


@interleaves(UpSampling2D)
def interleaved(op: UpSampling2D, x: Shape, sequences: int) -> Operator:
    return turned(op, "factors")
