"""Dot: the scalar product of two vectors."""

from __future__ import annotations

from ...sim.errors import BitsmithError
from ...sim.ops.dot import Dot
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .floats import Array
from .registry import converts


def scalar_product(layer: Layer, a: Array, b: Array) -> Array:
    return (a * b).sum(axis=-1, keepdims=True)


@converts("Dot", floats=scalar_product, several=True)
def convert_dot(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a = build.attributes(layer)
    check_form(a)
    a.finish()
    if len(inputs) != 2:
        raise BitsmithError(f"'{layer.name}': Dot of {len(inputs)} tensors; give two")
    shapes = [x.shape for x in inputs]
    if any(len(shape) != 1 for shape in shapes) or shapes[0] != shapes[1]:
        raise BitsmithError(
            f"'{layer.name}': Dot of shapes {shapes[0]} and {shapes[1]} is not supported; give two vectors of one size"
        )
    x, y = (build.plain(layer, tensor) for tensor in inputs)
    found = build.add(layer, Dot((x.type, y.type), x.shape[0]), x, y)
    to = build.result(layer)
    return found if to is None else build.round(layer, found, to, "round")


def check_form(a: Attributes) -> None:
    """The axis of the values is the only one that a vector has, as 1 or as -1, for both or for each."""
    axes = a.get("axes")
    both = axes if isinstance(axes, (list, tuple)) else [axes] * 2
    if len(both) != 2 or any(isinstance(axis, bool) or axis not in (1, -1) for axis in both):
        a.refuse("axes", axes, "1, -1")
    if a.flag("normalize", False):
        a.refuse("normalize", True, "false, as the quotient by both lengths is not exact; scale the vectors before")
