"""Sliding windows in float64: of convolutions and pools, with one or two dimensions."""

from __future__ import annotations

import numpy as np

from ...sim.window import pad, windows
from ..read.attributes import Attributes
from ..read.network import Layer
from .floats import Array, float_weight
from .window import around, dimensions, pair, same_padding


def image(layer: Layer, x: Array) -> Array:
    """The layer's input as images; a sequence is one of height 1."""
    return x if dimensions(layer) == 2 else x[:, np.newaxis]


def flat(layer: Layer, y: Array) -> Array:
    """The inverse of ``image``, for the layer's output."""
    return y if dimensions(layer) == 2 else y[:, 0]


def float_kernel(layer: Layer, names: tuple[str, ...] = ("kernel",)) -> Array:
    """The first weight with four axes."""
    found = float_weight(layer, 0, names)
    return found if found.ndim == 4 else found[np.newaxis]


def view(layer: Layer, x: Array, size: tuple[int, int], fill: float = 0.0) -> Array:
    """Windows (batch, rows, columns, channels, kh, kw) of the input, with ``fill`` around it."""
    d, a, (kh, kw) = dimensions(layer), Attributes(layer.name, layer.config), size
    usual = size[2 - d :] if "pool_size" in layer.config else 1
    strides, dilation = pair(a.sizes("strides", d, usual, optional=True)), pair(a.sizes("dilation_rate", d, 1))
    padding, x = a.choice("padding", ("valid", "same", "causal") if d == 1 else ("valid", "same")), image(layer, x)
    if a.get("pads") is not None:
        x = np.pad(x, ((0, 0), *around(a, "pads", d), (0, 0)), constant_values=fill)
    if padding == "causal":
        x = pad(x, ((0, 0), (dilation[1] * (kw - 1), 0)))
    if padding == "same":
        rows = same_padding(x.shape[1], kh, strides[0], dilation[0])
        columns = same_padding(x.shape[2], kw, strides[1], dilation[1])
        x = np.pad(x, ((0, 0), rows, columns, (0, 0)), constant_values=fill)
    return windows(x, size, strides, dilation)


def pool_view(layer: Layer, x: Array, fill: float = 0.0) -> Array:
    """Windows of a pool."""
    return view(layer, x, pair(Attributes(layer.name, layer.config).sizes("pool_size", dimensions(layer), 2)), fill)


def over_places(layer: Layer, x: Array, function: np.ufunc | None = None) -> Array:
    """A global pool: the maximum or, without a function, the mean of all places of each channel."""
    keep = Attributes(layer.name, layer.config).flag("keepdims", False)
    axes = tuple(range(1, x.ndim - 1))
    return x.mean(axis=axes, keepdims=keep) if function is None else function.reduce(x, axis=axes, keepdims=keep)
