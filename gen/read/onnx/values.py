"""Tensors while an ONNX graph is read: where each axis of theirs went, and what is still to be multiplied in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....sim.fixed import FloatArray

BATCH, ONE = -1, -2
"""Labels of an axis in ONNX: the batch, and one of size 1 that our tensor does not have."""
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """A tensor of the network: ``scale * t + offset`` of the tensor ``t`` that layer ``key`` gives.

    ``shape`` is ours, channels last and without the batch. ``labels`` has one entry for each axis in ONNX: the number
    of our axis, ``BATCH`` or ``ONE``.
    """

    key: str
    shape: Shape
    labels: tuple[int, ...]
    single: bool = True
    """Whether it is read once, and everything that it is made of since layer ``key`` as well."""
    image: bool = False
    """Whether it is an image or a sequence, whose channels are our last axis, by the meaning of an operator."""
    order: NDArray[np.int64] | None = None
    """Of a vector that was flattened here in another order: where ONNX's element stands in ours."""
    before: tuple[Shape, tuple[int, ...]] | None = None
    """With ``order``: our shape before, and our axes in ONNX's order."""
    scale: FloatArray | None = None
    """Pending: one number, or one for each place of our last axis. None is 1."""
    offset: FloatArray | None = None
    origin: str = ""
    """The node that ``scale`` and ``offset`` come from, for the layer's name."""

    @property
    def dims(self) -> Shape:
        """The sizes in ONNX, 1 for the batch."""
        return tuple(1 if label < 0 else self.shape[label] for label in self.labels)

    @property
    def axes(self) -> tuple[int, ...]:
        """For each of our axes the axis in ONNX."""
        return tuple(self.labels.index(i) for i in range(len(self.shape)))

    @property
    def pending(self) -> bool:
        return self.scale is not None or self.offset is not None

    def ours(self, values: FloatArray) -> FloatArray:
        """One number for each element of a flattened vector, from ONNX's order to ours."""
        if self.order is None:
            return values
        result = np.empty_like(values)
        result[self.order] = values
        return result

    def composed(self, scale: FloatArray, offset: FloatArray, origin: str) -> Value:
        """``scale * self + offset``, one number or one for each place of our last axis."""
        old_scale, old_offset = self.scale, self.offset
        new_scale = scale if old_scale is None else scale * old_scale
        new_offset = offset if old_offset is None else scale * old_offset + offset
        return replace(self, scale=new_scale, offset=new_offset if np.any(new_offset) else None, origin=origin)


@dataclass(frozen=True)
class Const:
    """A constant: ``array``; where it is quantized also its integers and their scales, of the same shape."""

    array: NDArray[Any]
    raw: FloatArray | None = None
    scale: FloatArray | None = None

    @property
    def quantized(self) -> bool:
        return self.raw is not None

    def changed(self, function: Any) -> Const:
        """Every part through a function that moves elements."""
        raw, scale = (None if part is None else function(part) for part in (self.raw, self.scale))
        return Const(function(self.array), raw, scale)


def powers_of_two(scale: NDArray[Any]) -> bool:
    """Whether every number is one."""
    return bool((np.frexp(scale.astype(np.float64))[0] == 0.5).all())
