"""Permute: another order of the axes; where only axes of size 1 change places, the values stay as they are."""

from __future__ import annotations

from dataclasses import replace

from ...sim.errors import BitsmithError
from ...sim.op import Operator, Shape
from ...sim.ops.permute import Axes, Permute
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor, graph_shape
from ..read.network import Layer
from .floats import Array
from .forms import interleaves
from .registry import converts


def permuted(layer: Layer, x: Array) -> Array:
    return x.transpose(0, *dimensions_of(Attributes(layer.name, layer.config), x.ndim - 1))


@converts("Permute", floats=permuted, moves=True, hls4ml="Transpose")
def convert_permute(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    dims = dimensions_of(a, len(x.shape))
    a.finish()
    graph_shape(x.shape, layer.name)  # refuses more axes than a graph has
    shape = tuple(x.shape[axis - 1] for axis in dims)
    moving = [axis for axis in dims if x.shape[axis - 1] > 1]
    if moving == sorted(moving):
        return build.reshape(layer, x, shape)
    first, second, third = (0, *dims) if len(dims) == 2 else (axis - 1 for axis in dims)
    return build.add(layer, Permute(x.type, (first, second, third)), x, shape=shape)


def dimensions_of(a: Attributes, rank: int) -> tuple[int, ...]:
    """Keras's axes, counted from 1, of a tensor with so many."""
    dims = a.get("dims")
    whole = isinstance(dims, (list, tuple)) and all(isinstance(n, int) and not isinstance(n, bool) for n in dims)
    if not whole or sorted(dims) != list(range(1, rank + 1)):
        a.refuse("dims", dims, f"the axes 1 to {rank} in any order" if rank > 1 else "(1,)")
    return tuple(dims)


@interleaves(Permute)
def interleaved(op: Permute, x: Shape, sequences: int) -> Operator:
    """Steps and channels change places; the sequences stay side by side."""
    forms: dict[Axes, Axes] = {(0, 1, 2): (0, 1, 2), (0, 2, 1): (2, 1, 0)}
    if op.axes not in forms:
        raise BitsmithError(f"permutes {x} by {op.axes}, which sequences side by side cannot; they are no images")
    return replace(op, axes=forms[op.axes])
