"""Our own cores: what is emitted for one, and the C++ that several of them have in their ``config`` struct."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from ...sim.cast import Cast
from ...sim.fixed import Fixed, IntArray, Overflow, Rounding
from ...sim.op import Spec
from ...sim.params import Padding, Pair

Rounded = tuple[Fixed, Rounding, Overflow]
TRACE_BITS = 53  # hls4ml's trace hands out float64


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
    result: Rounded | None = None
    """The output's type with its modes, where the core rounds by writing to it."""


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


def rounded(name: str, source: Fixed, to: Cast | None) -> list[str]:
    """``exact_<name>_t`` holds what comes, with room for the rounding that ``<name>_t`` does, if any."""
    if to is None:
        return [typedef(f"exact_{name}_t", cpp(source)), typedef(f"{name}_t", cpp(source))]
    target = cpp(to.type, to.rounding, to.overflow)
    return [typedef(f"exact_{name}_t", roomy(source, to.type.fraction)), typedef(f"{name}_t", target)]


def rounds(op: Any) -> Rounded:
    """The ``result`` of a core of an operator that rounds."""
    return op.output_type, op.rounding, op.overflow


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


def bits(table: Iterable[int]) -> int:
    """Bits of the smallest signed integer that holds every entry."""
    entries = [int(e) for e in table]
    return Fixed.holding(min(*entries, -1), max(entries), 0).width
