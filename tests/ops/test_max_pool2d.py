"""The operator contract (contract.py) for maximum pooling's parameters."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from contract import OperatorContract
from definitions import Pair, Real, windows
from hardware import Case

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.max_pool2d import MaxPool2D
from bitsmith.sim.params import NO_PADDING

S6, U8 = Fixed(True, 2, 3), Fixed(False, 0, 8)


def case(shape: Shape, pool: Pair, strides: Pair, padding: Any = NO_PADDING, pixels: int = 1, x: Fixed = S6) -> Case:
    return Case(MaxPool2D(x, pool, strides, padding), (Spec(shape, x),), pixels)


class TestMaxPool2D(OperatorContract):
    cases: ClassVar = {
        "2 by 2": case((6, 6, 2), (2, 2), (2, 2)),
        "odd channels, unsigned": case((4, 6, 3), (2, 2), (2, 2), x=U8),
        "sizes no multiple": case((7, 5, 1), (2, 2), (2, 2)),
        "2 by 3": case((6, 7, 2), (2, 3), (2, 3)),
        "overlapping": case((6, 7, 2), (3, 3), (1, 2)),
        "pool 1, stride 2": case((5, 6, 2), (1, 1), (2, 2)),
        "pool 2, stride 3": case((8, 8, 1), (2, 2), (3, 3)),
        "pool 1, stride 1": case((3, 4, 2), (1, 1), (1, 1)),
        "1×1 image": case((1, 1, 3), (1, 1), (1, 1)),
        "1×1 image, padded": case((1, 1, 2), (2, 2), (2, 2), ((0, 1), (0, 1))),
        "same, all below zero or not": case((5, 5, 2), (3, 3), (2, 2), ((1, 1), (1, 1))),
        "same, stride 1": case((4, 5, 1), (2, 2), (1, 1), ((0, 1), (0, 1))),
        "lopsided": case((5, 6, 1), (3, 3), (3, 3), ((2, 0), (0, 1))),
        "a sequence": case((1, 9, 2), (1, 2), (1, 2)),
        "a sequence, same": case((1, 9, 3), (1, 3), (1, 2), ((0, 0), (1, 1))),
        "one bit": case((4, 4, 2), (2, 2), (2, 2), x=Fixed(False, 1, 0)),
        "one signed bit": case((4, 4, 2), (2, 2), (2, 2), x=Fixed(True, 0, 0)),
        "40 bits": case((4, 4, 1), (2, 2), (2, 2), x=Fixed(True, 19, 20)),
        "4 pixels": case((4, 8, 2), (2, 2), (2, 2), pixels=4),
        "4 pixels, width no multiple": case((4, 11, 2), (2, 2), (2, 2), pixels=4),
        "4 pixels, width 3": case((4, 3, 2), (2, 2), (2, 2), pixels=4),
        "4 pixels, stride 3": case((6, 13, 1), (3, 3), (3, 3), pixels=4),
        "4 pixels, same": case((5, 10, 1), (3, 3), (2, 2), ((1, 1), (1, 1)), 4),
        "4 pixels, pool 1, stride 2": case((5, 9, 2), (1, 1), (2, 2), pixels=4),
        "4 pixels, a sequence": case((1, 13, 2), (1, 2), (1, 2), pixels=4),
    }
    bad: ClassVar = {
        "pool 0": (lambda: MaxPool2D(S6, (0, 2), (1, 1)), "pool"),
        "stride 0": (lambda: MaxPool2D(S6, (2, 2), (2, 0)), "strides"),
        "all in the padding": (lambda: MaxPool2D(S6, (2, 2), (1, 1), ((2, 0), (0, 0))), "use less padding"),
        "larger than the image": (lambda: MaxPool2D(S6, (3, 3), (3, 3)).infer(Spec((2, 4, 1), S6)), "reaches over 3"),
    }

    def float_result(self, op: MaxPool2D, *x_float: Real) -> Real:
        """The largest of each window's places that lie in the image."""
        seen = windows(x_float[0], op.pool, op.strides, op.padding, fill=np.nan)
        return np.asarray(np.nanmax(seen, axis=(3, 4)))
