"""Activation quantizers as operators: what QKeras computes in floating point, exactly, on integers."""

from __future__ import annotations

from math import ceil, ldexp

import numpy as np

from ...sim.errors import BitsmithError, TooWide
from ...sim.fixed import Constant, Fixed, Overflow, Rounding
from ...sim.op import Operator, Spec
from ...sim.ops.activation import Activation, Kind
from ...sim.ops.batch_norm import BatchNorm
from . import quant as qonnx
from .linear_quantizer import is_sign
from .quantizers import Quantizer, bound
from .trunc import trunc_operators

ONE, ZERO, HALF = Constant(1), Constant(0), Constant(1, 1)


def exact_constant(value: float) -> Constant:
    """The float32 nearest to ``value`` as an exact constant with the fewest fraction bits."""
    mantissa, exponent = np.frexp(np.float64(np.float32(value)))
    return shortest(int(np.ldexp(mantissa, 24)), 24 - int(exponent))


def shortest(raw: int, fraction: int) -> Constant:
    """``raw * 2**-fraction`` with the fewest fraction bits."""
    while raw and raw % 2 == 0:
        raw, fraction = raw // 2, fraction - 1
    return Constant(raw << max(-fraction, 0), max(fraction, 0))


def plain_type(q: Quantizer | None) -> tuple[Fixed, Overflow] | None:
    """Type and overflow of a quantizer that only rounds (and clips at zero); None for every other one."""
    if q is not None and q.name == "Quant":
        return qonnx.plain_quant(q)
    if q is None or q.name not in ("quantized_bits", "quantized_linear", "quantized_relu"):
        return None
    bits, integer = int(q["bits"]), int(q["integer"])
    if q.name == "quantized_relu":
        simple = not q["use_sigmoid"] and not q["negative_slope"] and bound(q) is None
        return (Fixed(False, integer, bits - integer), Overflow.SAT) if simple else None
    signed = bool(q["keep_negative"])
    if q["alpha"] not in (None, 1) or (bits - signed == 0 and (signed or q.name == "quantized_bits")):
        return None
    overflow = Overflow.SAT_SYM if q["symmetric"] and signed else Overflow.SAT
    return Fixed(signed, integer, bits - int(signed) - integer), overflow


def activation_operators(q: Quantizer, spec: Spec, where: str, table_bits: int | None = None) -> list[Operator]:
    """The operators, in order, that give ``q``'s values on a tensor; BitsmithError where they cannot be exact."""
    if q.name == "quantized_bits":
        return _bits(q, spec, where)
    if q.name == "quantized_linear":
        return _linear(q, spec, where)
    if q.name == "quantized_relu":
        return [_relu(q, spec.type, where)]
    if q.name == "quantized_tanh":
        return [_tanh(q, spec.type, where, table_bits)]
    if q.name == "quantized_sigmoid":
        return [_sigmoid(q, spec.type, where, table_bits)]
    if q.name == "binary":
        return _binary(q, spec, where)
    if q.name == "ternary":
        return _ternary(q, spec, where)
    if q.name == "Quant":
        return _quant(q, spec, where)
    if q.name == "Trunc":
        return trunc_operators(q, spec)
    raise BitsmithError(f"{where}: {q.name} is not supported here; use quantized_bits or quantized_relu")


def _bits(q: Quantizer, spec: Spec, where: str) -> list[Operator]:
    signed = bool(q["keep_negative"])
    if int(q["bits"]) - signed == 0:
        return [*signs(spec, not signed), *_scaled(q, spec, Fixed(signed, 1, 0), where)]
    plain = plain_type(q.changed(alpha=None))
    assert plain is not None
    type, overflow = plain
    activation = Activation(spec.type, Kind.LINEAR, type, Rounding.RND_CONV, overflow)
    return [activation, *_scaled(q, spec, type, where)]


