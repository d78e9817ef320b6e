"""Matmul: the product of two matrices of values, as Keras 3's operation of that name has it, and attention, of which
it is a part (``read/attention.py``)."""

from __future__ import annotations

from ...sim.errors import BitsmithError
from ...sim.ops.matmul import Matmul
from ..classes import ATTENTION
from ..read.attention import check_expanded
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .dense import convert_dense
from .dense import product as dense_product
from .floats import Array
from .registry import converts


def _form(a: Attributes) -> tuple[int, bool]:
    """How many products stand side by side, and whether the second factor is transposed: of attention, not Keras's."""
    return a.sizes("heads", 1, 1)[0], a.flag("transposed", False)


def matrix_product(layer: Layer, left: Array, right: Array) -> Array:
    heads, transposed = _form(Attributes(layer.name, layer.config))
    x, y = (value.reshape(*value.shape[:-1], heads, -1).swapaxes(-2, -3) for value in (left, right))
    found = x @ (y.swapaxes(-1, -2) if transposed else y)
    return found.swapaxes(-2, -3).reshape(*left.shape[:-1], -1)


@converts("Matmul", floats=matrix_product, several=True)
def convert_matmul(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a = build.attributes(layer)
    heads, transposed = _form(a)
    a.finish()
    if len(inputs) != 2:
        raise BitsmithError(f"'{layer.name}': Matmul of {len(inputs)} tensors; give two")
    left, right = (build.plain(layer, x) for x in inputs)
    op = _operator(layer, left, right, heads, transposed)
    y = build.add(layer, op, left, right, shape=(left.shape[0], heads * op.columns))
    to = build.result(layer)
    return y if to is None else build.round(layer, y, to, "round")


def _operator(layer: Layer, left: Tensor, right: Tensor, heads: int, transposed: bool) -> Matmul:
    """BitsmithError, with the shapes, where the tensors do not fit."""
    shapes = left.shape, right.shape
    in_heads = shapes if transposed else shapes[1:]
    if all(len(shape) == 2 and shape[1] % heads == 0 for shape in in_heads):
        held, size = right.shape[0], right.shape[1] // heads
        if len(left.shape) == 2 and left.shape[1] == heads * (size if transposed else held):
            return Matmul((left.type, right.type), held, size, heads, transposed)
    second = "(c, b)" if transposed else "(b, c)"
    raise BitsmithError(
        f"'{layer.name}': Matmul of shapes {shapes[0]} and {shapes[1]} is not supported; give (a, b) and {second}"
        + (f", with b a multiple of {heads} heads" if heads > 1 else "")
    )


def projected(layer: Layer, *x: Array) -> Array:
    check_expanded(layer)
    return dense_product(layer, x[0])


@converts(ATTENTION[0], floats=projected, several=True)
def convert_multi_head(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """The last of a MultiHeadAttention's layers; BitsmithError for one that was not taken apart."""
    check_expanded(layer)
    return convert_dense(build, layer, inputs)


def weighted(layer: Layer, *x: Array) -> Array:
    check_expanded(layer)
    return matrix_product(layer, *x)


@converts(ATTENTION[1], floats=weighted, several=True)
def convert_attention(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """The last of an Attention's layers."""
    check_expanded(layer)
    return convert_matmul(build, layer, inputs)
