"""The operator contract (contract.py) for global maximum pooling's parameters."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from contract import OperatorContract
from definitions import Real
from hardware import Case

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.global_max_pool2d import GlobalMaxPool2D

S6, U8 = Fixed(True, 2, 3), Fixed(False, 0, 8)


def case(shape: Shape, x: Fixed = S6, pixels: int = 1) -> Case:
    return Case(GlobalMaxPool2D(x), (Spec(shape, x),), pixels)


class TestGlobalMaxPool2D(OperatorContract):
    cases: ClassVar = {
        "odd sizes": case((5, 7, 3)),
        "1 channel, unsigned": case((3, 3, 1), U8),
        "1×1": case((1, 1, 3)),
        "1 row": case((1, 7, 2)),
        "1 column": case((6, 1, 2)),
        "one bit": case((3, 5, 2), Fixed(False, 1, 0)),
        "one signed bit": case((3, 5, 2), Fixed(True, 0, 0)),
        "40 bits": case((3, 3, 2), Fixed(True, 19, 20)),
        "4 pixels, width no multiple": case((5, 7, 3), pixels=4),
        "4 pixels, unsigned": case((5, 6, 2), U8, pixels=4),
        "4 pixels, width 3": case((3, 3, 2), pixels=4),
    }
    bad: ClassVar = {
        "a vector": (lambda: GlobalMaxPool2D(S6).infer(Spec((5,), S6)), "expected 3 axes"),
        "another type": (lambda: GlobalMaxPool2D(S6).infer(Spec((2, 2, 1), U8)), "put a linear activation before it"),
    }

    def float_result(self, op: GlobalMaxPool2D, *x_float: Real) -> Real:
        return np.array([[max(frame[..., c].flat) for c in range(frame.shape[-1])] for frame in x_float[0]])
