"""The mean of each window, and the division that it shares with the global one."""

from __future__ import annotations

import numpy as np

from ....sim.division import RoundedDivision
from ....sim.errors import BitsmithError
from ....sim.fixed import Fixed, Rounding
from ....sim.window import window_counts
from ..cores import Core, Rounded, cpp, literal, rounds, sizes, typedef, window
from ..place import Place


def mapped(place: Place) -> Core:
    op, x = place.op, place.x[0]
    counts = np.unique(window_counts(x.shape, op.pool, op.strides, op.padding))
    divisions = {int(n): op.division(int(n)) for n in counts}
    lines = mean(x.type, rounds(op), divisions) + window(x, place.y, op.pool, op.strides, op.padding)
    headers = ["average_pool2d.hpp", "division.hpp", "window.hpp", "pixels.hpp"]
    return Core("average_pool2d", lines, headers, result=rounds(op))


def mean(x: Fixed, result: Rounded, divisions: dict[int, RoundedDivision]) -> list[str]:
    """The types, how a value becomes an integer, and the constants of the division for every count of values."""
    first, *_ = divisions.values()
    others = list(divisions.items())[1:]
    type, rounding, _ = result
    quotient = Fixed(True, 62 - type.fraction, type.fraction)
    integer = "ap_int" if x.signed else "ap_uint"
    width = x.width
    return [
        typedef("x_t", cpp(x)),
        typedef("y_t", cpp(*result)),
        typedef("mean_t", cpp(quotient)),
        *sizes(up=first.up),
        f"static const bool tie_to_even = {str(rounding is Rounding.RND_CONV).lower()};",
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
