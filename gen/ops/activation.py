"""Activations: Keras's own layers and functions, QKeras's quantizers, and both as a layer's ``activation=``."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError, TooWide
from ...sim.fixed import Constant, Fixed, Overflow, Rounding
from ...sim.ops.activation import Activation, Kind
from ..classes import class_name, short
from ..config.schema import Precision
from ..quantize.activation import ZERO, exact_constant, shortest, table_address
from ..quantize.quantizers import is_quantizer, parse_quantizer
from ..quantize.steps import STEPS
from ..read.build import Builder, Tensor, value_of
from ..read.hgq import input_quantizers, plain_layer, quantizer
from ..read.network import Layer
from . import activation_floats as floats
from .activation_curves import FUNCTIONS, TABLES, Curve, curve
from .floats import Array, same
from .hls4ml_classes import own_classes, relu_classes
from .log_softmax import log_softmax
from .per_step import last_axis
from .quantized import quantized, stepped
from .registry import converts
from .retype import retyped
from .softmax import softmax


def apply_activation(build: Builder, layer: Layer, x: Tensor, activation: Any, fused: bool = True) -> Tensor:
    """Any ``activation=``: None, a function's name, a quantizer as text or dictionary. ``fused`` behind a layer's
    exact result, which gets the default's steps where the function's values would be too wide."""
    undo = build.undone()
    try:
        return _applied(build, layer, x, activation, fused)
    except TooWide:
        undo()
        narrow = build.narrowed(layer, x, "sum") if fused else x
        if narrow is x:
            raise
        return _applied(build, layer, narrow, activation, fused)


def _applied(build: Builder, layer: Layer, x: Tensor, activation: Any, fused: bool) -> Tensor:
    if activation is None or value_of(activation) == "linear":
        x = _own_result(build, layer, x, "linear") if fused else x
        to = build.result(layer, inner="linear" if fused else "")
        return x if to is None else build.round(layer, x, to, "round" if fused else "")
    if is_quantizer(activation):
        q = parse_quantizer(activation, f"'{layer.name}' (activation)")
        assert q is not None
        return quantized(build, layer, x, q, fused)
    if isinstance(activation, dict) and activation["class_name"] != "function":
        raise BitsmithError(
            f"activation={short(class_name(activation))} on '{layer.name}' is an object, which is not supported; give "
            "the name of a function or a quantizer, or put a layer of that class behind it"
        )
    name, keras3 = str(value_of(activation)), floats.of_keras3(layer)
    name = name.lower() if name.lower() in FUNCTIONS else name
    suffix = name if fused else ""
    x = _own_result(build, layer, x, name) if fused else x
    if name == "softmax":
        return softmax(build, layer, x, suffix)
    if name == "log_softmax":
        return log_softmax(build, layer, x, suffix)
    if name == "round":
        return rounded(build, layer, x, suffix)
    if name in STEPS:
        return stepped(build, layer, x, name, fused)
    return emit(build, layer, x, curve(name, layer, keras3), suffix)


def _own_result(build: Builder, layer: Layer, x: Tensor, name: str) -> Tensor:
    """What goes into the function inside of a layer: rounded to the layer's result where both have a type."""
    own = build.config.precision(layer.name, layer.class_name, "result", False)
    inner = build.config.hls.layer_name.get(f"{layer.name}_{name}")
    if own is None or inner is None or inner.lookup("result") is None:
        return x
    return build.round(layer, x, own, "round")


def emit(build: Builder, layer: Layer, x: Tensor, c: Curve, suffix: str = "") -> Tensor:
    """The activation node of a function, rounded to the layer's configured result; exact where it can be."""
    to = build.result(layer, required=c.kind is Kind.TABLE, inner=suffix)
    if c.kind is Kind.TABLE:
        assert to is not None
        bits = build.config.bitsmith.table_bits or 12
        address = _address(x.type, c, f"'{layer.name}'", bits)
        op = Activation(
            x.type, c.kind, to.type, to.rounding, to.overflow, c.slope, function=c.function, table_type=address
        )
        return build.add(layer, op, x, suffix=suffix, shape=x.shape)
    to = to or exact_precision(x.type, c)
    op = Activation(x.type, c.kind, to.type, to.rounding, to.overflow, c.slope, c.offset, c.lower, c.upper)
    return build.add(layer, op, x, suffix=suffix, shape=x.shape)


def rounded(build: Builder, layer: Layer, x: Tensor, suffix: str = "") -> Tensor:
    """The nearest integers, ties to even, in the type that holds them all; then the layer's configured result."""
    to = build.result(layer, inner=suffix)
    if x.type.fraction > 0:
        low, high = (round(Fraction(raw, 1 << x.type.fraction)) for raw in (x.type.raw_min, x.type.raw_max))
        whole = Activation(x.type, Kind.LINEAR, Fixed.holding(low, high, 0), Rounding.RND_CONV)
        x = build.add(layer, whole, x, suffix=suffix, shape=x.shape)
    return x if to is None else build.round(layer, x, to, f"{suffix}_result" if suffix else "result")


def _address(input_type: Fixed, c: Curve, where: str, bits: int) -> Fixed:
    if c.flat or input_type.width <= bits:
        return table_address(input_type, c.flat or input_type.integer, where, bits)
    signed = int(input_type.signed)
    return Fixed(input_type.signed, input_type.integer, bits - signed - input_type.integer)


