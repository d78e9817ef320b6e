"""Operators that move values or do nothing: most are bookkeeping of axes and leave no layer."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from ....sim.errors import BitsmithError
from ...classes import short
from ..attributes import Attributes
from .constants import Given, integers, tensor
from .proto import Node
from .values import BATCH, ONE, Const, Value
from .walk import Walk, handles


@handles("Identity", "Dropout", "Cast")
def read_identity(walk: Walk, node: Node, a: Attributes, given: Given) -> Value | Const:
    """Nothing when a model runs; a cast between numbers of constants keeps their values."""
    a.harmless("ratio", "seed", "is_test", "consumed_inputs", "saturate")
    to, x = a.get("to", 1), given[0]
    if isinstance(x, Value):
        if to not in (1, 10, 11, 16):
            a.refuse("to", to, "floating point: values are cast to nothing else")
        return x
    assert x is not None
    return x if to in (1, 10, 11, 16) else Const(x.array.astype(np.int64))


@handles("Transpose")
def read_transpose(walk: Walk, node: Node, a: Attributes, given: Given) -> Value | Const:
    x = given[0]
    assert x is not None
    rank = len(x.labels) if isinstance(x, Value) else x.array.ndim
    perm = a.get("perm", list(range(rank))[::-1])
    if not isinstance(perm, list) or sorted(perm) != list(range(rank)):
        a.refuse("perm", perm, f"the axes 0 to {rank - 1} in any order")
    if isinstance(x, Const):
        return x.changed(lambda array: array.transpose(perm))
    return replace(x, labels=tuple(x.labels[axis] for axis in perm))


@handles("Unsqueeze")
def read_unsqueeze(walk: Walk, node: Node, a: Attributes, given: Given) -> Value | Const:
    x, axes = given[0], integers(given, 1, a, "axes") or []
    assert x is not None
    rank = (len(x.labels) if isinstance(x, Value) else x.array.ndim) + len(axes)
    axes = sorted(axis % rank if -rank <= axis < rank else rank for axis in axes)
    if rank in axes or len(set(axes)) != len(axes) or rank > 8:
        raise BitsmithError(f"its axes {short(axes)} do not fit its input; export the model again")
    if isinstance(x, Const):
        return x.changed(lambda array: np.expand_dims(array, tuple(axes)))
    labels = list(x.labels)
    for axis in axes:
        labels.insert(axis, ONE)
    return replace(x, labels=tuple(labels))


@handles("Squeeze")
def read_squeeze(walk: Walk, node: Node, a: Attributes, given: Given) -> Value | Const:
    x, axes = given[0], integers(given, 1, a, "axes")
    assert x is not None
    dims = x.dims if isinstance(x, Value) else x.array.shape
    if axes is None:
        axes = [i for i, n in enumerate(dims) if n == 1 and not (isinstance(x, Value) and x.labels[i] == BATCH)]
    axes = [axis % len(dims) for axis in axes if -len(dims) <= axis < len(dims)]
    if any(dims[axis] != 1 for axis in axes) or (isinstance(x, Value) and any(x.labels[i] == BATCH for i in axes)):
        raise BitsmithError(f"its axes {short(axes)} are not of size 1, or the batch; export the model again")
    if isinstance(x, Const):
        return x.changed(lambda array: np.squeeze(array, tuple(axes)))
    x = walk.arranged(x, tuple(axis for axis in x.axes if axis not in axes), node.name)
    return replace(x, labels=tuple(label for i, label in enumerate(x.labels) if i not in axes))


@handles("Flatten")
def read_flatten(walk: Walk, node: Node, a: Attributes, given: Given) -> Value | Const:
    x, axis = given[0], a.get("axis", 1)
    if isinstance(x, Const):
        return x.changed(lambda array: array.reshape(prod(array.shape[:axis]), -1))
    x = tensor(given)
    if axis not in (1, 1 - len(x.labels)) and not (axis == 0 and walk.batch == 1):
        a.refuse("axis", axis, "1")
    return flattened(walk, x, node.name)


@handles("Reshape")
def read_reshape(walk: Walk, node: Node, a: Attributes, given: Given) -> Value | Const:
    a.only("allowzero", 0)
    x, target = given[0], integers(given, 1, a, "shape")
    if target is None or x is None:
        raise BitsmithError("it has no shape; export the model again")
    dims = (walk.batch, *x.dims[1:]) if isinstance(x, Value) else x.array.shape
    target = [dims[i] if n == 0 and i < len(dims) else n for i, n in enumerate(target)]
    if isinstance(x, Const):
        shape = _whole(target, prod(dims))
        return x.changed(lambda array: array.reshape(shape))
    if x.labels[0] != BATCH or len(target) < 2:
        raise BitsmithError(f"shape {short(target)} of a tensor {dims}: the batch must stay in front")
    if target[0] not in (-1, walk.batch) or (target[0] == -1 and -1 in target[1:]):
        raise BitsmithError(f"shape {short(target)} of a tensor {dims}: the batch must stay in front")
    shape = _whole(target[1:], prod(x.shape))
    if len(shape) == 1:
        return flattened(walk, x, node.name)
    x = walk.natural(walk.plain(x), node.name)
    key = walk.emit(node.name, "Reshape", {"target_shape": list(shape)}, x)
    return Value(key, shape, (BATCH, *range(len(shape))))


def _whole(target: list[int], total: int) -> tuple[int, ...]:
    """A shape with -1 filled in."""
    known = prod(n for n in target if n != -1)
    free = target.count(-1)
    if free > 1 or known < 1 or any(n < -1 for n in target) or (total % known if free else total != known):
        raise BitsmithError(f"shape {short(target)} does not fit {total} values; export the model again")
    return tuple(total // known if n == -1 else n for n in target)


def flattened(walk: Walk, x: Value, name: str) -> Value:
    """A vector in ONNX's order. Where ours is another, the order is kept in mind: a dense layer's weights follow it."""
    if x.labels[0] != BATCH:
        raise BitsmithError(f"'{name}': the batch is not in front of its input; transpose it back")
    labels = (BATCH, 0)
    if len(x.shape) == 1:
        return replace(x, labels=labels, image=False)
    if x.pending and (x.offset is not None or (x.scale is not None and x.scale.size > 1)):
        x = walk.plain(x)
    dims = tuple(label for label in x.labels if label >= 0)
    moving = [d for d in dims if x.shape[d] > 1]
    key = walk.emit(name, "Flatten", {}, x)
    y = replace(x, key=key, shape=(prod(x.shape),), labels=labels, image=False)
    if moving == sorted(moving):
        return y
    order = np.arange(prod(x.shape)).reshape(x.shape).transpose(dims).reshape(-1)
    return replace(y, order=order, before=(x.shape, dims))
