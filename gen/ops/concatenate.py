"""Concatenate; inputs of different types are brought to one that holds them all, exactly."""

from __future__ import annotations

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, Overflow, Rounding
from ...sim.ops.concatenate import Concatenate
from ...sim.ops.permute import Permute
from ..config.schema import Precision
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor, graph_shape
from ..read.network import Layer
from .floats import Array
from .registry import converts


def concatenated(layer: Layer, *x: Array) -> Array:
    return np.concatenate(x, axis=_axis(Attributes(layer.name, layer.config), x[0].ndim - 1) + 1)


@converts("Concatenate", floats=concatenated, several=True, moves=True)
def convert_concatenate(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """On another axis than the channels, that axis and the channels change places before and behind."""
    a = build.attributes(layer)
    axis = _axis(a, len(inputs[0].shape))
    a.finish()
    others = {(*x.shape[:axis], *x.shape[axis + 1 :]) for x in inputs}
    if len(inputs) < 2 or len(others) != 1 or len({len(x.shape) for x in inputs}) != 1:
        shapes = ", ".join(str(x.shape) for x in inputs)
        last = "the last axis" if axis == len(inputs[0].shape) - 1 else f"axis {axis + 1}"
        raise BitsmithError(f"'{layer.name}': inputs of shapes {shapes}; they must agree on all but {last}")
    to = build.result(layer)
    tensors = [exchanged(build, layer, build.plain(layer, x), axis, f"turned{i}") for i, x in enumerate(inputs)]
    y = side_by_side(build, layer, tensors, to, "" if axis == len(inputs[0].shape) - 1 else "joined")
    return exchanged(build, layer, y, axis, "")


def _axis(a: Attributes, axes: int) -> int:
    """The axis, counted from 0 without that of the batch."""
    axis = a.get("axis", -1)
    whole = isinstance(axis, int) and not isinstance(axis, bool)
    if not whole or not (1 <= axis <= axes or -axes <= axis <= -1):
        a.refuse("axis", axis, f"1 to {axes} and -{axes} to -1" if axes > 1 else "1 and -1")
    return int(axis - 1 if axis > 0 else axes + axis)


def exchanged(build: Builder, layer: Layer, x: Tensor, axis: int, suffix: str) -> Tensor:
    """The tensor with an axis and its last one exchanged; the tensor itself where that is the last."""
    last = len(x.shape) - 1
    if axis == last:
        return x
    order = list(range(last + 1))
    order[axis], order[last] = last, axis
    graph_shape(x.shape, layer.name)  # refuses more axes than a graph has
    first, second, third = (0, *(i + 1 for i in order)) if len(order) == 2 else order
    shape = tuple(x.shape[i] for i in order)
    return build.add(layer, Permute(x.type, (first, second, third)), x, suffix=suffix, shape=shape)


def side_by_side(
    build: Builder, layer: Layer, parts: list[Tensor], to: Precision | None = None, suffix: str = ""
) -> Tensor:
    """The parts' channels one after another, in the type ``to``, or in the smallest that holds them all."""
    to = to or Precision(common_type([x.type for x in parts]), Rounding.TRN, Overflow.SAT)
    aligned = [build.round(layer, x, to, f"input{i}") for i, x in enumerate(parts)]
    shape = (*parts[0].shape[:-1], sum(x.shape[-1] for x in parts))
    return build.add(layer, Concatenate(tuple(x.type for x in aligned)), *aligned, suffix=suffix, shape=shape)


def common_type(types: list[Fixed]) -> Fixed:
    """The smallest type that contains all of ``types``."""
    fraction = max(t.fraction for t in types)
    low = min(t.raw_min << (fraction - t.fraction) for t in types)
    return Fixed.holding(low, max(t.raw_max << (fraction - t.fraction) for t in types), fraction)