def _linear(q: Quantizer, spec: Spec, where: str) -> list[Operator]:
    """Steps of alpha times those of the type: an alpha that is a power of two moves the binary point."""
    _check_alpha(q, where)
    mantissa, exponent = np.frexp(np.float32(1 if q["alpha"] is None else q["alpha"]))
    integer = int(q["integer"]) + int(exponent) - 1
    if is_sign(q):
        return [
            *signs(spec, False),
            *_scaled(q.changed(alpha=mantissa * 2.0**integer), spec, Fixed(True, 1, 0), where),
        ]
    if mantissa != 0.5:
        raise BitsmithError(
            f"{where}: alpha={q['alpha']} of quantized_linear is supported for weights only, since dividing by it is "
            "not exact; give a power of two"
        )
    plain = plain_type(q.changed(alpha=None, integer=integer))
    assert plain is not None
    return [Activation(spec.type, Kind.LINEAR, plain[0], Rounding.RND_CONV, plain[1])]


def _check_alpha(q: Quantizer, where: str) -> None:
    if isinstance(q["alpha"], str):
        raise BitsmithError(
            f"{where}: alpha={q['alpha']!r} of an activation depends on the data; give a number, e.g. alpha=1"
        )


def _scaled(q: Quantizer, spec: Spec, type: Fixed, where: str) -> list[Operator]:
    """alpha as an exact multiplication per channel; nothing for 1."""
    _check_alpha(q, where)
    if q["alpha"] in (None, 1):
        return []
    c, channels = exact_constant(q["alpha"]), spec.shape[-1]
    scale_type = Fixed.holding(0, c.raw, c.fraction)
    zeros = np.zeros(channels, dtype=np.int64)
    return [BatchNorm(type, np.full(channels, c.raw, dtype=np.int64), scale_type, zeros, Fixed(False, 1, 0))]


def _relu(q: Quantizer, input_type: Fixed, where: str) -> Activation:
    q.only(where, use_sigmoid=0)
    slope, bits, integer = float(q["negative_slope"]), int(q["bits"]), int(q["integer"])
    cut = bound(q)
    upper = None if cut is None else exact_constant(cut)
    if slope == 0.0:
        type = Fixed(False, integer, bits - integer)
        _on_grid(upper, type, where)
        return Activation(input_type, Kind.RELU, type, upper=upper)
    type = Fixed(True, integer, bits - 1 - integer)
    least = 2.0 ** -(bits - 1)  # a smaller slope's lower limit is off the grid
    if np.frexp(slope)[0] != 0.5 or not least <= slope <= 1:
        raise BitsmithError(
            f"quantized_relu on {where}: negative_slope={slope} is not supported with {bits} bits; "
            f"supported: powers of two from {least:g} to 1"
        )
    lower = shortest(-exact_constant(slope).raw, exact_constant(slope).fraction - integer)
    _on_grid(upper, type, where)
    return Activation(input_type, Kind.LEAKY_RELU, type, slope=exact_constant(slope), lower=lower, upper=upper)


def _on_grid(limit: Constant | None, type: Fixed, where: str) -> None:
    if limit is not None and limit.fraction > type.fraction:
        raise BitsmithError(
            f"quantized_relu on {where}: relu_upper_bound={float(limit)} is not a multiple of {type}'s step; "
            "choose one that is"
        )


def _tanh(q: Quantizer, input_type: Fixed, where: str, table_bits: int | None) -> Activation:
    type = Fixed(True, 0, int(q["bits"]) - 1)
    overflow = Overflow.SAT_SYM if q["symmetric"] else Overflow.SAT
    if not q["use_real_tanh"]:
        return Activation(input_type, Kind.HARD_TANH, type, overflow=overflow, lower=Constant(-1), upper=ONE)
    address = table_address(input_type, 4, where, table_bits)
    return Activation(input_type, Kind.TABLE, type, overflow=overflow, function="tanh", table_type=address)


def _sigmoid(q: Quantizer, input_type: Fixed, where: str, table_bits: int | None) -> Activation:
    bits = int(q["bits"])
    type = Fixed(False, 0, bits)
    lower = Constant(1, bits) if q["symmetric"] else ZERO
    if not q["use_real_sigmoid"]:
        return Activation(input_type, Kind.HARD_SIGMOID, type, slope=HALF, offset=HALF, lower=lower, upper=ONE)
    address = table_address(input_type, 5, where, table_bits)
    return Activation(input_type, Kind.TABLE, type, lower=lower, upper=ONE, function="sigmoid", table_type=address)


