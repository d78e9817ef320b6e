"""MaxPooling2D and MaxPooling1D, and ZeroPadding, which the convolution behind it takes in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
    size = a.sizes("pool_size", d, default=2)
    strides = a.sizes("strides", d, default=size)
    padding = padding_of(a, layer, x, pair(size), pair(strides))
    check_fits(layer, x, pair(size), padding)
    return pair(size), pair(strides), padding


@converts("MaxPooling2D", "MaxPooling1D", "MaxPool2D", "MaxPool1D")
def convert_max_pool2d(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    pool, strides, padding = pool_window(a, layer, x)
    a.finish()
    return build.add(layer, MaxPool2D(x.type, pool, strides, padding), x)


@converts("ZeroPadding2D", "ZeroPadding1D")
def convert_zero_padding(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x, d = build.attributes(layer), build.plain(layer, inputs[0]), dimensions(layer)
    check_rank(layer, x, d)
    value = a.get("padding", 1)
    a.finish()
    pairs = padding_pairs(value, d)
    if pairs is None:
        a.refuse("padding", value, "whole numbers, none negative")
    assert pairs is not None
    return replace(x, padding=pairs)


def padding_pairs(value: object, d: int) -> Padding | None:
    """1, (1, 2) or ((1, 2), (3, 4)) as ((top, bottom), (left, right))."""
    items: list[Any] = list(value) if isinstance(value, (list, tuple)) else [value] * (2 if d == 1 else d)
    if d == 1:
        items = [[0, 0], items]
    rows = [list(i) if isinstance(i, (list, tuple)) else [i, i] for i in items]
    flat = [n for row in rows for n in row]
    if [len(row) for row in rows] != [2, 2] or any(
        isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in flat
    ):
        return None
    return (flat[0], flat[1]), (flat[2], flat[3])
