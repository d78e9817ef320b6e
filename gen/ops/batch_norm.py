"""BatchNormalization where it could not be folded into the layer before it, QBatchNormalization, and what is the same:
Rescaling and Normalization at a model's input, and an ONNX graph's constants (``Affine``)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, FloatArray, IntArray
from ...sim.op import Shape
from ...sim.ops.batch_norm import BatchNorm
from ..config.schema import Precision
from ..quantize.quantizers import parse_quantizer
from ..quantize.weights import WeightGrid, dyadic, on_type, power_of_two, quantize_weights
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.hgq import input_quantizers, plain_layer
from ..read.hgq_weights import positive_root, quantized_weights
from ..read.linear import check_written
from ..read.network import Layer
from .batch_norm_inputs import most_numbers, normalization_of_inputs, rescaling
from .floats import Array
from .gdn_layer_norm import parameters as layer_norm
from .gdn_layer_norm import stretch
from .per_step import last_axis
from .registry import converts
from .retype import retyped

QUANTIZED = ("gamma", "beta", "mean", "variance")
HARMLESS = ("momentum", "renorm_clipping", "renorm_momentum", "fused", "synchronized")
ATTRIBUTES = ("axis", "epsilon", "center", "scale", "renorm", "virtual_batch_size", "adjustment", *HARMLESS,
              "inverse_quantizer", *(f"{name}_quantizer" for name in QUANTIZED))  # fmt: skip
"""What ``normalization`` understands."""


Given = Callable[[str], Precision | None]
"""The type that a configuration gives for gamma, beta, mean or variance."""


def normalization(
    layer: Layer, a: Attributes, channels: int, axes: int, first: str = "", given: Given = lambda name: None
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, float]:
    """gamma, beta, mean, variance and epsilon of a layer with a BatchNormalization's attributes, quantizers applied.

    BitsmithError where a ``given`` type does not hold what a quantizer makes.
    """
    a.only("axis", -1, axes)
    for name, only in (("renorm", False), ("virtual_batch_size", None), ("adjustment", None)):
        a.only(name, only)
    a.harmless(*HARMLESS)
    epsilon, flags = a.number("epsilon", 1e-3) or 0.0, {role: a.flag(role, True) for role in ("scale", "center")}
    quantizers = {name: a.quantizer(f"{name}_quantizer") for name in QUANTIZED}
    values: list[FloatArray] = []
    index = 0
    for name, role in (("gamma", "scale"), ("beta", "center"), ("moving_mean", ""), ("moving_variance", "")):
        if role and not flags[role]:
            values.append(np.ones(channels) if name == "gamma" else np.zeros(channels))
            continue
        value = layer.weight(index, (name, *((f"{first}{index}",) if first else ())), (channels,))
        short_name = name.removeprefix("moving_")
        values.append(_quantized(layer, value, quantizers[short_name], short_name, given(short_name)))
        index += 1
    if (values[3] + epsilon <= 0).any():
        raise BitsmithError(f"'{layer.name}': a variance plus epsilon is not positive; train the model again")
    return values[0], values[1], values[2], values[3], epsilon


def _quantized(
    layer: Layer, value: FloatArray, quantizer: Any, name: str, given: Precision | None = None
) -> FloatArray:
    where = f"'{layer.name}' ({name}_quantizer)"
    q = parse_quantizer(quantizer, where)
    if q is None:
        return value
    if q.name.endswith("po2"):
        if given is not None:
            check_written(q, value, given.type, where)
        return np.multiply(*power_of_two(q, value))
    grid = quantize_weights(q, value, where)
    if given is not None:
        check_written(q, value, given.type, where, grid)
    return np.ldexp(grid.raw.astype(np.float64), -grid.type.fraction) * (1.0 if grid.scale is None else grid.scale)


def inverse(layer: Layer, a: Attributes, gamma: FloatArray, variance: FloatArray, epsilon: float) -> FloatArray:
    """What the input is multiplied by, through QBatchNormalization's ``inverse_quantizer`` where it has one."""
    quantizer = a.quantizer("inverse_quantizer")
    if quantizer is None:
        plain: FloatArray = gamma / np.sqrt(variance + epsilon)
        return plain
    root = np.float32(1) / np.sqrt(variance.astype(np.float32) + np.float32(epsilon)) * gamma.astype(np.float32)
    return _quantized(layer, root.astype(np.float64), quantizer, "inverse")


def normalized(layer: Layer, x: Array) -> Array:
    a = Attributes(layer.name, layer.config)
    gamma, beta, mean, variance, epsilon = normalization(layer, a, x.shape[-1], x.ndim - 1)
    return (x - mean) * inverse(layer, a, gamma, variance, epsilon) + beta