EXACT_TABLE_BITS = 14
"""Tables that keep every bit of their input are used up to this width without asking."""


def table_address(input_type: Fixed, integer: int, where: str, table_bits: int | None) -> Fixed:
    """The address of a function that is flat beyond ``2**integer``: exact where it is short, else as configured."""
    integer = min(input_type.integer, integer)
    width = int(input_type.signed) + integer + input_type.fraction
    if 1 <= width <= (table_bits or EXACT_TABLE_BITS):
        return Fixed(input_type.signed, integer, input_type.fraction)
    if table_bits is None:
        raise BitsmithError(
            f"{where}: an exact table for {input_type} needs {width} address bits; put a quantizer before it "
            "or give Bitsmith: table_bits (e.g. 12) to round its input"
        )
    return Fixed(input_type.signed, integer, table_bits - int(input_type.signed) - integer)


def signs(spec: Spec, use_01: bool) -> list[Operator]:
    """sign(x) with sign(0) = 1: a table of one bit, the sign itself."""
    t, output = spec.type, Fixed(not use_01, 1, 0)
    address = Fixed(True, -t.fraction, t.fraction)
    lower = ZERO if use_01 else None
    return [Activation(t, Kind.TABLE, output, function="sign", table_type=address, lower=lower)]


def _binary(q: Quantizer, spec: Spec, where: str) -> list[Operator]:
    return [*signs(spec, bool(q["use_01"])), *_scaled(q, spec, Fixed(not q["use_01"], 1, 0), where)]


def _quant(q: Quantizer, spec: Spec, where: str) -> list[Operator]:
    """QONNX's; one signed bit is the sign, times the scale."""
    if not qonnx.is_sign(q):
        return [qonnx.quant(q, spec.type)]
    scale = Quantizer(q.name, (("alpha", q["scale"]),))
    return [*signs(spec, use_01=False), *_scaled(scale, spec, Fixed(True, 1, 0), where)]


def _ternary(q: Quantizer, spec: Spec, where: str) -> list[Operator]:
    """``sign(x)`` where ``|x| >= threshold``: x times a little more than 1/k, cut toward zero, with limits -1 and 1."""
    if isinstance(q["threshold"], str):
        raise BitsmithError(f"{where}: threshold={q['threshold']!r} of an activation is not supported; give a number")
    threshold = float(np.float32(0.33 if q["threshold"] is None else q["threshold"]))
    if threshold <= 0:
        raise BitsmithError(f"{where}: threshold={threshold} is not supported; supported: numbers above 0")
    type, slope, scaled = spec.type, _reciprocal(threshold, spec.type), _scaled(q, spec, Fixed(True, 1, 0), where)
    try:
        return [_cut(type, slope), *scaled]
    except TooWide:
        short = _around(threshold, type)
    narrow = Activation(type, Kind.LINEAR, short, Rounding.TRN_ZERO)
    return [narrow, _cut(short, _reciprocal(threshold, short)), *scaled]


def _cut(input_type: Fixed, slope: Constant) -> Activation:
    one, limits = Fixed(True, 1, 0), (Constant(-1), ONE)
    return Activation(input_type, Kind.HARD_TANH, one, Rounding.TRN_ZERO, slope=slope, lower=limits[0], upper=limits[1])


def _least(threshold: float, fraction: int) -> int:
    """The first raw value at or above the threshold."""
    return max(ceil(ldexp(threshold, fraction)), 1)


def _reciprocal(threshold: float, type: Fixed) -> Constant:
    """A little more than 1/k: times raw it reaches 1 at the threshold, raw = k, and not before."""
    k = _least(threshold, type.fraction)
    fraction = 2 * k.bit_length() + 1
    raw, places = -(-(1 << fraction) // k), fraction - type.fraction
    return Constant(raw << max(-places, 0), max(places, 0))


def _around(threshold: float, type: Fixed) -> Fixed:
    """A type with a step at the threshold that ends just beyond it: what is cut toward zero and saturates there stays
    on its side."""
    fraction = min(type.fraction, exact_constant(threshold).fraction)
    return Fixed(True, _least(threshold, fraction).bit_length() - fraction, fraction)
