"""The graph's inputs: images channels last, whatever the file has; everything else in the file's order."""

from __future__ import annotations

from math import prod

import numpy as np

from ....sim.errors import BitsmithError
from ..attributes import LARGEST
from .proto import Node
from .values import BATCH, Value
from .walk import Walk

_CHANNEL_OPS = ("Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization")
"""Operators whose second axis is the channels."""
_SAME_AXES = ("Quant", "IntQuant", "BipolarQuant", "Trunc", "Relu", "LeakyRelu", "Identity", "Dropout", "Cast", "Clip",
              "Sigmoid", "Tanh", "HardSigmoid", "Mul", "Add", "Sub", "Div", "Pad")  # fmt: skip


def add_inputs(walk: Walk) -> tuple[str, ...]:
    """An InputLayer for each input; their keys."""
    if not walk.model.inputs:
        raise BitsmithError(f"{walk.model.source}: the graph has no input; export the model again")
    keys = []
    for name, sizes in walk.model.inputs:
        if len(sizes) < 2:
            raise BitsmithError(f"{walk.model.source}: input '{name}' of {len(sizes)} axes; give batch and 1 to 3 axes")
        shape = tuple(n or 0 for n in sizes[1:])
        if not all(shape):
            raise BitsmithError(
                f"{walk.model.source}: input '{name}' has an open size: {sizes}; hardware needs every size but the "
                "batch, so export the model with fixed sizes"
            )
        rank = len(sizes)
        channels = _channel_axis(walk, name, tuple(range(rank)), set()) if rank > 2 else None
        axes = (*range(2, rank), 1) if channels == 1 else tuple(range(1, rank))
        shape = tuple(sizes[axis] or 0 for axis in axes)
        if prod(shape) > LARGEST:
            raise BitsmithError(f"{walk.model.source}: input '{name}' of {sizes} has more than {LARGEST} values")
        config = {"batch_shape": [None, *shape]}
        key = walk.emit(name or "input", "InputLayer", config)
        labels = (BATCH, *(axes.index(axis) for axis in range(1, rank)))
        walk.values[name] = Value(key, shape, labels, walk.single(name), channels is not None)
        keys.append(key)
    return tuple(keys)


def _channel_axis(walk: Walk, name: str, axes: tuple[int, ...], seen: set[str]) -> int | None:
    """The input's axis that the first operators which know one take as the channels; None where there are none."""
    if name in seen:
        return None
    seen.add(name)
    for node in walk.model.nodes:
        if name not in node.inputs:
            continue
        found = _of(walk, node, axes, seen)
        if found is not None:
            return found
    return None


def _of(walk: Walk, node: Node, axes: tuple[int, ...], seen: set[str]) -> int | None:
    if node.channels_last:
        return axes[-1]
    if node.op in _CHANNEL_OPS:
        return axes[1]
    if node.op in ("ReduceMean", "Resize", "Upsample"):
        places = _places(walk, node, len(axes))
        return {(2, len(axes)): axes[1], (1, len(axes) - 1): axes[-1]}.get(places)
    axis = node.attributes.get("axis", 1)
    if node.op == "Concat":
        return axes[axis] if isinstance(axis, int) and -len(axes) <= axis < len(axes) else None
    perm = node.attributes.get("perm")
    if node.op == "Transpose" and isinstance(perm, list) and sorted(perm) == list(range(len(axes))):
        return _channel_axis(walk, node.outputs[0], tuple(axes[i] for i in perm), seen)
    return _channel_axis(walk, node.outputs[0], axes, seen) if node.op in _SAME_AXES and node.outputs else None


def _places(walk: Walk, node: Node, rank: int) -> tuple[int, int]:
    """From which axis to which an operator takes the places of an image, (0, 0) where it says none."""
    arrays = [np.asarray(v) for v in (node.attributes.get("axes"), node.attributes.get("scales")) if v is not None]
    arrays += [walk.model.constants[name] for name in node.inputs[1:] if name in walk.model.constants]
    for array in (v for v in arrays if v.dtype.kind in "iuf" and np.isfinite(v).all()):
        flat = array.reshape(-1).tolist()
        axes = [n % rank for n in flat] if node.op == "ReduceMean" else [i for i, n in enumerate(flat) if n != 1]
        if axes:
            return int(min(axes)), int(max(axes)) + 1
    return 0, 0
