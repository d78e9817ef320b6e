"""DepthwiseConv2D, DepthwiseConv1D and QDepthwiseConv2D."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...sim.fixed import FloatArray
from ...sim.op import Operator, Shape
from ...sim.ops.depthwise_conv2d import DepthwiseConv2D
from ..quantize.weights import WeightGrid
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.linear import bias_grid, declared_bias, linear, weight_grid
from ..read.network import Layer
from .activation import apply_activation
from .floats import Array, float_bias
from .forms import interleaves, turned_window
from .registry import Norm, converts
from .window import Window, pair, sliding_window
from .window_floats import flat, float_kernel, view


def depth_multiplier(a: Attributes) -> int:
    """How many outputs a channel has; a list of one stands for it."""
    return a.sizes("depth_multiplier", 1, 1)[0]


def depthwise(
    build: Builder, layer: Layer, window: Window, multiplier: int, quantizer: Any, bias: WeightGrid | None,
    suffix: str = "",
) -> Tensor:  # fmt: skip
    """The depthwise node of a layer's window."""
    channels, names = window.x.shape[-1], ("depthwise_kernel", "kernel")
    values = layer.weight(0, names, (*window.size, channels, multiplier))
    kernel = values.reshape(*pair(window.size), channels, multiplier)
    grid = weight_grid(build, layer, kernel, quantizer, names[0], "depthwise")
    scale = None
    if grid.scale is not None:  # one for each multiplier, or one for all: Keras's order is channel, then multiplier
        scale = np.broadcast_to(grid.scale.reshape(-1), (channels, multiplier)).reshape(-1)
    return depthwise_product(build, layer, window, grid, scale, bias, suffix)


def depthwise_product(
    build: Builder, layer: Layer, window: Window, kernel: WeightGrid, scale: FloatArray | None,
    bias: WeightGrid | None, suffix: str = "",
) -> Tensor:  # fmt: skip
    """The depthwise node of a kernel (kh, kw, channels, multiplier) and its scales, one for each output."""
    x = window.x

    def make(k: Any, k_type: Any, b: Any, b_type: Any) -> DepthwiseConv2D:
        return DepthwiseConv2D(x.type, k, k_type, b, b_type, window.strides, window.padding, window.dilation)

    return linear(build, layer, x, make, kernel, scale, bias, x.shape[-1] * kernel.raw.shape[3], suffix)


def depthwise_sums(layer: Layer, x: Array) -> Array:
    """The float form without the bias."""
    kernel = float_kernel(layer, ("depthwise", "depthwise_kernel", "kernel"))
    y = np.einsum("bhwcij,ijcm->bhwcm", view(layer, x, kernel.shape[:2]), kernel, optimize=True)
    return flat(layer, y.reshape(*y.shape[:3], -1))


def depthwise_convolved(layer: Layer, x: Array) -> Array:
    return depthwise_sums(layer, x) + float_bias(layer)


@converts("QDepthwiseConv2D", floats=depthwise_convolved)
@converts("DepthwiseConv2D", "DepthwiseConv1D", floats=depthwise_convolved, norm=Norm.BEHIND)
@converts("QDepthwiseConv2DBatchnorm", floats=depthwise_convolved, norm=Norm.INSIDE)
def convert_depthwise_conv2d(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a = build.attributes(layer)
    window, multiplier = sliding_window(build, a, layer, inputs[0]), depth_multiplier(a)
    quantizer, bias = a.quantizer("depthwise_quantizer"), declared_bias(a)
    activation = a.function("activation", "linear")
    a.finish()
    grid = bias_grid(build, layer, 1, window.x.shape[-1] * multiplier, bias)
    y = depthwise(build, layer, window, multiplier, quantizer, grid)
    return apply_activation(build, layer, y, activation)


@interleaves(DepthwiseConv2D)
def interleaved(op: DepthwiseConv2D, x: Shape, sequences: int) -> Operator:
    return turned_window(op, "strides", "padding", "dilation")
