"""UpSampling2D and UpSampling1D: the nearest pixel; nothing is interpolated."""

from __future__ import annotations

from ...sim.ops import UpSampling2D
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .registry import converts
from .window import check_rank, dimensions, pair


@converts("UpSampling2D", "UpSampling1D")
def convert_up_sampling2d(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x, d = build.attributes(layer), build.plain(layer, inputs[0]), dimensions(layer)
    check_rank(layer, x, d)
    factors = pair(a.sizes("size", d, 2))
    a.only("interpolation", "nearest")
    a.finish()
    return build.add(layer, UpSampling2D(x.type, factors), x)
