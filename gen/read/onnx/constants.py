"""Constants, and the arithmetic of shapes and constants that exporters leave in a graph; computed while reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....sim.errors import BitsmithError
from ..attributes import Attributes
from ..hdf5 import MAX_VALUES
from .proto import Node
from .values import BATCH, Const, Value
from .walk import Walk, handles

Given = list["Value | Const | None"]


def constant(given: Given, index: int, what: str) -> Const | None:
    """An input that must be a constant where it is there."""
    x = given[index] if index < len(given) else None
    if isinstance(x, Value):
        raise BitsmithError(f"its {what} is computed by the graph; only constants are supported")
    return x


def required(given: Given, index: int, what: str) -> Const:
    x = constant(given, index, what)
    if x is None:
        raise BitsmithError(f"it has no {what}; export the model again")
    return x


def tensor(given: Given, index: int = 0) -> Value:
    """An input that must not be a constant."""
    x = given[index] if index < len(given) else None
    if not isinstance(x, Value):
        raise BitsmithError("a constant, or nothing, stands where it takes a tensor; run onnxsim or qonnx's cleanup")
    return x


def integers(given: Given, index: int, a: Attributes, attribute: str) -> list[int] | None:
    """Whole numbers, an attribute in old files and an input in new ones; None where there are none."""
    value = a.get(attribute)
    if value is None and (found := constant(given, index, attribute)) is not None:
        value = found.array.reshape(-1).tolist()
    if value is None:
        return None
    whole = isinstance(value, list) and all(isinstance(n, (int, float)) for n in value)
    if not whole or not all(float(n).is_integer() and abs(n) < 2**62 for n in value):
        a.refuse(attribute, value, "whole numbers")
    return [int(n) for n in value]


@handles("Constant")
def read_constant(walk: Walk, node: Node, a: Attributes, given: Given) -> Const:
    for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        value = a.get(name)
        if value is not None:
            array = np.asarray(value)
            return Const(array.astype(np.float32) if name.startswith("value_float") else array)
    raise BitsmithError("a Constant without a number; export the model again")


@handles("Shape")
def read_shape(walk: Walk, node: Node, a: Attributes, given: Given) -> Const:
    a.only("start", 0)
    x = given[0]
    if isinstance(x, Value):
        return Const(np.array([walk.batch if label == BATCH else n for label, n in zip(x.labels, x.dims)]))
    dims = () if x is None else x.array.shape
    return Const(np.array(dims, dtype=np.int64))


@handles("Gather")
def read_gather(walk: Walk, node: Node, a: Attributes, given: Given) -> Const:
    """Of a constant; of a tensor it is not supported."""
    x, indices, axis = required(given, 0, "data"), required(given, 1, "indices").array, a.get("axis", 0)
    return _computed(lambda: np.take(x.array, indices.astype(np.int64), axis=axis))


@handles("Slice")
def read_slice(walk: Walk, node: Node, a: Attributes, given: Given) -> Const:
    x = required(given, 0, "data").array
    starts, ends = integers(given, 1, a, "starts"), integers(given, 2, a, "ends")
    axes, steps = integers(given, 3, a, "axes"), integers(given, 4, a, "steps")
    index = [slice(None)] * x.ndim
    for i, axis in enumerate(axes if axes is not None else range(len(starts or ()))):
        if not -x.ndim <= axis < x.ndim or starts is None or ends is None or i >= min(len(starts), len(ends)):
            raise BitsmithError("its starts, ends and axes do not agree; export the model again")
        index[axis] = slice(starts[i], ends[i], steps[i] if steps is not None and i < len(steps) else 1)
    return _computed(lambda: x[tuple(index)])


@handles("Pow", "Sqrt", "Neg")
def read_arithmetic(walk: Walk, node: Node, a: Attributes, given: Given) -> Const:
    return folded(node, given)


_FOLDS: dict[str, Callable[..., Any]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Pow": np.power, "Sqrt": np.sqrt, "Neg": np.negative,
    "Div": lambda x, y: np.true_divide(x, y) if np.asarray(x).dtype.kind == "f" else np.floor_divide(x, y),
}  # fmt: skip


def folded(node: Node, given: Given) -> Const:
    """An operator of constants, in their own precision."""
    arrays = [required(given, i, "constant").array for i in range(len(given))]
    return _computed(lambda: _FOLDS[node.op](*arrays))


def _computed(function: Callable[[], Any]) -> Const:
    try:
        with np.errstate(all="ignore"):
            array = np.asarray(function())
    except (ValueError, IndexError, TypeError, MemoryError) as error:
        raise BitsmithError(f"its constants do not fit ({str(error)[:60]}); export the model again") from None
    if array.size > MAX_VALUES or (array.dtype.kind == "f" and not np.isfinite(array).all()):
        raise BitsmithError("its constants give no finite result; export the model again")
    return Const(array)
