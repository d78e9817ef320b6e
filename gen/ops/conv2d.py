"""Conv2D, Conv1D, their QKeras forms, and the separable ones (a depthwise and a 1x1 convolution)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...sim.fixed import FloatArray
from ...sim.ops import Conv2D
from ...sim.params import NO_PADDING, Padding, Pair
from ..quantize_weights import WeightGrid
from ..read.build import Builder, Tensor
from ..read.linear import bias_grid, linear, weight_grid
from ..read.network import Layer
from .activation import fused_activation
from .depthwise_conv2d import depthwise
from .registry import converts
from .window import check_fits, check_rank, dimensions, padding_of, pair, pending


def per_output(scale: FloatArray | None, outputs: int) -> FloatArray | None:
    """A kernel's scale as one number for each output channel."""
    if scale is None:
        return None
    flat = scale.reshape(-1)
    return np.tile(flat, outputs // len(flat))


def convolution(
    build: Builder, layer: Layer, x: Tensor, kernel: WeightGrid, bias: WeightGrid | None,
    strides: Pair = (1, 1), padding: Padding = NO_PADDING, dilation: Pair = (1, 1),
) -> Tensor:  # fmt: skip
    """The conv2d node of a kernel (kh, kw, cin, cout), and the scale's node where there is one."""
    outputs = kernel.raw.shape[3]

    def make(k: Any, k_type: Any, b: Any, b_type: Any) -> Conv2D:
        return Conv2D(x.type, k, k_type, b, b_type, strides, padding, dilation)

    return linear(build, layer, x, make, kernel, per_output(kernel.scale, outputs), bias, outputs)


def as_2d(grid: WeightGrid) -> WeightGrid:
    """A Conv1D kernel (k, cin, cout) as (1, k, cin, cout)."""
    if grid.raw.ndim == 4:
        return grid
    scale = None if grid.scale is None else grid.scale.reshape(-1)
    return WeightGrid(grid.raw[np.newaxis], grid.type, scale)


@converts("Conv2D", "QConv2D", "Conv1D", "QConv1D", "Convolution2D", "Convolution1D", "QConv2DBatchnorm")
def convert_conv2d(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x, d = build.attributes(layer), inputs[0], dimensions(layer)
    check_rank(layer, x, d)
    filters, size = a.integer("filters"), a.sizes("kernel_size", d)
    strides, dilation = pair(a.sizes("strides", d)), pair(a.sizes("dilation_rate", d))
    x = pending(build, a, layer, x, pair(size), dilation)
    padding = padding_of(a, layer, x, pair(size), strides, dilation, causal=d == 1)
    check_fits(layer, x, pair(size), padding, dilation)
    values = layer.weight(0, ("kernel",), (*size, x.shape[-1], filters))
    kernel = as_2d(weight_grid(build, layer, values, a.get("kernel_quantizer"), "kernel", "weight"))
    bias = bias_grid(build, layer, 1, filters, a.flag("use_bias", True), a.get("bias_quantizer"))
    y = convolution(build, layer, replace(x, padding=NO_PADDING), kernel, bias, strides, padding, dilation)
    return fused_activation(build, layer, y, a)


@converts("SeparableConv2D", "QSeparableConv2D", "SeparableConv1D", "QSeparableConv1D", "SeparableConvolution2D")
def convert_separable(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x, d = build.attributes(layer), inputs[0], dimensions(layer)
    check_rank(layer, x, d)
    filters, multiplier = a.integer("filters"), a.sizes("depth_multiplier", 1)[0]
    y = depthwise(build, layer, x, a, multiplier, a.get("depthwise_quantizer"), bias=None, suffix="depthwise")
    values = layer.weight(1, ("pointwise_kernel",), (*(1,) * d, y.shape[-1], filters))
    kernel = as_2d(weight_grid(build, layer, values, a.get("pointwise_quantizer"), "pointwise_kernel", "pointwise"))
    bias = bias_grid(build, layer, 2, filters, a.flag("use_bias", True), a.get("bias_quantizer"))
    return fused_activation(build, layer, convolution(build, layer, y, kernel, bias), a)
