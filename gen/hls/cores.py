"""The members of each core's ``config`` struct in C++, from an operator of ``sim`` and its tensors' types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from ...sim.division import RoundedDivision
from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, IntArray, Overflow, Rounding
from ...sim.op import Spec
from ...sim.ops import (
    Activation,
    AveragePool2D,
    Conv2DTranspose,
    Crop,
    GlobalAveragePool2D,
    Kind,
    Softmax,
    UpSampling2D,
    ZeroPadding2D,
)
from ...sim.params import Padding, Pair
from ...sim.table import ADDRESS_OVERFLOW, ADDRESS_ROUNDING
from ...sim.window import window_counts


@dataclass(frozen=True)
class Core:
    """What is emitted for one core: struct members, headers (the core's own first), weights.

    A weight is an array and its type, or the bits of its raw integers (a table); the core is called with it. Arrays of
    ``tables`` are not: lines name them as ``$<role>``, and ``$layer`` and ``$reuse_factor`` stand for the layer's own.
    """

    stem: str
    lines: list[str]
    headers: list[str]
    weights: Mapping[str, tuple[IntArray, Fixed | int]] = field(default_factory=dict)
    tables: Mapping[str, IntArray] = field(default_factory=dict)


def cpp(type: Fixed, rounding: Rounding = Rounding.TRN, overflow: Overflow = Overflow.WRAP) -> str:
    """The C++ type as hls4ml writes it, with the modes."""
    return type.ap_type(rounding, overflow)[:-1] + ",0>"


def roomy(type: Fixed, fraction: int) -> str:
    """The C++ type, sign- or zero-extended where rounding to ``fraction`` cuts off more bits than the type has.

    ap_fixed reads a bit beyond the value's width there; hls4ml's ap_types stop with an assertion.
    """
    width = max(type.width, type.fraction - fraction + 1)
    return f"ap_{'' if type.signed else 'u'}fixed<{width},{width - type.fraction},AP_TRN,AP_WRAP,0>"


def typedef(name: str, text: str) -> str:
    return f"typedef {text} {name};"


def sizes(**values: int) -> list[str]:
    return [f"static const unsigned {name} = {value};" for name, value in values.items()]


def literal(value: int) -> str:
    """A ``long long`` literal; the most negative one has none."""
    return f"{value}LL" if value > -(1 << 63) else f"({value + 1}LL - 1)"


def pixels(spec: Spec) -> list[str]:
    return sizes(pixels=prod(spec.shape[:-1]), channels=spec.shape[-1])


def activation(op: Activation, x: Spec) -> Core:
    """Everything that hls4ml's ``linear`` and ``relu`` do not do exactly."""
    tables = {} if op.table_type is None else {"table": (op.table, bits(op.table))}
    return Core("activation", element(op) + pixels(x), ["activation.hpp", "pixels.hpp"], tables)


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


def window(x: Spec, y: Spec, size: Pair, strides: Pair, padding: Padding, dilation: Pair = (1, 1)) -> list[str]:
    """What window.hpp reads."""
    height, width, channels = x.shape
    (top, bottom), (left, right) = padding
    values = sizes(
        height=height,
        width=width,
        channels=channels,
        outputs=y.shape[2],
        window_height=size[0],
        window_width=size[1],
        stride_height=strides[0],
        stride_width=strides[1],
        dilation_height=dilation[0],
        dilation_width=dilation[1],
        top=top,
        bottom=bottom,
        left=left,
        right=right,
    )
    return [*values, "static const unsigned reuse_factor = $reuse_factor;"]


def convolution(op: Any, x: Spec, y: Spec) -> Core:
    """conv2d and depthwise_conv2d; the accumulator is the output's type."""
    types = [typedef("x_t", cpp(x.type)), typedef("y_t", cpp(y.type))]
    lines = types + window(x, y, op.kernel.shape[:2], op.strides, op.padding, op.dilation)
    weights = {"weight": (op.kernel, op.kernel_type), "bias": (op.bias, op.bias_type)}
    return Core(op.stem, lines, [f"{op.stem}.hpp", "window.hpp", "pixels.hpp"], weights)


def conv2d_transpose(op: Conv2DTranspose, x: Spec, y: Spec) -> Core:
    """The accumulator is the output's type; of the padding only what is cut away in front counts."""
    lines = [
        typedef("x_t", cpp(x.type)),
        typedef("y_t", cpp(y.type)),
        *window(x, y, (op.kernel.shape[0], op.kernel.shape[1]), op.strides, op.crop, op.dilation),
        *sizes(out_height=y.shape[0], out_width=y.shape[1]),
    ]
    weights = {"weight": (op.kernel, op.kernel_type), "bias": (op.bias, op.bias_type)}
    return Core("conv2d_transpose", lines, ["conv2d_transpose.hpp", "pixels.hpp"], weights)


def max_pool2d(op: Any, x: Spec, y: Spec) -> Core:
    types = [typedef("x_t", cpp(x.type)), typedef("y_t", cpp(y.type))]
    lines = types + window(x, y, op.pool, op.strides, op.padding)
    return Core("max_pool2d", lines, ["max_pool2d.hpp", "window.hpp", "pixels.hpp"])


def global_max_pool2d(x: Spec) -> Core:
    lines = [typedef("x_t", cpp(x.type)), typedef("y_t", cpp(x.type)), *pixels(x)]
    return Core("global_max_pool2d", lines, ["global_max_pool2d.hpp", "pixels.hpp"])


def average_pool2d(op: AveragePool2D, x: Spec, y: Spec) -> Core:
    counts = np.unique(window_counts(x.shape, op.pool, op.strides, op.padding))
    lines = _mean(op, x, [int(n) for n in counts]) + window(x, y, op.pool, op.strides, op.padding)
    return Core("average_pool2d", lines, ["average_pool2d.hpp", "division.hpp", "window.hpp", "pixels.hpp"])


def global_average_pool2d(op: GlobalAveragePool2D, x: Spec) -> Core:
    lines = _mean(op, x, [prod(x.shape[:-1])]) + pixels(x)
    return Core("global_average_pool2d", lines, ["global_average_pool2d.hpp", "division.hpp", "pixels.hpp"])


def _mean(op: AveragePool2D | GlobalAveragePool2D, x: Spec, counts: list[int]) -> list[str]:
    """The types, how a value becomes an integer, and the constants of the division for every window's count."""
    divisions = {n: op.division(n) for n in counts}
    first = divisions[counts[0]]
    quotient = Fixed(True, 62 - op.output_type.fraction, op.output_type.fraction)
    integer = "ap_int" if x.type.signed else "ap_uint"
    width = x.type.width
    return [
        typedef("x_t", cpp(x.type)),
        typedef("y_t", cpp(op.output_type, op.rounding, op.overflow)),
        typedef("mean_t", cpp(quotient)),
        *sizes(up=first.up),
        f"static const bool tie_to_even = {str(op.rounding is Rounding.RND_CONV).lower()};",
        f"static ap_int<64> raw(x_t x) {{ return {integer}<{width}>(x.range({width - 1}, 0)); }}",
        "static bitsmith::Division division(unsigned count) {",
        *(f"    if (count == {n})\n            return {_division(d)};" for n, d in list(divisions.items())[1:]),
        f"    return {_division(first)};",
        "}",
    ]


def _division(d: RoundedDivision) -> str:
    r = d.reciprocal
    if r.multiplier >= 1 << 63:
        raise BitsmithError(
            f"a mean over {d.divisor} values needs a multiplier of more than 63 bits; use narrower types"
        )
    constants = [literal(d.c_positive), literal(d.c_negative), literal(r.multiplier), str(r.shift), literal(r.divisor)]
    return f"bitsmith::Division{{{', '.join(constants)}}}"


def flatten(x: Spec, y: Spec) -> Core:
    out = sizes(out_pixels=prod(y.shape[:-1]), out_channels=y.shape[-1])
    return Core("flatten", [typedef("x_t", cpp(x.type)), *pixels(x), *out], ["flatten.hpp", "pixels.hpp"])


def repeat_vector(x: Spec, y: Spec) -> Core:
    lines = [typedef("x_t", cpp(x.type)), *sizes(steps=y.shape[1], channels=x.shape[0])]
    return Core("repeat_vector", lines, ["repeat_vector.hpp", "pixels.hpp"])


def reverse(x: Spec) -> Core:
    return Core("reverse", [typedef("x_t", cpp(x.type)), *pixels(x)], ["reverse.hpp", "pixels.hpp"])


def crop(op: Crop, x: Spec, y: Spec) -> Core:
    first = sizes(first_row=op.rows[0], first_column=op.columns[0], first_channel=op.channels[0])
    part = sizes(rows=y.shape[0], columns=y.shape[1], outputs=y.shape[2])
    image = sizes(height=x.shape[0], width=x.shape[1], channels=x.shape[2])
    return Core("crop", [typedef("x_t", cpp(x.type)), *image, *first, *part], ["crop.hpp", "pixels.hpp"])


def up_sampling2d(op: UpSampling2D, x: Spec) -> Core:
    factors = sizes(row_factor=op.factors[0], column_factor=op.factors[1])
    image = sizes(height=x.shape[0], width=x.shape[1], channels=x.shape[2])
    return Core("up_sampling2d", [typedef("x_t", cpp(x.type)), *image, *factors], ["up_sampling2d.hpp", "pixels.hpp"])


def zero_padding2d(op: ZeroPadding2D, x: Spec, y: Spec) -> Core:
    image = sizes(height=x.shape[0], width=x.shape[1], channels=x.shape[2])
    place = sizes(top=op.padding[0][0], left=op.padding[1][0], rows=y.shape[0], columns=y.shape[1])
    return Core("zero_padding2d", [typedef("x_t", cpp(x.type)), *image, *place], ["zero_padding2d.hpp", "pixels.hpp"])


def concatenate(left: Spec, right: Spec) -> Core:
    counts = sizes(pixels=prod(left.shape[:-1]), left_channels=left.shape[-1], right_channels=right.shape[-1])
    return Core("concatenate", [typedef("x_t", cpp(left.type)), *counts], ["concatenate.hpp", "pixels.hpp"])


def softmax(op: Softmax, x: Spec) -> Core:
    difference = Fixed.holding(0, op.input_type.raw_max - op.input_type.raw_min, op.input_type.fraction)
    total = op.total_type(x.shape[-1])
    product = Fixed.holding(
        0, op.exp_type.raw_max * op.reciprocal_type.raw_max, op.exp_type.fraction + op.reciprocal_type.fraction
    )
    lines = [
        typedef("x_t", cpp(op.input_type)),
        typedef("y_t", cpp(op.output_type, op.rounding, op.overflow)),
        typedef("exact_difference_t", roomy(difference, op.difference_type.fraction)),
        typedef("product_t", roomy(product, op.output_type.fraction)),
        typedef("difference_t", cpp(op.difference_type, ADDRESS_ROUNDING, ADDRESS_OVERFLOW)),
        typedef("exp_t", cpp(op.exp_type)),
        typedef("total_t", roomy(total, op.sum_type.fraction)),
        typedef("sum_t", cpp(op.sum_type, ADDRESS_ROUNDING, ADDRESS_OVERFLOW)),
        typedef("reciprocal_t", cpp(op.reciprocal_type)),
        *pixels(x),
    ]
    tables = {"exp": op.exp_table, "reciprocal": op.reciprocal_table}
    return Core("softmax", lines, ["softmax.hpp", "pixels.hpp"], {n: (t, bits(t)) for n, t in tables.items()})


def argmax(x: Spec, y: Spec) -> Core:
    if len(x.shape) != 1:
        raise BitsmithError(f"argmax of an input of shape {x.shape} has no HLS core; flatten it, or use the Verilog")
    lines = [typedef("x_t", cpp(x.type)), typedef("y_t", cpp(y.type)), *sizes(channels=x.shape[-1])]
    return Core("argmax", lines, ["argmax.hpp", "pixels.hpp"])


def bits(table: Iterable[int]) -> int:
    """Bits of the smallest signed integer that holds every entry."""
    entries = [int(e) for e in table]
    return Fixed.holding(min(*entries, -1), max(entries), 0).width
