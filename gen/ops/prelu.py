"""PReLU: a LeakyReLU with a trained slope for each channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import FloatArray
from ...sim.op import Shape
from ...sim.ops.prelu import PReLU
from ..read.build import Builder, Tensor
from ..read.linear import weight_grid
from ..read.network import Layer
from .floats import Array
from .registry import converts


def sloped(layer: Layer, x: Array) -> Array:
    return np.where(x > 0, x, layer.variable("alpha", "0") * x)


@converts("PReLU", floats=sloped)
def convert_prelu(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    shared = a.get("shared_axes")
    axes = [shared] if isinstance(shared, int) else [] if shared is None else shared
    last = len(x.shape)
    if not isinstance(axes, list) or not all(_is_axis(axis, last) for axis in axes):
        a.refuse("shared_axes", shared, f"None, or axes from 1 to {last}")
    a.finish()
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape, 1))
    alpha = layer.variable("alpha", "0")
    if alpha.shape != shape:
        raise BitsmithError(
            f"'{layer.name}': alpha has shape {alpha.shape}, and with shared_axes={shared} it has {shape}; "
            "save the model again"
        )
    slopes = _by_channel(layer, alpha, x.shape)
    grid = weight_grid(build, layer, slopes, None, "alpha", "weight")
    y = build.add(layer, PReLU(x.type, grid.raw, grid.type), x, shape=x.shape)
    to = build.result(layer)
    return y if to is None else build.round(layer, y, to, "round")


def _is_axis(value: Any, last: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= last


def _by_channel(layer: Layer, alpha: FloatArray, shape: Shape) -> FloatArray:
    """The slope of each channel; BitsmithError where they differ from place to place."""
    places = np.broadcast_to(alpha, shape).reshape(-1, shape[-1])
    if (places != places[0]).any():
        raise BitsmithError(
            f"shared_axes on '{layer.name}': its slopes differ from place to place, which is not supported; "
            f"supported: one for each channel, shared_axes={list(range(1, len(shape)))}"
        )
    return np.array(places[0])
