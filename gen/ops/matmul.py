"""Matmul: the product of two matrices of values, as Keras 3's operation of that name has it."""

from __future__ import annotations

from ...sim.errors import BitsmithError
from ...sim.ops.matmul import Matmul
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .floats import Array
from .registry import converts


def matrix_product(layer: Layer, left: Array, right: Array) -> Array:
    return left @ right


@converts("Matmul", floats=matrix_product, several=True)
def convert_matmul(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    build.attributes(layer).finish()
    if len(inputs) != 2:
        raise BitsmithError(f"'{layer.name}': Matmul of {len(inputs)} tensors; give two")
    left, right = (build.plain(layer, x) for x in inputs)
    shapes = left.shape, right.shape
    if any(len(shape) != 2 for shape in shapes) or left.shape[1] != right.shape[0]:
        raise BitsmithError(
            f"'{layer.name}': Matmul of shapes {shapes[0]} and {shapes[1]} is not supported; give (a, b) and (b, c)"
        )
    op = Matmul((left.type, right.type), *right.shape)
    y = build.add(layer, op, left, right, shape=(left.shape[0], right.shape[1]))
    to = build.result(layer)
    return y if to is None else build.round(layer, y, to, "round")
