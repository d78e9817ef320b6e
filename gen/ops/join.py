"""From Keras's merge layers to the operators that join tensors value by value (``sim/join.py``)."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed
from ...sim.join import joined_shape, same_rank
from ...sim.op import Operator, Shape
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .floats import Array


def join(
    build: Builder, layer: Layer, inputs: tuple[Tensor, ...], make: Callable[[tuple[Fixed, ...]], Operator]
) -> Tensor:
    """``joined``, rounded to the configured result."""
    y = joined(build, layer, inputs, make)
    to = build.result(layer)
    return y if to is None else build.round(layer, y, to, "round")


def joined(
    build: Builder, layer: Layer, inputs: tuple[Tensor, ...], make: Callable[[tuple[Fixed, ...]], Operator]
) -> Tensor:
    """The node of all inputs, whose operator ``make`` gives for their types."""
    shape = whole_shape(layer, inputs)
    tensors = [build.plain(layer, x) for x in inputs]
    return build.add(layer, make(tuple(x.type for x in tensors)), *tensors, shape=shape)


def whole_shape(layer: Layer, inputs: tuple[Tensor, ...]) -> Shape:
    """The result's shape in Keras: a tensor with fewer axes is broadcast, its last axes are those of the others."""
    if len(inputs) < 2:
        raise BitsmithError(f"'{layer.name}': {layer.class_name} of one tensor; give two or more")
    return joined_shape(f"'{layer.name}' ({layer.class_name})", [x.shape for x in inputs])


def in_floats(function: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    """The float form of a join: ``function`` of the first two tensors, then of that and each further one."""

    def form(layer: Layer, *x: Array) -> Array:
        return reduce(function, same_rank(x))

    return form
