"""ZeroPadding2D and ZeroPadding1D: zeros that a convolution takes in, or an operator of their own before all else."""

from __future__ import annotations

from dataclasses import replace

from ..read.build import Builder, Tensor
from ..read.network import Layer
from .registry import converts
from .window import around, check_rank, dimensions


@converts("ZeroPadding2D", "ZeroPadding1D")
def convert_zero_padding(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x, d = build.attributes(layer), build.plain(layer, inputs[0]), dimensions(layer)
    check_rank(layer, x, d)
    padding = around(a, "padding", d)
    a.finish()
    sizes = tuple(size + sum(pair) for size, pair in zip(x.shape, padding[2 - d :]))
    return replace(x, shape=(*sizes, x.shape[-1]), padding=padding, padded_by=layer, repeated=None)