def on_grids(a: Attributes) -> bool:
    """Whether a layer's own quantizers put both its scale and its offset on a grid: then neither needs a type."""
    center = a.get("center", True)
    return a.get("inverse_quantizer") is not None and all(
        a.get(f"{name}_quantizer") is not None for name in ("mean", *(("beta",) if center else ()))
    )


@converts("BatchNormalization", "QBatchNormalization", floats=normalized, each_step=last_axis)
def convert_batch_norm(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    a.finish(*ATTRIBUTES)
    gamma, beta, mean, variance, epsilon = normalization(
        layer, a, x.shape[-1], len(x.shape), given=partial(build.named, layer)
    )
    scale = inverse(layer, a, gamma, variance, epsilon)
    return scaled(build, layer, x, scale, beta - mean * scale, on_grids(a))


def scaled(
    build: Builder, layer: Layer, x: Tensor, scale: FloatArray, offset: FloatArray, exact: bool = False
) -> Tensor:
    """The node of a scale and an offset for each channel: ``exact`` where the model puts them on a grid."""
    values = ((scale, "scale"), (offset, "bias"))
    (s, s_type), (b, b_type) = (_integers(build, layer, v, role, exact) for v, role in values)
    y = build.add(layer, BatchNorm(x.type, s, s_type, b, b_type), x, shape=x.shape)
    to = build.result(layer)
    return y if to is None else build.round(layer, y, to, "round")


def _integers(build: Builder, layer: Layer, values: FloatArray, role: str, exact: bool) -> tuple[IntArray, Fixed]:
    """The scale or the offset: as it is where the model puts it on a grid, else rounded to a type."""
    where = f"'{layer.name}': {role}"
    if exact and build.config.named(layer.name, layer.class_name, role) is None:
        return dyadic(values, where)
    p = build.precision(layer, role, required=True) or build.missing(
        layer,
        role,
        f"'{layer.name}': its {role} is no integer; give HLSConfig.LayerName.{layer.name}.Precision.{role} "
        "(bitsmith calibrate proposes a configuration)",
    )
    grid = on_type(values, p.type, p.rounding, p.overflow, where)
    return grid.raw, grid.type


def affine(layer: Layer, x: Array) -> Array:
    return layer.variable("scale") * x + layer.variable("offset")


@converts("Affine", floats=affine)
def convert_affine(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """Constants of an ONNX graph that values are multiplied by and added to: every bit of the float32 unless
    configured, the scales with ``scale_bits`` where that is given."""
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    a.finish()
    grids = []
    for name, role in (("scale", "scale"), ("offset", "bias")):
        values, where = layer.weight(0, (name,), (x.shape[-1],)), f"'{layer.name}': {name}"
        p = build.config.named(layer.name, layer.class_name, role)
        if p is not None:
            grids.append(on_type(values, p.type, p.rounding, p.overflow, where))
            continue
        bits = build.config.bitsmith.scale_bits if role == "scale" else None
        grids.append(WeightGrid(*dyadic(_shortened(values, bits), where)))
    try:
        op = BatchNorm(x.type, grids[0].raw, grids[0].type, grids[1].raw, grids[1].type)
    except BitsmithError as error:
        raise BitsmithError(
            f"'{layer.name}': {str(error).partition(';')[0]}; give HLSConfig.LayerName.{layer.name}.Precision.bias "
            "(e.g. fixed<32,8,RND_CONV,SAT>) or .scale, or Bitsmith.scale_bits"
        ) from None
    y = build.add(layer, op, x, shape=x.shape)
    to = build.result(layer)
    return y if to is None else build.round(layer, y, to, "round")


def _shortened(values: FloatArray, bits: int | None) -> FloatArray:
    """As float32; with ``bits``, rounded to where the largest has so many."""
    with np.errstate(over="ignore"):
        values = values.astype(np.float32).astype(np.float64)
    if not np.isfinite(values).all():
        raise BitsmithError("its constants are beyond float32; train the model again")
    largest = float(np.abs(values).max(initial=0))
    if bits is None or not largest:
        return values
    fraction = bits - int(np.frexp(largest)[1])
    return np.ldexp(np.rint(np.ldexp(values, fraction)), -fraction)


def scale_and_offset(layer: Layer) -> tuple[FloatArray, FloatArray] | None:
    """The numbers that a layer of this module multiplies by and adds; None for any other, and for a quantized one.

    What it takes is not looked at here: measuring has compared it with the layer.
    """
    a = Attributes(layer.name, layer.config)
    if layer.class_name == "Rescaling":
        return rescaling(a, most_numbers(a, "scale", "offset"))
    axis = a.get("axis", -1)
    axes = next(iter(axis), -1) if isinstance(axis, (list, tuple)) else axis
    if layer.class_name == "Normalization":
        weights = [w.size for w in layer.weights.values()]
        return normalization_of_inputs(layer, a, max([most_numbers(a, "mean", "variance"), *weights]), axes)
    if layer.class_name == "LayerNormalization" and layer.weights:
        channels = next(iter(layer.weights.values())).size
        gamma, beta, _ = layer_norm(layer, a, channels, axes)
        return gamma * np.sqrt(stretch(channels)[1]), beta
    if not layer.class_name.endswith("BatchNormalization"):
        return None
    channels = next(iter(layer.weights.values())).size
    gamma, beta, mean, variance, epsilon = normalization(layer, a, channels, axes)
    scale = inverse(layer, a, gamma, variance, epsilon)
    return scale, beta - mean * scale


def rescaled(layer: Layer, x: Array) -> Array:
    scale, offset = rescaling(Attributes(layer.name, layer.config), x.shape[-1])
    return x * scale + offset


@converts("Rescaling", floats=rescaled, each_step=last_axis)
def convert_rescaling(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """Its numbers stand in the model: float32 as it is where the layer's own section gives no type."""
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    scale, offset = rescaling(a, x.shape[-1])
    a.finish()
    if any(build.config.named(layer.name, layer.class_name, role) for role in ("scale", "bias")):
        return scaled(build, layer, x, scale, offset)
    exact = [dyadic(np.float64(np.float32(values)), f"'{layer.name}'") for values in (scale, offset)]
    y = build.add(layer, BatchNorm(x.type, *exact[0], *exact[1]), x, shape=x.shape)
    to = build.result(layer)
    return y if to is None else build.round(layer, y, to, "round")


def normalized_inputs(layer: Layer, x: Array) -> Array:
    a = Attributes(layer.name, layer.config)
    scale, offset = normalization_of_inputs(layer, a, x.shape[-1], x.ndim - 1)
    return x * scale + offset


@converts("Normalization", floats=normalized_inputs, each_step=last_axis)
def convert_normalization(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    a.finish("axis", "invert", "mean", "variance")
    scale, offset = normalization_of_inputs(layer, a, x.shape[-1], len(x.shape))
    return scaled(build, layer, x, scale, offset)


def hgq_normalized(layer: Layer, x: Array) -> Array:
    layer = plain_layer(layer)
    (q,), (scale, offset) = input_quantizers(layer), hgq_factors(layer, layer.variable("moving_mean", "2").shape)
    return (x if q is None else q.values(x)) * scale + offset


def hgq_factors(layer: Layer, shape: Shape) -> tuple[FloatArray, FloatArray]:
    """Scale and offset through their quantizers; computed in float32, in the order in which HGQ2 computes."""
    a = Attributes(layer.name, layer.config)
    names = [("bn_gamma",)] * a.flag("scale", True) + [("bn_beta",)] * a.flag("center", True)
    own = [np.float32(layer.weight(k, name, shape)) for k, name in enumerate(names)]
    gamma = own[0] if a.flag("scale", True) else np.float32(1)
    beta = own[-1] if a.flag("center", True) else np.float32(1)  # HGQ2's, where nothing is centered
    mean, variance = (
        np.float32(layer.weight(len(own) + k, (name,), shape))
        for k, name in enumerate(("moving_mean", "moving_variance"))
    )
    scale = gamma / positive_root(layer, variance + np.float32(a.number("epsilon", 1e-3)))
    offset = beta - mean * scale
    parts = ((scale, "kernel"), (offset, "bias"))
    first, second = (quantized_weights(layer, values.astype(np.float64), name) for values, name in parts)
    return first, second


@converts("hgq>QBatchNormalization", floats=hgq_normalized)
def convert_hgq_batch_norm(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    layer = plain_layer(layer)
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    a.only("axis", -1, len(x.shape))
    for name in ("scale", "center"):
        a.flag(name, True)
    a.only("renorm", False)
    a.harmless("epsilon", *HARMLESS)
    a.finish()
    x = retyped(build, layer, x, "iq")
    scale, offset = hgq_factors(layer, x.shape[-1:])
    grids = (dyadic(values, f"'{layer.name}': {name}") for values, name in ((scale, "scale"), (offset, "offset")))
    (raw, type_), (raw_offset, offset_type) = grids
    y = build.add(layer, BatchNorm(x.type, raw, type_, raw_offset, offset_type), x, shape=x.shape)
    to = build.result(layer)
    return retyped(build, layer, y if to is None else build.round(layer, y, to, "round"), "oq")
