"""UpSampling2D and UpSampling1D: the nearest pixel; nothing is interpolated."""

from __future__ import annotations

import numpy as np

from ...sim.op import Operator, Shape
from ...sim.ops.up_sampling2d import UpSampling2D
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .floats import Array
from .forms import interleaves, turned
from .registry import converts
from .window import check_rank, dimensions, pair


def sampled(layer: Layer, x: Array) -> Array:
    for axis, factor in enumerate(Attributes(layer.name, layer.config).sizes("size", dimensions(layer), 2), 1):
        x = np.repeat(x, factor, axis=axis)
    return x


@converts("UpSampling2D", "UpSampling1D", floats=sampled, moves=True)
def convert_up_sampling2d(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x, d = build.attributes(layer), build.plain(layer, inputs[0]), dimensions(layer)
    check_rank(layer, x, d)
    factors = pair(a.sizes("size", d, 2))
    a.only("interpolation", "nearest")
    a.finish()
    return build.add(layer, UpSampling2D(x.type, factors), x)


@interleaves(UpSampling2D)
def interleaved(op: UpSampling2D, x: Shape, sequences: int) -> Operator:
    return turned(op, "factors")
