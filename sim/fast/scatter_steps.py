"""The fast step of conv2d_transpose: one BLAS product of every pixel with all taps, then each tap added in its place.

No inserted zero is multiplied. Sums are exact in any order, as for a convolution: ``Accumulator.magnitude`` bounds the
partial sums of all taps of a channel, and only those of one phase meet in a place.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..graph import Node
from ..op import Spec
from ..ops.activation import Activation
from ..ops.conv2d_transpose import Conv2DTranspose
from .bands import blocks, row_bands
from .epilogue import DType, Epilogue
from .products import product_dtype, product_parameters
from .registry import fused
from .steps import Array, Buffers, Run, Step


@dataclass(frozen=True)
class ScatterStep(Step):
    """A transposed convolution, then an activation (optional), by bands of input rows."""

    op: Conv2DTranspose
    epilogue: Epilogue | None
    dtype: DType

    def bind(self, buffers: Buffers) -> Run:
        out, source = self.new_output(buffers), buffers[self.inputs[0]]
        total = out if out.dtype == self.dtype else buffers.new(out.shape, self.dtype)
        _, rows, _, channels = source.shape
        weights, bias = self._parameters
        row_pixels = source[:, 0, :, 0].size
        bands = row_bands(rows, row_pixels * weights.shape[1] * self.dtype.itemsize)
        pixels = row_pixels * bands[0].stop
        columns = buffers.new((pixels, channels), self.dtype)
        products = buffers.new((pixels, weights.shape[1]), self.dtype)
        runs = [self._bind_band(source, band, total, columns, products) for band in bands]
        parts = [total[:, part] for part in blocks(total.shape[1], total[:, 0].size)]

        def run() -> None:
            np.copyto(total, bias)
            for band in runs:
                band()
            if self.epilogue:
                for part in parts:
                    self.epilogue.apply(part)
            if total is not out:
                np.copyto(out, total, casting="unsafe")

        return run

    def _bind_band(self, source: Array, rows: slice, total: Array, columns: Array, products: Array) -> Run:
        """What adds the products of some input rows; ``columns`` and ``products`` are scratch."""
        part, (weights, _) = source[:, rows], self._parameters
        pixels = part[..., 0].size
        columns, products = columns[:pixels], products[:pixels]
        inside = columns.reshape(part.shape)
        taps = products.reshape(*part.shape[:3], *self.op.kernel.shape[:2], -1)
        adds = self._places(taps, rows, total)

        def run() -> None:
            np.copyto(inside, part, casting="unsafe")
            np.matmul(columns, weights, out=products)
            for place, tap in adds:
                np.add(place, tap, out=place)

        return run

    def _places(self, taps: Array, rows: slice, total: Array) -> list[tuple[Array, Array]]:
        """Each tap's place in the output and its products; what falls on cropped places is left out."""
        (sh, sw), (dh, dw), (top, _), (left, _) = self.op.strides, self.op.dilation, *self.op.crop
        found = []
        for i, j in np.ndindex(*self.op.kernel.shape[:2]):
            from_rows, to_rows = _hits(taps.shape[1], sh, rows.start * sh + i * dh - top, total.shape[1])
            from_columns, to_columns = _hits(taps.shape[2], sw, j * dw - left, total.shape[2])
            found.append((total[:, to_rows, to_columns], taps[:, from_rows, from_columns, i, j]))
        return found

    @cached_property
    def _parameters(self) -> tuple[Array, Array]:
        """Weights (channels, taps * outputs) and bias (outputs,) in units of the epilogue's output."""
        kernel = self.op.kernel.transpose(2, 0, 1, 3)
        return product_parameters(self.op, kernel.reshape(len(kernel), -1), self.epilogue, self.dtype)


def _hits(count: int, stride: int, offset: int, size: int) -> tuple[slice, slice]:
    """Which k of ``count`` have ``offset + k * stride`` inside ``size`` places, and those places."""
    first = max(0, -(offset // stride))
    last = min(count, -((offset - size) // stride))
    start = offset + first * stride
    hits = max(0, last - first)
    return slice(first, first + hits), slice(start, start + hits * stride, stride)


@fused(Conv2DTranspose, takes_in=(Activation,))
def scatter_step(chain: list[Node], specs: dict[str, Spec], epilogue: Epilogue | None) -> Step | None:
    first, last = chain[0], chain[-1].name
    assert isinstance(first.op, Conv2DTranspose)
    dtype = product_dtype(first.op, epilogue)
    return None if dtype is None else ScatterStep(first.inputs, last, specs[last], first.op, epilogue, dtype)
