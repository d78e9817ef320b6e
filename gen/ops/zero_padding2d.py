"""ZeroPadding2D and ZeroPadding1D: zeros that a convolution takes in, or an operator of their own before all else."""

from __future__ import annotations

from dataclasses import replace

from ...sim.op import Operator, Shape
from ...sim.ops.zero_padding2d import ZeroPadding2D
from ...sim.window import pad
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .floats import Array
from .forms import interleaves, turned
from .registry import converts
from .window import around, check_rank, dimensions
from .window_floats import flat, image


def padded(layer: Layer, x: Array) -> Array:
    padding = around(Attributes(layer.name, layer.config), "padding", dimensions(layer))
    return flat(layer, pad(image(layer, x), padding))


@converts("ZeroPadding2D", "ZeroPadding1D", floats=padded, moves=True)
def convert_zero_padding(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x, d = build.attributes(layer), build.plain(layer, inputs[0]), dimensions(layer)
    check_rank(layer, x, d)
    padding = around(a, "padding", d)
    a.finish()
    sizes = tuple(size + sum(pair) for size, pair in zip(x.shape, padding[2 - d :]))
    return replace(x, shape=(*sizes, x.shape[-1]), padding=padding, padded_by=layer, repeated=None)


@interleaves(ZeroPadding2D)
def interleaved(op: ZeroPadding2D, x: Shape, sequences: int) -> Operator:
    return turned(op, "padding")
