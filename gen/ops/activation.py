"""Activations: Keras's own layers and functions, QKeras's quantizers, and both as a layer's ``activation=``."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ...sim.errors import BitsmithError
from ...sim.fixed import Constant, Fixed, Overflow, Rounding
from ...sim.ops.activation import Activation, Kind
from ..classes import class_name, short
from ..config.schema import Precision
from ..quantize.activation import HALF, ONE, ZERO, exact_constant, table_address
from ..quantize.quantizers import is_quantizer, parse_quantizer
from ..quantize.steps import STEPS
from ..read.build import Builder, Tensor, value_of
from ..read.hgq import input_quantizers, plain_layer, quantizer
from ..read.network import Layer
from ..read.policy import is_keras3
from . import activation_floats as floats
from .floats import Array, same
from .quantized import quantized, stepped
from .registry import converts
from .retype import retyped
from .softmax import softmax


@dataclass(frozen=True)
class Curve:
    """A Keras function: what comes before the rounding."""

    kind: Kind
    slope: Constant = ONE
    offset: Constant = ZERO
    lower: Constant | None = None
    upper: Constant | None = None
    function: str = ""
    flat: int = 0
    """For tables: beyond ``2**flat`` the function is flat on both sides; 0 where it is not."""


_TABLES = {"sigmoid": 5, "tanh": 4, "softsign": 0, "softplus": 0, "elu": 0, "selu": 0, "swish": 0, "exp": 0}
_UPPER = {"relu": None, "relu1": ONE, "relu6": Constant(6)}
"""``relu1`` is no function of Keras's: hls4ml takes it by this name."""
_SPELLINGS = {"silu": "swish", "exponential": "exp", "hard_silu": "hard_swish", "absolute": "abs"}
QKERAS_FUNCTIONS = {  # by their names in a QKeras layer; plain Keras's hard_sigmoid has another slope
    "hard_sigmoid": Curve(Kind.HARD_SIGMOID, slope=HALF, offset=HALF, lower=ZERO, upper=ONE),
    "hard_tanh": Curve(Kind.HARD_TANH, lower=Constant(-1), upper=ONE),
    "smooth_sigmoid": Curve(Kind.HARD_SIGMOID, slope=Constant(3, 4), offset=HALF, lower=ZERO, upper=ONE),
    "smooth_tanh": Curve(Kind.HARD_TANH, slope=Constant(3, 3), lower=Constant(-1), upper=ONE),
}
_FUNCTIONS = (
    *("linear", "relu", "relu1", "relu6", "leaky_relu", "hard_sigmoid", "softmax", "abs", "round"),
    *_TABLES,
    *_SPELLINGS,
    *STEPS,
)


def curve(name: str, layer: Layer, keras3: bool, attribute: str = "activation") -> Curve:
    """The function of an activation's name; BitsmithError for an unknown one, which names the ``attribute``."""
    name = _SPELLINGS.get(name, name)
    if layer.class_name.startswith("Q") and name in QKERAS_FUNCTIONS:
        return QKERAS_FUNCTIONS[name]
    if name in _UPPER:
        return Curve(Kind.RELU, upper=_UPPER[name])
    if name == "abs":
        return Curve(Kind.ABSOLUTE)
    if name == "leaky_relu":
        return Curve(Kind.LEAKY_RELU, slope=exact_constant(0.2))
    if name == "hard_sigmoid":
        slope = exact_constant(1 / 6 if keras3 else 0.2)
        return Curve(Kind.HARD_SIGMOID, slope=slope, offset=Constant(1, 1), lower=ZERO, upper=ONE)
    if name in _TABLES:
        return Curve(Kind.TABLE, function=name, flat=_TABLES[name])
    raise BitsmithError(
        f"{attribute}={short(name)} on '{layer.name}' is not supported; "
        f"supported: {', '.join(_FUNCTIONS)} and quantizers"
    )


def apply_activation(build: Builder, layer: Layer, x: Tensor, activation: Any, fused: bool = True) -> Tensor:
    """Any ``activation=``: None, a function's name, a quantizer as text or dictionary. ``fused`` behind a layer's
    exact result."""
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
    name, keras3 = str(value_of(activation)), is_keras3(layer.config)
    name = name.lower() if name.lower() in _FUNCTIONS else name
    suffix = name if fused else ""
    x = _own_result(build, layer, x, name) if fused else x
    if name == "softmax":
        return softmax(build, layer, x, suffix)
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
        op = Activation(x.type, c.kind, to.type, to.rounding, to.overflow, function=c.function, table_type=address)
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
    low = 0 if c.kind is Kind.RELU else ends.raw_min
    high = ends.raw_max if c.upper is None else min(ends.raw_max, probe.aligned(c.upper))
    low = low if c.lower is None else max(low, probe.aligned(c.lower))
    return Precision(Fixed.holding(low, high, probe.exact_fraction), Rounding.TRN, Overflow.SAT)


@converts("Activation", "QActivation", floats=same)
def convert_activation(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    activation = a.function("activation", "linear")
    a.finish()
    return apply_activation(build, layer, x, activation, fused=False)


@converts("ReLU", floats=floats.relu)
def convert_relu(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    slope, upper = a.number("negative_slope", 0.0), a.number("max_value", None)
    for name, value in (("negative_slope", slope), ("max_value", upper)):
        if (value or 0.0) < 0:  # as in Keras
            a.refuse(name, value, "0 and more")
    a.only("threshold", 0.0)
    a.finish()
    limit = None if upper is None else exact_constant(upper)
    if slope:
        return emit(build, layer, x, Curve(Kind.LEAKY_RELU, slope=exact_constant(slope), upper=limit))
    return emit(build, layer, x, Curve(Kind.RELU, upper=limit))


@converts("LeakyReLU", floats=floats.leaky_relu)
def convert_leaky_relu(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    slope = a.number("negative_slope", None)
    slope = a.number("alpha", 0.3) if slope is None else slope
    a.harmless("alpha")
    a.finish()
    return emit(build, layer, x, Curve(Kind.LEAKY_RELU, slope=exact_constant(slope or 0.0)))


@converts("TFOpLambda", floats=floats.operation)
def convert_operation(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """A TensorFlow function in a model of Keras 2: the ones that are known by name, none is called."""
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    function = a.only("function", "math.abs", "math.round")
    a.finish()
    return apply_activation(build, layer, x, str(function).removeprefix("math."), fused=False)


@converts("Absolute", "Round", floats=floats.named_by_class)
def convert_absolute(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """Keras 3's operations as layers."""
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    a.only("decimals", 0)
    a.finish()
    return apply_activation(build, layer, x, layer.class_name.lower(), fused=False)


@converts("ELU", floats=floats.named_by_class)
def convert_elu(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    a.only("alpha", 1.0)
    a.finish()
    return emit(build, layer, x, Curve(Kind.TABLE, function="elu"))


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
        a.refuse("activation", name, ", ".join(("linear", "relu", *_TABLES)))
    to = None if q is None else q.one_type
    if q is None or (to is None and q.used.any()):
        a.refuse("oq_conf", "no quantizer" if q is None else "several types", "a quantizer with one type for all")
    if q is None or to is None:  # it holds nothing but zero
        return retyped(build, layer, x, "oq")
    op = Activation(x.type, Kind.TABLE, to, q.rounding, q.overflow, function=c.function, table_type=x.type)
    return build.add(layer, op, x, suffix=name, shape=x.shape)
