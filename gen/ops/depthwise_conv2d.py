"""DepthwiseConv2D, DepthwiseConv1D and QDepthwiseConv2D."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...sim.ops import DepthwiseConv2D
from ...sim.params import NO_PADDING
from ..quantize_weights import WeightGrid
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.linear import bias_grid, linear, weight_grid
from ..read.network import Layer
from .activation import fused_activation
from .registry import converts
from .window import check_fits, check_rank, dimensions, padding_of, pair, pending


def depthwise(
    build: Builder, layer: Layer, x: Tensor, a: Attributes, multiplier: int, quantizer: Any,
    bias: WeightGrid | None, suffix: str = "",
) -> Tensor:  # fmt: skip
    """The depthwise node of a layer whose window attributes are in ``a``."""
    d, channels = dimensions(layer), x.shape[-1]
    window = a.sizes("kernel_size", d)
    strides, dilation = pair(a.sizes("strides", d)), pair(a.sizes("dilation_rate", d))
    x = pending(build, a, layer, x, pair(window), dilation)
    padding = padding_of(a, layer, x, pair(window), strides, dilation, causal=d == 1)
    check_fits(layer, x, pair(window), padding, dilation)
    names = ("depthwise_kernel", "kernel")
    values = layer.weight(0, names, (*window, channels, multiplier))
    grid = weight_grid(
        build, layer, values.reshape(*pair(window), channels, multiplier), quantizer, names[0], "depthwise"
    )
    scale = None
    if grid.scale is not None:  # one for each multiplier, or one for all: Keras's order is channel, then multiplier
        scale = np.broadcast_to(grid.scale.reshape(-1), (channels, multiplier)).reshape(-1)

    def make(k: Any, k_type: Any, b: Any, b_type: Any) -> DepthwiseConv2D:
        return DepthwiseConv2D(x.type, k, k_type, b, b_type, strides, padding, dilation)

    x = replace(x, padding=NO_PADDING)
    return linear(build, layer, x, make, grid, scale, bias, channels * multiplier, suffix)


@converts("DepthwiseConv2D", "QDepthwiseConv2D", "DepthwiseConv1D", "QDepthwiseConv2DBatchnorm")
def convert_depthwise_conv2d(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), inputs[0]
    check_rank(layer, x, dimensions(layer))
    multiplier = a.sizes("depth_multiplier", 1)[0]
    bias = bias_grid(build, layer, 1, x.shape[-1] * multiplier, a.flag("use_bias", True), a.get("bias_quantizer"))
    y = depthwise(build, layer, x, a, multiplier, a.get("depthwise_quantizer"), bias)
    return fused_activation(build, layer, y, a)