def exact_precision(input_type: Fixed, c: Curve) -> Precision:
    """The type that holds every value of the function, so that nothing is rounded."""
    probe = Activation(input_type, c.kind, input_type, Rounding.TRN, Overflow.SAT, c.slope, c.offset, c.lower, c.upper)
    ends = probe.exact_type
    low = 0 if c.kind in (Kind.RELU, Kind.THRESHOLDED_RELU) else ends.raw_min
    high = ends.raw_max if c.upper is None else min(ends.raw_max, probe.aligned(c.upper))
    low = low if c.lower is None else max(low, probe.aligned(c.lower))
    return Precision(Fixed.holding(low, high, probe.exact_fraction), Rounding.TRN, Overflow.SAT)


@converts("Activation", "QActivation", floats=same, each_step=last_axis, hls4ml=own_classes)
def convert_activation(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    activation = a.function("activation", "linear")
    a.finish()
    return apply_activation(build, layer, x, activation, fused=False)


@converts("ReLU", floats=floats.relu, each_step=last_axis, hls4ml=relu_classes)
def convert_relu(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    slope, upper = a.number("negative_slope", 0.0) or 0.0, a.number("max_value", None)
    threshold = a.number("threshold", 0.0) or 0.0
    for name, value in (("negative_slope", slope), ("max_value", upper), ("threshold", threshold)):
        if (value or 0.0) < 0:  # as in Keras
            a.refuse(name, value, "0 and more")
    if threshold and slope:
        a.refuse("threshold", threshold, "0, where negative_slope is not")
    a.finish()
    limit = None if upper is None else exact_constant(upper)
    if slope:
        return emit(build, layer, x, Curve(Kind.LEAKY_RELU, slope=exact_constant(slope), upper=limit))
    if threshold:
        return emit(build, layer, x, _above(threshold, x.type, limit))
    return emit(build, layer, x, Curve(Kind.RELU, upper=limit))


def _above(threshold: float, type: Fixed, upper: Constant | None) -> Curve:
    """Zero below the threshold and at it, as Keras computes (its documents say otherwise of a ReLU): all from the first
    value of the input's grid above it."""
    first = floor(Fraction(float(np.float32(threshold))) * Fraction(2) ** type.fraction) + 1
    if first > type.raw_max:
        return Curve(Kind.RELU, upper=ZERO)
    return Curve(Kind.THRESHOLDED_RELU, offset=shortest(first, type.fraction), upper=upper)


@converts("ThresholdedReLU", floats=floats.thresholded_relu, each_step=last_axis)
def convert_thresholded_relu(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    theta = a.number("theta", 1.0) or 0.0
    if theta < 0:  # as in Keras
        a.refuse("theta", theta, "0 and more")
    a.finish()
    return emit(build, layer, x, _above(theta, x.type, None))


@converts("LeakyReLU", "LeakyRelu", floats=floats.leaky_relu, each_step=last_axis)
def convert_leaky_relu(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    slope = floats.negative_slope(layer, a)
    a.finish()
    return emit(build, layer, x, Curve(Kind.LEAKY_RELU, slope=exact_constant(slope)))


@converts("TFOpLambda", floats=floats.operation)
def convert_operation(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """A TensorFlow function in a model of Keras 2: the ones that are known by name, none is called."""
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    function = a.only("function", *floats.OPERATIONS)
    a.finish()
    return apply_activation(build, layer, x, floats.OPERATIONS[str(function)], fused=False)


@converts("Absolute", "Exp", "Gelu", "HardSigmoid", "HardSilu", "HardTanh", "LogSigmoid", "Relu", "Relu6", "Round",
          "Selu", "Sigmoid", "Silu", "Softplus", "Softsign", "Tanh",
          floats=floats.named_by_class, each_step=last_axis)  # fmt: skip
def convert_absolute(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """Keras 3's operations as layers."""
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    a.only("decimals", 0)
    name = floats.operation_name(layer, a)
    a.finish()
    return apply_activation(build, layer, x, name, fused=False)


@converts("ELU", "Elu", floats=floats.elu, each_step=last_axis)
def convert_elu(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    slope = a.number("alpha", 1.0) or 0.0
    a.finish()
    return emit(build, layer, x, Curve(Kind.TABLE, function="elu", slope=exact_constant(slope)))


def looked_up(layer: Layer, x: Array) -> Array:
    (q,) = input_quantizers(layer)
    return x if q is None else q.values(x)


@converts("hgq>QUnaryFunctionLUT", floats=looked_up)
def convert_lut(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """A function between two quantizers: a table with an entry for every value of the first one's types."""
    layer = plain_layer(layer)
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    activation = a.function("activation", "linear")
    for flag in ("allow_heterogeneous_table", "allow_heterogeneous_input"):
        a.flag(flag, True)
    a.finish()
    x, name = retyped(build, layer, x, "iq"), str(value_of(activation))
    if name in ("linear", "relu"):
        return retyped(build, layer, apply_activation(build, layer, x, name), "oq")
    c, q = curve(name, layer, keras3=True), quantizer(layer, "oq")
    if c.kind is not Kind.TABLE:
        a.refuse("activation", name, ", ".join(("linear", "relu", *TABLES)))
    to = None if q is None else q.one_type
    if q is None or (to is None and q.used.any()):
        a.refuse("oq_conf", "no quantizer" if q is None else "several types", "a quantizer with one type for all")
    if q is None or to is None:  # it holds nothing but zero
        return retyped(build, layer, x, "oq")
    op = Activation(x.type, Kind.TABLE, to, q.rounding, q.overflow, function=c.function, table_type=x.type)
    return build.add(layer, op, x, suffix=name, shape=x.shape)
