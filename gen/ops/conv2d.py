"""Conv2D, Conv1D, their QKeras forms, and the separable ones (a depthwise and a 1x1 convolution)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...sim.fixed import FloatArray
from ...sim.op import Operator, Shape
from ...sim.ops.conv2d import Conv2D
from ...sim.params import NO_PADDING, Padding, Pair
from ..quantize.weights import WeightGrid
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.linear import bias_grid, declared_bias, linear, weight_grid
from ..read.network import Layer
from .activation import apply_activation
from .concatenate import side_by_side
from .crop import crop
from .depthwise_conv2d import depth_multiplier, depthwise, depthwise_product, depthwise_sums
from .floats import Array, float_bias, float_weight
from .forms import interleaves, turned_window
from .registry import Norm, converts
from .retype import also_in_hgq
from .window import Window, dimensions, sliding_window
from .window_floats import flat, float_kernel, view


def per_output(scale: FloatArray | None, outputs: int) -> FloatArray | None:
    """A kernel's scale as one number for each output channel."""
    if scale is None:
        return None
    flat = scale.reshape(-1)
    return np.tile(flat, outputs // len(flat))


def convolution(
    build: Builder, layer: Layer, x: Tensor, kernel: WeightGrid, bias: WeightGrid | None,
    strides: Pair = (1, 1), padding: Padding = NO_PADDING, dilation: Pair = (1, 1), suffix: str = "",
) -> Tensor:  # fmt: skip
    """The conv2d node of a kernel (kh, kw, cin, cout), and the scale's node where there is one."""
    outputs = kernel.raw.shape[3]

    def make(k: Any, k_type: Any, b: Any, b_type: Any) -> Conv2D:
        return Conv2D(x.type, k, k_type, b, b_type, strides, padding, dilation)

    return linear(build, layer, x, make, kernel, per_output(kernel.scale, outputs), bias, outputs, suffix)


def as_2d(grid: WeightGrid) -> WeightGrid:
    """A Conv1D kernel (k, cin, cout) as (1, k, cin, cout)."""
    if grid.raw.ndim == 4:
        return grid
    scale = None if grid.scale is None else grid.scale.reshape(-1)
    return WeightGrid(grid.raw[np.newaxis], grid.type, scale)


def convolved(layer: Layer, x: Array) -> Array:
    kernel, groups = float_kernel(layer), groups_of(Attributes(layer.name, layer.config), x.shape[-1])
    windows = view(layer, x, kernel.shape[:2])
    windows = windows.reshape(*windows.shape[:3], groups, -1, *kernel.shape[:2])
    y = np.einsum("bhwgcij,ijcgo->bhwgo", windows, kernel.reshape(*kernel.shape[:3], groups, -1), optimize=True)
    return flat(layer, y.reshape(*y.shape[:3], -1)) + float_bias(layer)


def groups_of(a: Attributes, channels: int) -> int:
    """Parts into which a convolution's inputs and outputs are cut; BitsmithError where they do not divide."""
    if a.get("groups", 1) == 1 and not isinstance(a.get("groups", 1), bool):
        return 1
    groups, filters = a.integer("groups"), a.integer("filters")
    if channels % groups or filters % groups:
        a.refuse("groups", groups, f"a divisor of its {channels} channels and {filters} filters")
    return groups


def in_groups(
    build: Builder, layer: Layer, window: Window, kernel: WeightGrid, bias: WeightGrid | None, groups: int
) -> Tensor:
    """A convolution for each part of the channels, put together again: no product with a zero between the parts.

    With as many parts as channels it is a depthwise convolution, whose outputs stand in the same order.
    """
    channels, filters = window.x.shape[-1], kernel.raw.shape[3]
    if groups == channels:
        deep = WeightGrid(kernel.raw.reshape(*kernel.raw.shape[:2], channels, -1), kernel.type, kernel.scale)
        return depthwise_product(build, layer, window, deep, per_output(kernel.scale, filters), bias)
    parts, n, m = [], channels // groups, filters // groups
    scale = per_output(kernel.scale, filters)
    for i in range(groups):
        mine, name = slice(i * m, (i + 1) * m), f"group{i}"
        taken = (i * n, (i + 1) * n)
        x = crop(build, layer, window.x, f"{name}_input", channels=taken, shape=(*window.x.shape[:-1], n))
        part = WeightGrid(kernel.raw[..., mine], kernel.type, None if scale is None else scale[mine])
        offset = None if bias is None else _part(bias, mine, filters)
        parts.append(convolution(build, layer, x, part, offset, window.strides, window.padding, window.dilation, name))
    return side_by_side(build, layer, parts)


def _part(bias: WeightGrid, mine: slice, filters: int) -> WeightGrid:
    scale = None if bias.scale is None else np.broadcast_to(bias.scale, (filters,))[mine]
    return WeightGrid(bias.raw[mine], bias.type, scale)


@also_in_hgq("QConv1D", "QConv2D", floats=convolved)
@converts("QConv2D", "QConv1D", floats=convolved)
@converts("Conv2D", "Conv1D", "Convolution2D", "Convolution1D", floats=convolved, norm=Norm.BEHIND)
@converts("QConv2DBatchnorm", floats=convolved, norm=Norm.INSIDE)
def convert_conv2d(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a = build.attributes(layer)
    window, filters = sliding_window(build, a, layer, inputs[0]), a.integer("filters")
    groups = groups_of(a, window.x.shape[-1])
    quantizer, bias, activation = a.quantizer("kernel_quantizer"), declared_bias(a), a.function("activation", "linear")
    a.finish()
    values = layer.weight(0, ("kernel",), (*window.size, window.x.shape[-1] // groups, filters))
    kernel = as_2d(weight_grid(build, layer, values, quantizer, "kernel", "weight"))
    grid = bias_grid(build, layer, 1, filters, bias)
    if groups > 1:
        return apply_activation(build, layer, in_groups(build, layer, window, kernel, grid, groups), activation)
    y = convolution(build, layer, window.x, kernel, grid, window.strides, window.padding, window.dilation)
    return apply_activation(build, layer, y, activation)


def separable(layer: Layer, x: Array) -> Array:
    pointwise = float_weight(layer, 1, ("pointwise", "pointwise_kernel"))
    return depthwise_sums(layer, x) @ pointwise.reshape(pointwise.shape[-2:]) + float_bias(layer, 2)


@converts("SeparableConv2D", "QSeparableConv2D", "SeparableConv1D", "QSeparableConv1D", "SeparableConvolution2D",
          floats=separable)  # fmt: skip
def convert_separable(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a = build.attributes(layer)
    window, filters, multiplier = sliding_window(build, a, layer, inputs[0]), a.integer("filters"), depth_multiplier(a)
    over_rows, over_channels = a.quantizer("depthwise_quantizer"), a.quantizer("pointwise_quantizer")
    bias, activation = declared_bias(a), a.function("activation", "linear")
    a.finish()
    y = depthwise(build, layer, window, multiplier, over_rows, bias=None, suffix="depthwise")
    to = build.config.given(layer.name, layer.class_name, "depthwise_result")
    y = build.between(layer, y, "depthwise_round") if to is None else build.round(layer, y, to, "depthwise_round")
    values = layer.weight(1, ("pointwise_kernel",), (*(1,) * dimensions(layer), y.shape[-1], filters))
    kernel = as_2d(weight_grid(build, layer, values, over_channels, "pointwise_kernel", "pointwise"))
    y = convolution(build, layer, y, kernel, bias_grid(build, layer, 2, filters, bias))
    return apply_activation(build, layer, y, activation)


@interleaves(Conv2D)
def interleaved(op: Conv2D, x: Shape, sequences: int) -> Operator:
    return turned_window(op, "strides", "padding", "dilation")
