"""Convolution: windows and a constant matrix for each pixel."""

from __future__ import annotations

from ...hw.rtl.conv2d import MatrixWindowCore
from .cost import Resources
from .formulas import counts
from .kernels import kernel
from .window import window


@counts(MatrixWindowCore)
def matrix_windows(core: MatrixWindowCore) -> Resources:
    return window(core) + kernel(core.kernel) * core.geometry.lanes
