"""linear and relu by hls4ml, where nothing is lost; every other function by our core."""

from __future__ import annotations

from math import prod

from ....sim.fixed import Fixed
from ....sim.ops.activation import Activation, Kind
from ....sim.table import ADDRESS_OVERFLOW, ADDRESS_ROUNDING
from ..cores import Core, bits, cpp, literal, pixels, roomy, rounds, typedef
from ..native import Native
from ..place import Place


def mapped(place: Place) -> Native | Core:
    op, x = place.op, place.x[0]
    if exact(op):
        return Native("Activation", {"activation": op.kind.value, "n_in": prod(place.y.shape)}, rounds(op))
    tables = {} if op.table_type is None else {"table": (op.table, bits(op.table))}
    return Core("activation", element(op) + pixels(x), ["activation.hpp", "pixels.hpp"], tables, result=rounds(op))


def exact(op: Activation) -> bool:
    """relu and linear: no limits, and room for the rounding (see ``cores.roomy``)."""
    plain = op.kind in (Kind.LINEAR, Kind.RELU) and op.lower is None and op.upper is None
    return plain and op.input_type.fraction - op.output_type.fraction <= op.input_type.width


def element(op: Activation) -> list[str]:
    """What activation.hpp reads for one value: its types, and ``compute`` or how its table is addressed."""
    y_type = cpp(op.output_type, op.rounding, op.overflow)
    lines = [typedef("x_t", cpp(op.input_type)), typedef("y_t", y_type)]
    if op.table_type is None:
        return lines + _compute(op)
    lines.append(typedef("wide_t", roomy(op.input_type, op.table_type.fraction)))
    return [*lines, typedef("address_t", cpp(op.table_type, ADDRESS_ROUNDING, ADDRESS_OVERFLOW))]


def _compute(op: Activation) -> list[str]:
    """``y_t compute(x_t)``: the exact value of Activation's definition, its limits, then y_t's own rounding."""
    f = op.input_type.fraction
    lines = [
        typedef("exact_t", roomy(op.exact_type, op.output_type.fraction)),
        "static y_t compute(x_t x) {",
        "    exact_t y = x;",
    ]
    product = (op.slope.raw, f + op.slope.fraction)
    if op.kind is Kind.LEAKY_RELU:
        lines += ["    if (x < 0)", f"        y = {_scaled(op, *product)};"]
    elif op.kind in (Kind.HARD_SIGMOID, Kind.HARD_TANH):
        lines += [f"    y = {_scaled(op, *product)};", f"    y += {_exact(op, op.aligned(op.offset))};"]
    elif op.kind in (Kind.RELU, Kind.ABSOLUTE):
        lines += ["    if (x < 0)", f"        y = {'0' if op.kind is Kind.RELU else '-x'};"]
    elif op.kind is Kind.THRESHOLDED_RELU:
        lines += [f"    if (x < {_exact(op, op.aligned(op.offset))})", "        y = 0;"]
    for sign, limit in (("<", op.lower), (">", op.upper)):
        if limit is not None:
            bound = _exact(op, op.aligned(limit))
            lines += [f"    if (y {sign} {bound})", f"        y = {bound};"]
    return [*lines, "    return y;", "}"]


def _exact(op: Activation, raw: int) -> str:
    return f"bitsmith::from_bits<exact_t>({literal(raw)})"


def _scaled(op: Activation, raw: int, fraction: int) -> str:
    """``x * slope`` in exact_t: the slope is a constant of its own type."""
    slope = Fixed.holding(min(raw, 0), max(raw, 0), fraction - op.input_type.fraction)
    return f"exact_t(x * bitsmith::from_bits<{cpp(slope)} >({literal(raw)}))"
