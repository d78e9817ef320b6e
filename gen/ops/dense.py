"""Dense, QDense, EinsumDense, and the BinaryDense and TernaryDense that hls4ml takes; on anything but a vector 1x1
convolutions.

TimeDistributed of them is the same.
"""

from __future__ import annotations

from typing import Any

from ...sim.errors import BitsmithError
from ...sim.fixed import FloatArray, to_float
from ...sim.op import Operator, Shape
from ...sim.ops.conv2d import Conv2D
from ...sim.ops.dense import Dense
from ..classes import LAYER, is_layer
from ..quantize.steps import signed_weights
from ..quantize.weights import WeightGrid
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.hgq_weights import einsum_dense, fused_dense
from ..read.linear import Bias, bias_grid, check_configured, declared_bias, linear, weight_grid
from ..read.network import Layer
from .activation import apply_activation
from .activation_floats import activated
from .blocks import in_blocks
from .conv2d import convolution, per_output
from .einsum import einsum_form
from .floats import Array, float_bias, float_weight
from .forms import interleaves
from .per_step import last_axis, on_sequence
from .registry import CONVERTERS, FLOAT_FORMS, Norm, converts
from .retype import also_in_hgq


def product(layer: Layer, x: Array) -> Array:
    return x @ float_weight(layer, 0, ("kernel",)) + float_bias(layer)


def signed_product(layer: Layer, x: Array) -> Array:
    grid = _signed(layer, Attributes(layer.name, layer.config), layer.variable("kernel", "0"))
    return x @ (to_float(grid.raw, grid.type) * (1.0 if grid.scale is None else grid.scale)) + float_bias(layer)


@also_in_hgq("QDense", floats=product)
@also_in_hgq("QEinsumDense", floats=product, prepare=einsum_dense)
@also_in_hgq("QBatchNormDense", floats=product, prepare=fused_dense)
@converts("QDense", floats=product, each_step=last_axis)
@converts("Dense", floats=product, norm=Norm.BEHIND, each_step=last_axis)
def convert_dense(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    units, n = a.integer("units"), x.shape[-1]
    quantizer, bias, activation = a.quantizer("kernel_quantizer"), declared_bias(a), a.function("activation", "linear")
    a.finish()
    values = layer.weight(0, ("kernel",), (n, units))
    return _dense(build, layer, x, weight_grid(build, layer, values, quantizer, "kernel", "weight"), bias, activation)


@converts("BinaryDense", "TernaryDense", floats=signed_product, each_step=last_axis)
def convert_signed(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """Weights of two or three values, and a plain bias."""
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    units, bias, activation = a.integer("units"), declared_bias(a), a.function("activation", "linear")
    a.number("H", 1.0)
    a.harmless("kernel_lr_multiplier", "bias_lr_multiplier")
    a.finish()
    kernel = _signed(layer, a, layer.weight(0, ("kernel",), (x.shape[-1], units)))
    check_configured(build, layer, kernel, "weight", f"'{layer.name}': kernel")
    return _dense(build, layer, x, kernel, bias, activation)


def is_signed(layer: Layer) -> bool:
    """Whether its weights have two or three values, so that its sums have few bits."""
    return FLOAT_FORMS.get(layer.class_name) is signed_product


def _signed(layer: Layer, a: Attributes, values: FloatArray) -> WeightGrid:
    h = a.number("H", 1.0)
    assert h is not None  # it has a default
    return signed_weights(layer.class_name == "BinaryDense", values, h, layer.config.get("dtype"), f"'{layer.name}'")


def _dense(build: Builder, layer: Layer, x: Tensor, kernel: WeightGrid, bias: Bias, activation: Any) -> Tensor:
    y = _product(build, layer, x, kernel, bias_grid(build, layer, 1, kernel.raw.shape[1], bias))
    return apply_activation(build, layer, y, activation)


def _product(build: Builder, layer: Layer, x: Tensor, kernel: WeightGrid, bias: WeightGrid | None) -> Tensor:
    """The last axis times a kernel (n, units)."""
    n, units = kernel.raw.shape
    if kernel.scale is not None and kernel.scale.ndim > 1 and len(kernel.scale) == n > 1:
        return in_blocks(build, layer, x, kernel, kernel.scale, bias)
    if len(x.shape) > 1:
        square = WeightGrid(kernel.raw.reshape(1, 1, n, units), kernel.type, kernel.scale)
        return convolution(build, layer, x, square, bias)

    def make(k: Any, k_type: Any, b: Any, b_type: Any) -> Dense:
        return Dense(x.type, k, k_type, b, b_type)

    return linear(build, layer, x, make, kernel, per_output(kernel.scale, units), bias, units)


def einsum(layer: Layer, x: Array) -> Array:
    a = Attributes(layer.name, layer.config)
    form = einsum_form(layer, a, x.shape[1:])
    y = x.reshape(*form.kept(x.shape), -1) @ form.kernel.reshape(-1, form.units)
    return (y if form.bias is None else y + form.bias).reshape(*form.kept(x.shape), *form.outputs)


@converts("EinsumDense", floats=einsum)
def convert_einsum_dense(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """A dense layer over the last axes, taken as one, to one or more new ones."""
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    activation, quantizer = a.function("activation", "linear"), a.quantizer("kernel_quantizer")
    a.finish("equation", "bias_axes", "output_shape")
    form = einsum_form(layer, a, x.shape)
    kept, values = form.kept(x.shape), form.kernel.reshape(-1, form.units)
    x = build.reshape(layer, x, (*kept, len(values)), "input")
    kernel = weight_grid(build, layer, values, quantizer, "kernel", "weight")
    bias = None if form.bias is None else weight_grid(build, layer, form.bias, None, "bias", "bias", trainable=False)
    y = build.reshape(layer, _product(build, layer, x, kernel, bias), (*kept, *form.outputs), "output")
    return apply_activation(build, layer, y, activation)


def per_step(layer: Layer, x: Array) -> Array:
    inner, shape = on_sequence(layer, x.shape[1:])
    y = activated(inner, FLOAT_FORMS[inner.class_name](inner, x))
    return y if shape is None else y.reshape(len(x), *shape)


@converts("TimeDistributed", floats=per_step)
def convert_time_distributed(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, given = build.attributes(layer), layer.config.get("layer")
    if not is_layer(a.get("layer")):
        a.refuse("layer", given, LAYER)
    a.finish()
    if len(inputs[0].shape) < 2:
        raise BitsmithError(f"'{layer.name}': TimeDistributed needs a sequence; its input has shape {inputs[0].shape}")
    inner, shape = on_sequence(layer, inputs[0].shape)
    y = CONVERTERS[inner.class_name](build, inner, inputs)
    return y if shape is None else build.reshape(layer, build.plain(layer, y), shape, "steps")


@interleaves(Dense)
def interleaved(op: Dense, x: Shape, sequences: int) -> Operator:
    return Conv2D(op.input_type, op.kernel[None, None], op.kernel_type, op.bias, op.bias_type)
