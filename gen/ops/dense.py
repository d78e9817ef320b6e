"""Dense, QDense, and the BinaryDense and TernaryDense that hls4ml takes; on anything but a vector 1x1 convolutions.

TimeDistributed of them is the same.
"""

from __future__ import annotations

from dataclasses import replace
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
from ..read.network import Layer, inner_layer
from .activation import apply_activation
from .activation_floats import activated
from .conv2d import convolution, per_output
from .floats import Array, float_bias, float_weight
from .forms import interleaves
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
@converts("QDense", floats=product)
@converts("Dense", floats=product, norm=Norm.BEHIND)
def convert_dense(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    units, n = a.integer("units"), x.shape[-1]
    quantizer, bias, activation = a.quantizer("kernel_quantizer"), declared_bias(a), a.function("activation", "linear")
    a.finish()
    values = layer.weight(0, ("kernel",), (n, units))
    return _dense(build, layer, x, weight_grid(build, layer, values, quantizer, "kernel", "weight"), bias, activation)


@converts("BinaryDense", "TernaryDense", floats=signed_product)
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
    n, units = kernel.raw.shape
    grid = bias_grid(build, layer, 1, units, bias)
    if len(x.shape) > 1:
        square = WeightGrid(kernel.raw.reshape(1, 1, n, units), kernel.type, kernel.scale)
        return apply_activation(build, layer, convolution(build, layer, x, square, grid), activation)

    def make(k: Any, k_type: Any, b: Any, b_type: Any) -> Dense:
        return Dense(x.type, k, k_type, b, b_type)

    y = linear(build, layer, x, make, kernel, per_output(kernel.scale, units), grid, units)
    return apply_activation(build, layer, y, activation)


PER_STEP = ("Dense", "QDense", "Activation", "QActivation", "ReLU", "LeakyReLU", "ELU", "Dropout")
"""Layers that compute every step by itself anyway."""


def _inner(layer: Layer) -> Layer:
    """The layer that is distributed, as if it stood in the model itself."""
    class_name, config = inner_layer(layer.config)
    weights = {key.removeprefix("layer/"): value for key, value in layer.weights.items()}
    return replace(layer, class_name=class_name, config=config, weights=weights)


def per_step(layer: Layer, x: Array) -> Array:
    inner = _inner(layer)
    if inner.class_name not in PER_STEP:
        Attributes(layer.name, layer.config).refuse("layer", layer.config.get("layer"), ", ".join(PER_STEP))
    return activated(inner, FLOAT_FORMS[inner.class_name](inner, x))


@converts("TimeDistributed", floats=per_step)
def convert_time_distributed(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a = build.attributes(layer)
    given, inner = a.get("layer"), _inner(layer)
    if not is_layer(given):
        a.refuse("layer", given, LAYER)
    if inner.class_name not in PER_STEP:
        a.refuse("layer", inner.class_name, ", ".join(PER_STEP))
    a.finish()
    if len(inputs[0].shape) < 2:
        raise BitsmithError(f"'{layer.name}': TimeDistributed needs a sequence; its input has shape {inputs[0].shape}")
    return CONVERTERS[inner.class_name](build, inner, inputs)


@interleaves(Dense)
def interleaved(op: Dense, x: Shape, sequences: int) -> Operator:
    return Conv2D(op.input_type, op.kernel[None, None], op.kernel_type, op.bias, op.bias_type)
