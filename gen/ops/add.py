"""Add: the exact sum of two or more tensors."""

from __future__ import annotations

from ...sim.errors import BitsmithError
from ...sim.ops.add import Add
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .floats import Array
from .registry import converts


def add(layer: Layer, *x: Array) -> Array:
    return sum(x)


@converts("Add", floats=add, several=True)
def convert_add(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    build.attributes(layer).finish()
    if len(inputs) < 2 or len({x.shape for x in inputs}) != 1:
        shapes = ", ".join(str(x.shape) for x in inputs)
        raise BitsmithError(f"'{layer.name}': inputs of shapes {shapes}; add two or more tensors of one shape")
    total, *others = (build.plain(layer, x) for x in inputs)
    for i, x in enumerate(others):
        suffix = f"sum{i + 1}" if i < len(inputs) - 2 else ""
        op = Add((total.type, x.type))
        total = build.add(layer, op, total, x, suffix=suffix, shape=x.shape)
    to = build.result(layer)
    return total if to is None else build.round(layer, total, to, "round")
