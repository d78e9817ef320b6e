"""The mean of each window, and the division that it shares with the global one."""

from __future__ import annotations

import numpy as np

from ....sim.division import RoundedDivision
from ....sim.errors import BitsmithError
from ....sim.fixed import Fixed, Rounding
from ....sim.op import Spec
from ....sim.ops.average_pool2d import AveragePool2D
from ....sim.ops.global_average_pool2d import GlobalAveragePool2D
from ....sim.window import window_counts
from ..cores import Core, cpp, literal, rounds, sizes, typedef, window
from ..place import Place


def mapped(place: Place) -> Core:
    op, x = place.op, place.x[0]
    counts = np.unique(window_counts(x.shape, op.pool, op.strides, op.padding))
    lines = mean(op, x, [int(n) for n in counts]) + window(x, place.y, op.pool, op.strides, op.padding)
    headers = ["average_pool2d.hpp", "division.hpp", "window.hpp", "pixels.hpp"]
    return Core("average_pool2d", lines, headers, result=rounds(op))


def mean(op: AveragePool2D | GlobalAveragePool2D, x: Spec, counts: list[int]) -> list[str]:
    """The types, how a value becomes an integer, and the constants of the division for every window's count."""
    divisions = {n: op.division(n) for n in counts}
    first = divisions[counts[0]]
    others = list(divisions.items())[1:]
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
        f"static bitsmith::Division division(unsigned{' count' if others else ''}) {{",
        *(f"    if (count == {n})\n            return {_division(d)};" for n, d in others),
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
