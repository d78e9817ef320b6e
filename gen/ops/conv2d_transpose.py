"""Conv2DTranspose, Conv1DTranspose and QConv2DTranspose. Keras keeps their kernels as (kh, kw, outputs, inputs)."""

from __future__ import annotations

import numpy as np

from ...sim.fixed import Fixed, FloatArray, IntArray
from ...sim.op import Operator, Shape
from ...sim.ops.batch_norm import BatchNorm
from ...sim.ops.conv2d_transpose import Conv2DTranspose
from ...sim.params import Padding, Pair
from ..quantize.weights import WeightGrid
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.linear import bias_grid, declared_bias, linear, scale_integers, weight_grid
from ..read.network import Layer
from .activation import apply_activation
from .floats import Array, float_bias
from .forms import interleaves, turned_window
from .registry import converts
from .window import check_rank, dimensions, pair
from .window_floats import flat, float_kernel, image


def transposed(layer: Layer, x: Array) -> Array:
    kernel, x, d = float_kernel(layer), image(layer, x), dimensions(layer)
    a = Attributes(layer.name, layer.config)
    (sh, sw), (dh, dw) = pair(a.sizes("strides", d, 1)), pair(a.sizes("dilation_rate", d, 1))
    (rows, columns), (kh, kw) = x.shape[1:3], kernel.shape[:2]
    crop, extend = trimmed(a, (rows, columns), (kh, kw), (sh, sw), (dh, dw), d)
    height, width = (rows - 1) * sh + (kh - 1) * dh + 1 + extend[0], (columns - 1) * sw + (kw - 1) * dw + 1 + extend[1]
    y = np.zeros((len(x), height, width, kernel.shape[2]))
    for i, j in np.ndindex(kh, kw):
        places = y[:, i * dh :, j * dw :][:, : (rows - 1) * sh + 1 : sh, : (columns - 1) * sw + 1 : sw]
        places += x @ kernel[i, j].T
    (top, bottom), (left, right) = crop
    return flat(layer, y[:, top : height - bottom, left : width - right]) + float_bias(layer)


@converts("Conv2DTranspose", "QConv2DTranspose", "Conv1DTranspose", floats=transposed)
def convert_conv2d_transpose(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x, d = build.attributes(layer), build.plain(layer, inputs[0]), dimensions(layer)
    check_rank(layer, x, d)
    filters, channels, size = a.integer("filters"), x.shape[-1], a.sizes("kernel_size", d)
    strides, dilation = pair(a.sizes("strides", d, 1)), pair(a.sizes("dilation_rate", d, 1))
    crop, extend = trimmed(a, x.spec.shape, pair(size), strides, dilation, d)
    quantizer, bias, activation = a.quantizer("kernel_quantizer"), declared_bias(a), a.function("activation", "linear")
    a.finish()
    values = layer.weight(0, ("kernel",), (*size, filters, channels)).reshape(*pair(size), filters, channels)
    kernel = weight_grid(build, layer, values, quantizer, "kernel", "weight")
    grid = bias_grid(build, layer, 1, filters, bias)
    x, scale = _scaled(build, layer, x, kernel)

    def make(k: IntArray, k_type: Fixed, b: IntArray, b_type: Fixed) -> Conv2DTranspose:
        return Conv2DTranspose(x.type, k.swapaxes(2, 3), k_type, b, b_type, strides, crop, extend, dilation)

    return apply_activation(build, layer, linear(build, layer, x, make, kernel, scale, grid, filters), activation)


def trimmed(a: Attributes, shape: Shape, kernel: Pair, strides: Pair, dilation: Pair, d: int) -> tuple[Padding, Pair]:
    """The operator's ``crop`` and ``extend`` on an image of ``shape``, from padding and output_padding (``d`` axes)."""
    if max(strides) > 1 and max(dilation) > 1:
        a.refuse("dilation_rate", dilation, f"1 with strides={strides}, as in Keras")
    same, more = a.choice("padding", ("valid", "same")) == "same", _output_padding(a, strides, d)
    found = []
    for n, k, s, step, extra in zip(shape, kernel, strides, dilation, more):
        reach = (k - 1) * step + 1
        if same and extra == 0 and reach % 2 == 0:
            a.refuse("output_padding", 0, "none, or 1 and more, with padding='same' and an even kernel, as in Keras")
        found.append(edges(n, reach, s, same, extra))
    return (found[0][0], found[1][0]), (found[0][1], found[1][1])


def edges(n: int, reach: int, stride: int, same: bool, extra: int | None) -> tuple[Pair, int]:
    """Keras's rule for one axis of ``n`` places: how many the full sum loses in front and behind, and how many come."""
    full = (n - 1) * stride + reach
    if extra is None:
        length = n * stride if same else max(full, n * stride)
    else:
        length = (n - 1) * stride + (reach % 2 if same else reach) + extra
    cut = max(full - length, 0)
    return (cut // 2, cut - cut // 2), max(length - full, 0)


def _output_padding(a: Attributes, strides: Pair, d: int) -> tuple[int | None, int | None]:
    value, limits = a.get("output_padding"), strides[2 - d :]
    if value is None:
        return None, None
    items = list(value) if isinstance(value, (list, tuple)) else [value] * d
    if len(items) != d or any(type(i) is not int or not 0 <= i < s for i, s in zip(items, limits)):
        a.refuse("output_padding", value, f"0 to less than strides={limits}")
    items = [0] * (2 - d) + items
    return items[0], items[1]


def _scaled(build: Builder, layer: Layer, x: Tensor, kernel: WeightGrid) -> tuple[Tensor, FloatArray | None]:
    """The input and a scale for each output channel. QKeras scales by the kernel's last axis, which is the *inputs*
    here: such a scale multiplies the input, exactly, in a node of its own."""
    if kernel.scale is None:
        return x, None
    scale = np.broadcast_to(kernel.scale, kernel.raw.shape)[0, 0]
    if (scale == scale[0, 0]).all():
        return x, scale[:, 0]
    raw, type = scale_integers(scale[0], build.config.bitsmith.scale_bits)
    op = BatchNorm(x.type, raw, type, np.zeros(len(raw), dtype=np.int64), Fixed(False, 1, 0))
    return build.add(layer, op, x, suffix="scale", shape=x.shape), None


@interleaves(Conv2DTranspose)
def interleaved(op: Conv2DTranspose, x: Shape, sequences: int) -> Operator:
    return turned_window(op, "strides", "crop", "extend", "dilation")
