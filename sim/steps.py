"""The steps of a fast plan: each binds once to buffers for a number of images and then runs without allocating.

Tensors travel as floats that hold exact integers where their type allows (see ``carrier``), else as int64. Products are
BLAS calls on columns (im2col); they are exact because every partial sum is below the mantissa's limit, proven from the
weights by ``Accumulator.magnitude``. A maximum over windows that do not overlap is taken before a monotone activation:
``max f(x) = f(max x)``, so the integers are the same and the rounding runs on fewer values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from .epilogue import DType, Epilogue, carrier, magnitude
from .fixed import Fixed
from .op import Operator, Spec
from .ops import Conv2D, Crop, Dense, MaxPool2D, RepeatVector, Reverse
from .params import NO_PADDING, Padding, Pair

Array = NDArray[Any]
Run = Callable[[], object]
_SHORT_RUN = 8  # below this many contiguous values a copy by taps (long runs) is several times faster than by windows


def tensor_dtype(type: Fixed) -> DType:
    """What a tensor of this type travels as."""
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


@dataclass(frozen=True)
class ReshapeStep(Step):
    """The same values in another shape: another view of the same buffer, where its strides allow that."""

    def bind(self, buffers: Buffers) -> Run:
        source = buffers[self.inputs[0]]
        result = buffers[self.output] = source.reshape(buffers.images, *self.spec.shape)
        if np.may_share_memory(result, source):
            return lambda: None
        buffers.bytes += result.nbytes
        copy = result.reshape(source.shape)
        return lambda: np.copyto(copy, source)


@dataclass(frozen=True)
class ViewStep(Step):
    """A part of a tensor, its reverse or its repetition: the same buffer with other strides."""

    op: Crop | Reverse | RepeatVector

    def bind(self, buffers: Buffers) -> Run:
        source = buffers[self.inputs[0]]
        if isinstance(self.op, RepeatVector):
            steps = source if self.op.interleaved else source[:, np.newaxis, np.newaxis]
            buffers[self.output] = np.broadcast_to(steps, (buffers.images, *self.spec.shape))
        else:
            buffers[self.output] = self.op.compute(source)
        return lambda: None


@dataclass(frozen=True)
class ActivationStep(Step):
    """An activation on a float tensor; ``dtype`` is exact for it."""

    epilogue: Epilogue
    dtype: DType

    def bind(self, buffers: Buffers) -> Run:
        source, out = buffers[self.inputs[0]], self.new_output(buffers)
        work = out if out.dtype == self.dtype else buffers.new(out.shape, self.dtype)
        scale = self.dtype.type(2.0**self.epilogue.exponent)

        def run() -> None:
            np.multiply(source, scale, out=work, dtype=self.dtype, casting="unsafe")
            self.epilogue.apply(work)
            if work is not out:
                np.copyto(out, work, casting="unsafe")

        return run


@dataclass(frozen=True)
class MaxPoolStep(Step):
    """Maximum over any windows of a float tensor."""

    op: MaxPool2D

    def bind(self, buffers: Buffers) -> Run:
        source, out = buffers[self.inputs[0]], self.new_output(buffers)
        (kh, kw), (sh, sw) = self.op.pool, self.op.strides
        padded, fill = bind_padding(source, self.op.padding, self.op.input_type.raw_min, buffers)
        rows, columns = (out.shape[1] - 1) * sh + 1, (out.shape[2] - 1) * sw + 1
        taps = [padded[:, i : i + rows : sh, j : j + columns : sw] for i in range(kh) for j in range(kw)]

        def run() -> None:
            fill()
            np.copyto(out, taps[0])
            for tap in taps[1:]:
                np.maximum(out, tap, out=out)

        return run


@dataclass(frozen=True)
class ProductStep(Step):
    """Convolution or dense layer, then a maximum over ``pool`` windows, then an activation; both are optional."""

    op: Conv2D | Dense
    pool: Pair
    epilogue: Epilogue | None
    dtype: DType

    def bind(self, buffers: Buffers) -> Run:
        out = self.new_output(buffers)
        columns, fill = self._bind_columns(buffers)
        phases, outputs = self.pool[0] * self.pool[1], self.op.kernel.shape[-1]
        exponent = self.epilogue.exponent if self.epilogue else 0
        weights = self.op.kernel.reshape(-1, outputs) * 2.0 ** (self.op.accumulator.product_shift + exponent)
        weights = np.ascontiguousarray(weights, dtype=self.dtype)
        bias = self.op.bias * 2.0 ** (self.op.accumulator.bias_shift + exponent)
        total = buffers.new((len(columns), outputs), self.dtype)
        parts = total.reshape(phases, -1)
        best, wide = parts[0], self._wide(parts[0], outputs)
        wide_bias = np.tile(bias, wide.shape[1] // outputs).astype(self.dtype)
        result = best.reshape(out.shape)
        if result.dtype == out.dtype:
            buffers[self.output] = result

        def run() -> None:
            fill()
            np.matmul(columns, weights, out=total)
            for part in parts[1:]:
                np.maximum(best, part, out=best)
            np.add(wide, wide_bias, out=wide)
            if self.epilogue:
                self.epilogue.apply(best)
            if result.dtype != out.dtype:
                np.copyto(out, result, casting="unsafe")

        return run

    def _wide(self, flat: Array, outputs: int) -> Array:
        """A view with long rows, so that adding the bias does not run over 16 values at a time."""
        row = outputs * self.spec.shape[1] if len(self.spec.shape) == 3 else outputs
        return flat.reshape(-1, row)

    def _bind_columns(self, buffers: Buffers) -> tuple[Array, Run]:
        """The matrix (phases * images * rows * columns, terms) and what fills it; a phase is a place in the pool."""
        source = buffers[self.inputs[0]]
        if isinstance(self.op, Dense):
            return bind_cast(source, self.dtype, buffers)
        padded, fill_padding = bind_padding(source, self.op.padding, 0, buffers)
        view = self._windows(padded, self.op)
        run_length = view.shape[-1] * (view.shape[-2] if self.op.dilation[1] == 1 else 1)
        terms = int(np.prod(view.shape[-3:]))
        by_taps = run_length < _SHORT_RUN
        if by_taps:
            view = view.transpose(5, 6, 7, 0, 1, 2, 3, 4)
        if view.flags.c_contiguous and view.dtype == self.dtype:
            return view.reshape(-1, terms), fill_padding
        columns = buffers.new(view.shape, self.dtype)

        def fill() -> None:
            fill_padding()
            np.copyto(columns, view, casting="unsafe")

        return (columns.reshape(terms, -1).T if by_taps else columns.reshape(-1, terms)), fill

    def _windows(self, x: Array, op: Conv2D) -> Array:
        """(pool height, pool width, images, rows, columns, kernel height, kernel width, channels), a view."""
        (ph, pw), (sh, sw), (dh, dw) = self.pool, op.strides, op.dilation
        images, row, column, channel = x.strides
        shape = (ph, pw, len(x), *self.spec.shape[:2], *op.kernel.shape[:3])
        strides = (row * sh, column * sw, images, row * sh * ph, column * sw * pw, row * dh, column * dw, channel)
        return as_strided(x, shape, strides, writeable=False)


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


def bind_cast(source: Array, dtype: DType, buffers: Buffers) -> tuple[Array, Run]:
    """``source`` in another dtype, and what refreshes it."""
    if source.dtype == dtype:
        return source, lambda: None
    cast = buffers.new(source.shape, dtype)
    return cast, lambda: np.copyto(cast, source, casting="unsafe")
