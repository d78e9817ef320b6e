"""Cropping1D and Cropping2D; also how one step of a sequence and one part of the channels are taken."""

from __future__ import annotations

from dataclasses import replace

from ...sim.errors import BitsmithError
from ...sim.op import Operator, Shape
from ...sim.ops.crop import Crop
from ...sim.params import Pair
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor, graph_shape
from ..read.network import Layer
from .floats import Array
from .forms import interleaves, resizes
from .registry import converts
from .window import around, check_rank, dimensions
from .window_floats import flat, image


def cropped(layer: Layer, x: Array) -> Array:
    (top, bottom), (left, right) = around(Attributes(layer.name, layer.config), "cropping", dimensions(layer))
    whole = image(layer, x)
    return flat(layer, whole[:, top : whole.shape[1] - bottom, left : whole.shape[2] - right])


@converts("Cropping2D", "Cropping1D", floats=cropped, moves=True)
def convert_cropping(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x, d = build.attributes(layer), build.plain(layer, inputs[0]), dimensions(layer)
    check_rank(layer, x, d)
    cut = around(a, "cropping", d)
    a.finish()
    rows, columns, _ = graph_shape(x.shape, layer.name)
    kept = [(before, size - after) for size, (before, after) in zip((rows, columns), cut)]
    if any(stop <= start for start, stop in kept):
        raise BitsmithError(f"cropping={cut[2 - d :]} on '{layer.name}' leaves nothing of {x.shape}; crop less")
    sizes = tuple(stop - start for start, stop in kept)[2 - d :]
    return crop(build, layer, x, "", rows=kept[0], columns=kept[1], shape=(*sizes, x.shape[-1]))


def crop(
    build: Builder, layer: Layer, x: Tensor, suffix: str, *, rows: Pair | None = None, columns: Pair | None = None,
    channels: Pair | None = None, shape: Shape | None = None,
) -> Tensor:  # fmt: skip
    """The part of an image or a sequence between those places, all of an axis where none are given."""
    sizes = graph_shape(x.shape, layer.name)
    parts = [part or (0, size) for part, size in zip((rows, columns, channels), sizes)]
    return build.add(layer, Crop(x.type, *parts), x, suffix=suffix, shape=shape)


@interleaves(Crop)
def interleaved(op: Crop, x: Shape, sequences: int) -> Operator:
    return replace(op, rows=op.columns, columns=(0, sequences))


@resizes(Crop)
def resized(op: Crop, old: Shape, new: Shape) -> Operator:
    """The same distances from the edges."""
    rows, columns = ((part[0], part[1] + b - a) for part, a, b in zip((op.rows, op.columns), old, new))
    return replace(op, rows=rows, columns=columns)
