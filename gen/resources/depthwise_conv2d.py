"""Depthwise convolution: a convolution whose matrix has a block for each channel."""

from __future__ import annotations

from ...hw.rtl.depthwise_conv2d import DepthwiseCore
from .conv2d import matrix_windows
from .formulas import counts

counts(DepthwiseCore)(matrix_windows)
