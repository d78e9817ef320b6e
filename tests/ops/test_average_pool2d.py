"""The operator contract (contract.py) for average pooling's parameters: counts of every kind, each rounded once."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from contract import OperatorContract
from definitions import Pair, Real, quantized, windows
from hardware import Case

from bitsmith.sim.fixed import Fixed, Overflow, Rounding
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.average_pool2d import AveragePool2D
from bitsmith.sim.params import NO_PADDING

S6, U8, S8 = Fixed(True, 2, 3), Fixed(False, 0, 8), Fixed(True, 3, 4)


def case(
    shape: Shape, pool: Pair, strides: Pair, padding: Any = NO_PADDING, x: Fixed = S6, y: Fixed = S8, pixels: int = 1
) -> Case:
    return Case(AveragePool2D(x, pool, strides, padding, y), (Spec(shape, x),), pixels)


def mode(rounding: Rounding, overflow: Overflow = Overflow.SAT) -> Case:
    """A mean of 6 to two bits less."""
    op = AveragePool2D(S8, (2, 3), (2, 3), NO_PADDING, Fixed(True, 2, 2), rounding, overflow)
    return Case(op, (Spec((4, 9, 2), S8),))


class TestAveragePool2D(OperatorContract):
    cases: ClassVar = {
        "2 by 2": case((6, 6, 2), (2, 2), (2, 2)),
        "3 in a row": case((4, 6, 3), (1, 3), (1, 3)),
        "3 in a column": case((6, 4, 1), (3, 1), (3, 1)),
        "6": case((4, 6, 1), (2, 3), (2, 3), x=U8, y=U8),
        "9": case((6, 6, 2), (3, 3), (3, 3)),
        "9, overlapping": case((5, 7, 1), (3, 3), (1, 2)),
        "5 and 7": case((7, 7, 1), (7, 5), (1, 1)),
        "1": case((3, 4, 2), (1, 1), (1, 1)),
        "1, stride 2": case((5, 6, 2), (1, 1), (2, 2)),
        "1×1 image": case((1, 1, 3), (1, 1), (1, 1)),
        "1×1 image, padded": case((1, 1, 2), (2, 2), (2, 2), ((0, 1), (0, 1))),
        "same: 4, 6 and 9": case((5, 5, 2), (3, 3), (2, 2), ((1, 1), (1, 1))),
        "same, stride 1": case((4, 5, 1), (2, 2), (1, 1), ((0, 1), (0, 1))),
        "lopsided": case((5, 6, 1), (3, 3), (3, 3), ((2, 0), (0, 1))),
        "a sequence, same": case((1, 9, 3), (1, 3), (1, 2), ((0, 0), (1, 1))),
        "one bit": case((4, 6, 2), (2, 3), (2, 3), x=Fixed(False, 1, 0), y=Fixed(False, 0, 3)),
        "coarser": case((6, 6, 1), (3, 3), (3, 3), x=U8, y=Fixed(False, 1, 1)),
        "finer": case((6, 6, 1), (3, 3), (3, 3), y=Fixed(True, 2, 12)),
        "negative integer part": case((4, 6, 1), (2, 3), (2, 3), x=Fixed(False, -2, 10), y=Fixed(False, -2, 8)),
        **{rounding.value: mode(rounding) for rounding in Rounding},
        **{f"RND, {overflow.value}": mode(Rounding.RND, overflow) for overflow in Overflow},
        "4 pixels, width no multiple": case((4, 11, 2), (2, 2), (2, 2), pixels=4),
        "4 pixels, width 3": case((4, 3, 2), (2, 2), (2, 2), pixels=4),
        "4 pixels, stride 3": case((6, 13, 1), (3, 3), (3, 3), pixels=4),
        "4 pixels, same": case((5, 10, 1), (3, 3), (2, 2), ((1, 1), (1, 1)), pixels=4),
    }
    bad: ClassVar = {
        "pool 0": (lambda: AveragePool2D(S6, (0, 2), (1, 1), NO_PADDING, S8), "pool"),
        "all in the padding": (
            lambda: AveragePool2D(S6, (2, 2), (1, 1), ((0, 0), (0, 2)), S8),
            "use less padding",
        ),
        "a sum too wide": (
            lambda: AveragePool2D(Fixed(True, 50, 5), (9, 9), (1, 1), NO_PADDING, S8),
            "more than 62 bits",
        ),
        "an unknown rounding": (
            lambda: AveragePool2D(S6, (2, 2), (2, 2), NO_PADDING, S8, "UP"),  # type: ignore[arg-type]
            "rounding 'UP' is unknown",
        ),
    }

    def float_result(self, op: AveragePool2D, *x_float: Real) -> Real:
        """The sum of the places in the image by their number; a tie is exact in float64, all else far from one."""
        seen = windows(x_float[0], op.pool, op.strides, op.padding, fill=np.nan)
        total, count = np.nansum(seen, axis=(3, 4)), np.sum(~np.isnan(seen), axis=(3, 4))
        return quantized(total / count, op.output_type, op.rounding, op.overflow)
