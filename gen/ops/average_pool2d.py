"""AveragePooling, and QKeras's, which multiplies the sum by a quantized reciprocal."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, Rounding
from ...sim.op import Operator, Shape
from ...sim.ops.average_pool2d import AveragePool2D
from ...sim.ops.depthwise_conv2d import DepthwiseConv2D
from ...sim.params import NO_PADDING, Pair
from ..config.schema import Precision
from ..quantize.activation import plain_type
from ..quantize.quantizers import is_quantizer, parse_quantizer
from ..quantize.weights import quantize_weights
from ..read.build import Builder, Tensor
from ..read.hgq import is_hgq
from ..read.network import Layer
from .activation import apply_activation
from .floats import Array
from .forms import interleaves, turned
from .max_pool2d import pool_window
from .registry import converts
from .retype import also_in_hgq
from .window_floats import flat, pool_view


def mean_precision(build: Builder, layer: Layer, type: Fixed, count: int, whole: bool, activation: Any) -> Precision:
    """What a mean of ``count`` values of a type is rounded to.

    The layer's own result, else the quantizer behind it (one rounding, as in Keras), else the model's result, else the
    exact type where every window has a power of two of values (``whole``); BitsmithError where there is none of them.
    """
    behind = activation if activation is not None else _quantizer_behind(build, layer)
    q = parse_quantizer(behind, f"'{layer.name}'") if is_quantizer(behind) else None
    plain = plain_type(q)
    own = build.config.precision(layer.name, layer.class_name, "result", model=False)
    if plain is not None and own is None:
        return Precision(plain[0], Rounding.RND_CONV, plain[1])
    configured = build.result(layer)
    if configured is not None:
        return configured
    if whole and count & (count - 1) == 0:
        return Precision(Fixed(type.signed, type.integer, type.fraction + count.bit_length() - 1))
    if is_hgq(layer):
        raise BitsmithError(
            f"'{layer.name}': a mean of {count} values{'' if whole else ' or fewer'} is no fixed-point number, and "
            "HGQ2 rounds it in floating point; make it one of a power of two of values, without padding"
        )
    found = build.result(layer, required=True)
    assert found is not None
    return found


def _quantizer_behind(build: Builder, layer: Layer) -> Any:
    """The quantizer of the only layer behind this one."""
    behind = build.network.consumers(layer.key)
    if len(behind) != 1 or behind[0].class_name != "QActivation" or layer.key in build.network.outputs:
        return None
    return behind[0].config.get("activation")


def reciprocal(build: Builder, layer: Layer, quantizer: Any, count: int) -> tuple[int, Fixed]:
    """QKeras's quantized ``1 / count``."""
    where = f"'{layer.name}': average"
    q = parse_quantizer(quantizer, f"'{layer.name}' (average_quantizer)")
    assert q is not None
    grid = quantize_weights(q, np.array([1.0 / count]), where)
    if grid.scale is not None:
        raise BitsmithError(f"{where}: a scale that is no power of two is not supported; use alpha=1")
    return int(grid.raw[0]), grid.type


def times_sum(
    build: Builder, layer: Layer, x: Tensor, factor: tuple[int, Fixed], window: Pair, strides: Pair
) -> Tensor:
    """``factor`` times each window's sum, exactly: a depthwise convolution with a constant kernel."""
    channels, fraction = x.shape[-1], x.type.fraction + factor[1].fraction
    kernel = np.full((*window, channels, 1), factor[0], dtype=np.int64)
    bias, bias_type = np.zeros(channels, dtype=np.int64), Fixed(False, 1 - fraction, fraction)
    return build.add(layer, DepthwiseConv2D(x.type, kernel, factor[1], bias, bias_type, strides), x)


def means(layer: Layer, x: Array) -> Array:
    ones = np.ones((1, *x.shape[1:-1], 1))
    sums, counts = (pool_view(layer, v).sum(axis=(-2, -1)) for v in (x, ones))
    return flat(layer, sums / counts)


@also_in_hgq("QAveragePooling1D", "QAveragePooling2D", floats=means)
@converts("AveragePooling2D", "AveragePooling1D", "AvgPool2D", "AvgPool1D", "QAveragePooling2D", floats=means)
def convert_average_pool2d(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    pool, strides, padding = pool_window(a, layer, x)
    quantizer, activation = a.quantizer("average_quantizer"), a.function("activation", None)
    if quantizer is not None and padding != NO_PADDING:
        a.refuse("padding", "same", "valid (with average_quantizer)")
    a.finish()
    if quantizer is not None:
        y = times_sum(build, layer, x, reciprocal(build, layer, quantizer, prod(pool)), pool, strides)
    else:
        p = mean_precision(build, layer, x.type, prod(pool), padding == NO_PADDING, activation)
        y = build.add(layer, AveragePool2D(x.type, pool, strides, padding, p.type, p.rounding, p.overflow), x)
    return apply_activation(build, layer, y, activation)


@interleaves(AveragePool2D)
def interleaved(op: AveragePool2D, x: Shape, sequences: int) -> Operator:
    return turned(op, "pool", "strides", "padding")
