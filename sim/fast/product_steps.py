"""Convolutions and dense layers, with a maximum and an activation behind them.

Products are BLAS calls on columns (im2col); they are exact because every partial sum is below the mantissa's limit,
proven from the weights by ``Accumulator.magnitude``. A maximum over windows that do not overlap is taken before a
monotone activation: ``max f(x) = f(max x)``, so the integers are the same and the rounding runs on fewer values.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..graph import Node
from ..op import Spec
from ..ops.activation import Activation
from ..ops.conv2d import Conv2D
from ..ops.dense import Dense
from ..ops.max_pool2d import MaxPool2D
from ..params import NO_PADDING, Pair
from .bands import row_bands
from .epilogue import DType, Epilogue
from .products import product_dtype, product_parameters
from .registry import fused
from .steps import Array, Buffers, Run, Step, bind_padding

_ONE = np.newaxis
_SHORT_RUN = 8  # below this many contiguous values a copy by taps (long runs) is several times faster than by windows


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


@fused(Conv2D, Dense, takes_in=(Activation, MaxPool2D))
def product_step(chain: list[Node], specs: dict[str, Spec], epilogue: Epilogue | None) -> Step | None:
    """A step for a convolution or a dense layer and what is behind it."""
    first, last, rest = chain[0], chain[-1].name, [node.op for node in chain[1:]]
    op: Any = first.op
    pool = next((op for op in rest if isinstance(op, MaxPool2D)), None)
    if pool is not None and (pool.strides != pool.pool or pool.padding != NO_PADDING):
        return None
    if pool is not None and epilogue is not None and isinstance(rest[0], Activation) and not epilogue.monotone:
        return None
    dtype = product_dtype(op, epilogue)
    if dtype is None:
        return None
    return ProductStep(first.inputs, last, specs[last], op, pool.pool if pool else (1, 1), epilogue, dtype)
