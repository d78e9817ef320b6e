"""Sliding windows over channels-last images: extents, padding, views."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import BitsmithError
from .op import Shape
from .params import Padding, Pair


def window_shape(stem: str, shape: Shape, size: Pair, strides: Pair, padding: Padding, dilation: Pair = (1, 1)) -> Pair:
    """Height and width of the output; BitsmithError where the window is larger than the padded input."""
    extents = []
    for axis in range(2):
        padded = shape[axis] + sum(padding[axis])
        reach = (size[axis] - 1) * dilation[axis] + 1
        if padded < reach:
            raise BitsmithError(
                f"{stem}: the window reaches over {reach} and the padded input has {padded} along axis {axis}; "
                "use a larger input or a smaller window"
            )
        extents.append((padded - reach) // strides[axis] + 1)
    return extents[0], extents[1]


def pad(x: NDArray[Any], padding: Padding, value: int = 0) -> NDArray[Any]:
    """``x`` (batch, height, width, channels) with ``value`` around it."""
    if padding == ((0, 0), (0, 0)):
        return x
    return np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value)


def windows(x: NDArray[Any], size: Pair, strides: Pair, dilation: Pair = (1, 1)) -> NDArray[Any]:
    """A view (batch, rows, columns, channels, window height, window width) of a padded ``x``."""
    reach = tuple((n - 1) * d + 1 for n, d in zip(size, dilation))
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(1, 2))
    result: NDArray[Any] = view[:, :: strides[0], :: strides[1], :, :: dilation[0], :: dilation[1]]
    return result


def window_counts(shape: Shape, size: Pair, strides: Pair, padding: Padding) -> NDArray[np.int64]:
    """How many real (not padded) places each window covers: (rows, columns)."""
    ones = pad(np.ones((1, shape[0], shape[1], 1), dtype=np.int64), padding)
    counts: NDArray[np.int64] = windows(ones, size, strides).sum(axis=(-2, -1))[0, :, :, 0]
    return counts
