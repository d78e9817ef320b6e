"""Quantizers and functions of two or three values, as the operators behind a layer."""

from __future__ import annotations

from ...sim.fixed import Fixed, Overflow
from ...sim.op import Operator
from ...sim.ops.activation import Activation, Kind
from ...sim.ops.multiply import Multiply
from ..quantize.activation import activation_operators, plain_type, signs
from ..quantize.power_of_two import power_table
from ..quantize.quantizers import Quantizer
from ..quantize.steps import step_operators
from ..read.build import Builder, Tensor
from ..read.network import Layer


def quantized(build: Builder, layer: Layer, x: Tensor, q: Quantizer, fused: bool) -> Tensor:
    """A quantizer's operators; none where the tensor already has the quantizer's type."""
    plain = plain_type(q)
    if plain is not None and plain == (x.type, Overflow.SAT):
        return x
    where, bits = f"'{layer.name}'", build.config.bitsmith.table_bits
    if q.name.endswith("po2"):
        return _power_of_two(build, layer, x, q, "quantized" if fused else "")
    ops = activation_operators(q, x.spec, where, bits)
    return _chain(build, layer, x, ops, "quantized" if fused else "")


def _chain(build: Builder, layer: Layer, x: Tensor, ops: list[Operator], name: str) -> Tensor:
    """Operators one behind the other; the last activation among them has the ``name``."""
    last = max(i for i, op in enumerate(ops) if isinstance(op, Activation))
    for i, op in enumerate(ops):
        suffix = ("narrow" if i < last else "scale") if i != last else name
        x = build.add(layer, op, x, suffix=suffix, shape=x.shape)
    return x


def _power_of_two(build: Builder, layer: Layer, x: Tensor, q: Quantizer, name: str) -> Tensor:
    """The power of two next to each value; with its sign, where the quantizer keeps it: that of 0 is above it."""
    where, bits = f"'{layer.name}'", build.config.bitsmith.table_bits
    if q.name == "quantized_relu_po2":
        return build.add(layer, power_table(q, x.type, where, bits), x, suffix=name, shape=x.shape)
    magnitude = build.add(layer, _magnitude(x.type), x, suffix="magnitude", shape=x.shape)
    power = build.add(layer, power_table(q, magnitude.type, where, bits), magnitude, suffix="power", shape=x.shape)
    sign = build.add(layer, signs(x.spec, False)[0], x, suffix="sign", shape=x.shape)
    return build.add(layer, Multiply((power.type, sign.type)), power, sign, suffix=name, shape=x.shape)


def _magnitude(type: Fixed) -> Activation:
    low, high = min(abs(type.raw_min), type.raw_max), max(abs(type.raw_min), type.raw_max)
    return Activation(type, Kind.ABSOLUTE, Fixed.holding(min(low, 0), high, type.fraction))


def stepped(build: Builder, layer: Layer, x: Tensor, name: str, fused: bool) -> Tensor:
    """A function of two or three values, in its own type; rounded only where the layer's section says so."""
    x = _chain(build, layer, x, step_operators(name, x.spec), name if fused else "")
    to = build.config.named(layer.name, layer.class_name, "result")
    return x if to is None else build.round(layer, x, to, f"{name}_result" if fused else "result")
