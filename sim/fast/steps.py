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
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ..fixed import Fixed
from ..op import Operator, Spec
from ..ops.conv2d import Conv2D
from ..ops.conv2d_transpose import Conv2DTranspose
from ..ops.dense import Dense
from ..ops.max_pool2d import MaxPool2D
from ..params import NO_PADDING, Padding, Pair
from .bands import row_bands
from .epilogue import DType, Epilogue, carrier, magnitude

Array = NDArray[Any]
Run = Callable[[], object]
_ONE = np.newaxis
_SHORT_RUN = 8  # below this many contiguous values a copy by taps (long runs) is several times faster than by windows


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
    """Convolution or dense layer, then a maximum over ``pool`` windows, then an activation; both are optional.

    Large images go by bands of output rows that share the columns' memory.
    """

    op: Conv2D | Dense
    pool: Pair
    epilogue: Epilogue | None
    dtype: DType

    def bind(self, buffers: Buffers) -> Run:
        out, outputs = self.new_output(buffers), self.op.kernel.shape[-1]
        view, prepare = self._bind_windows(buffers)
        terms = self.op.kernel.size // outputs
        ready = view.flags.c_contiguous and view.dtype == self.dtype
        row_bytes = view[:, :, :, :1].size * self.dtype.itemsize
        bands = [slice(view.shape[3])] if ready else row_bands(view.shape[3], row_bytes)
        most = view[:, :, :, bands[0]].size
        columns = None if ready else buffers.new((most,), self.dtype)
        total = buffers.new((most // terms * outputs,), self.dtype)
        if len(bands) == 1 and out.dtype == self.dtype:
            out = buffers[self.output] = total[: out.size].reshape(out.shape)
        places = out.reshape(*view.shape[2:5], outputs)
        runs = [self._bind_band(view[:, :, :, rows], places[:, rows], columns, total) for rows in bands]

        def run() -> None:
            prepare()
            for band in runs:
                band()

        return run

    def _bind_band(self, view: Array, out: Array, columns: Array | None, total: Array) -> Run:
        """What computes the rows of ``out`` from their windows; ``columns`` and ``total`` are scratch."""
        matrix, fill = self._bind_columns(view, columns)
        weights, bias = self._parameters
        total = total[: len(matrix) * weights.shape[1]].reshape(len(matrix), -1)
        parts = total.reshape(self.pool[0] * self.pool[1], -1)
        best = parts[0]
        wide = best.reshape(-1, len(bias) * out.shape[2])  # long rows: adding the bias does not run over 16 values
        wide_bias, result = np.tile(bias, out.shape[2]), best.reshape(out.shape)
        elsewhere = not np.may_share_memory(out, result)

        def run() -> None:
            fill()
            np.matmul(matrix, weights, out=total)
            for part in parts[1:]:
                np.maximum(best, part, out=best)
            np.add(wide, wide_bias, out=wide)
            if self.epilogue:
                self.epilogue.apply(best)
            if elsewhere:
                np.copyto(out, result, casting="unsafe")

        return run

    @cached_property
    def _parameters(self) -> tuple[Array, Array]:
        """Weights (terms, outputs) and bias (outputs,) in units of the epilogue's output."""
        return product_parameters(self.op, self.op.kernel.reshape(-1, len(self.op.bias)), self.epilogue, self.dtype)

    def _bind_columns(self, view: Array, scratch: Array | None) -> tuple[Array, Run]:
        """The matrix (phases * images * rows * columns, terms) and what fills it; a phase is a place in the pool."""
        terms = int(np.prod(view.shape[-3:]))
        if scratch is None:
            return view.reshape(-1, terms), lambda: None
        close = isinstance(self.op, Dense) or self.op.dilation[1] == 1
        by_taps = view.shape[-1] * (view.shape[-2] if close else 1) < _SHORT_RUN
        if by_taps:
            view = view.transpose(5, 6, 7, 0, 1, 2, 3, 4)
        columns = scratch[: view.size].reshape(view.shape)
        matrix = columns.reshape(terms, -1).T if by_taps else columns.reshape(-1, terms)
        return matrix, lambda: np.copyto(columns, view, casting="unsafe")

    def _bind_windows(self, buffers: Buffers) -> tuple[Array, Run]:
        """(pool height, pool width, images, rows, columns, kernel height, kernel width, channels): a view of the padded
        input; and what refreshes that. A vector is one place.
        """
        source, op = buffers[self.inputs[0]], self.op
        if isinstance(op, Dense):
            return source[_ONE, _ONE, :, _ONE, _ONE, _ONE, _ONE], lambda: None
        padded, fill = bind_padding(source, op.padding, 0, buffers)
        (ph, pw), (sh, sw), (dh, dw) = self.pool, op.strides, op.dilation
        images, row, column, channel = padded.strides
        shape = (ph, pw, len(padded), *self.spec.shape[:2], *op.kernel.shape[:3])
        strides = (row * sh, column * sw, images, row * sh * ph, column * sw * pw, row * dh, column * dw, channel)
        return as_strided(padded, shape, strides, writeable=False), fill


def product_parameters(
    op: Conv2D | Conv2DTranspose | Dense, matrix: Array, epilogue: Epilogue | None, dtype: DType
) -> tuple[Array, Array]:
    """The kernel as a ``matrix`` and the bias, in ``dtype`` and in units of the epilogue's output."""
    exponent, sums = epilogue.exponent if epilogue else 0, op.accumulator
    weights = matrix * 2.0 ** (sums.product_shift + exponent)
    bias = op.bias * 2.0 ** (sums.bias_shift + exponent)
    return np.ascontiguousarray(weights, dtype), bias.astype(dtype)


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
