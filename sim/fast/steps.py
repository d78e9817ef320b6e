"""The steps of a fast plan: each binds once to buffers for a number of images and then runs without allocating.

Tensors travel as floats that hold exact integers where their type allows (see ``carrier``), else as int64.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..fixed import Fixed
from ..op import Operator, Spec
from ..params import NO_PADDING, Padding
from .epilogue import DType, carrier, magnitude

Array = NDArray[Any]
Run = Callable[[], object]


def tensor_dtype(type: Fixed) -> DType:
    """The dtype of a tensor of this type."""
    return carrier(magnitude(type.raw_min, type.raw_max)) or np.dtype(np.int64)


class Buffers(dict[str, Array]):
    """The tensors of one binding by name, for ``images`` images; counts the bytes it hands out."""

    def __init__(self, images: int) -> None:
        super().__init__()
        self.images = images
        self.bytes = 0

    def new(self, shape: tuple[int, ...], dtype: DType) -> Array:
        array = np.zeros(shape, dtype)
        self.bytes += array.nbytes
        return array

    def add(self, name: str, spec: Spec) -> Array:
        """A tensor of the binding."""
        self[name] = self.new((self.images, *spec.shape), tensor_dtype(spec.type))
        return self[name]


@dataclass(frozen=True)
class Step(ABC):
    """Computes one tensor from others."""

    inputs: tuple[str, ...]
    output: str
    spec: Spec

    @abstractmethod
    def bind(self, buffers: Buffers) -> Run:
        """Allocate the output (and scratch) in ``buffers`` and return what fills it."""

    def new_output(self, buffers: Buffers) -> Array:
        return buffers.add(self.output, self.spec)


@dataclass(frozen=True)
class ComputeStep(Step):
    """Any operator, by its own ``compute`` on int64."""

    op: Operator

    def bind(self, buffers: Buffers) -> Run:
        sources = [buffers[name] for name in self.inputs]
        out = self.new_output(buffers)

        def run() -> None:
            out[...] = self.op.compute(*(x.astype(np.int64, copy=False) for x in sources))

        return run


def bind_padding(source: Array, padding: Padding, value: int, buffers: Buffers) -> tuple[Array, Run]:
    """``source`` with ``value`` around it, and what refreshes its inside."""
    if padding == NO_PADDING:
        return source, lambda: None
    (top, bottom), (left, right) = padding
    n, h, w, c = source.shape
    padded = buffers.new((n, h + top + bottom, w + left + right, c), source.dtype)
    padded[...] = value
    inside = padded[:, top : top + h, left : left + w]
    return padded, lambda: np.copyto(inside, source)
