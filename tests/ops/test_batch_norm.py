"""The operator contract (contract.py) for batch normalization's parameters."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from contract import OperatorContract
from definitions import Real, real
from hardware import Case, draw

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.batch_norm import BatchNorm

U8, S6, B8 = Fixed(False, 0, 8), Fixed(True, 2, 3), Fixed(True, 2, 5)
SCALE = Fixed(True, 1, 6)


def norm(channels: int, x: Fixed = S6, scale: Fixed = SCALE, offset: Fixed = B8) -> BatchNorm:
    return BatchNorm(x, draw(scale, channels), scale, draw(offset, channels), offset)


def case(shape: Shape, pixels: int = 1, x: Fixed = S6, scale: Fixed = SCALE, offset: Fixed = B8) -> Case:
    return Case(norm(shape[-1], x, scale, offset), (Spec(shape, x),), pixels)


def of(*scale: int) -> Case:
    """These very scales, on a 2×3 image."""
    op = BatchNorm(S6, np.array(scale), SCALE, draw(B8, len(scale)), B8)
    return Case(op, (Spec((2, 3, len(scale)), S6),))


class TestBatchNorm(OperatorContract):
    cases: ClassVar = {
        "an image, 3 channels": case((3, 4, 3)),
        "1 channel, unsigned": case((3, 4, 1), x=U8),
        "a vector": case((5,)),
        "a vector of one": case((1,)),
        "a sequence": case((1, 7, 2)),
        "1×1": case((1, 1, 3)),
        "scales 0, 1 and both ends": of(0, 1, SCALE.raw_min, SCALE.raw_max),
        "no scale at all": of(0, 0),
        "24 bits": case((2, 3, 3), scale=Fixed(True, 2, 21)),
        "more than 32 bits": case((2, 3, 2), x=Fixed(True, 9, 8), scale=Fixed(True, 2, 21)),
        "a finer offset": case((2, 3, 3), offset=Fixed(True, 0, 16)),
        "a coarser offset": case((2, 3, 3), offset=Fixed(True, 6, -2)),
        "one bit": case((2, 3, 3), x=Fixed(False, 1, 0), scale=Fixed(False, 1, 0)),
        "negative integer part": case((2, 3, 3), x=Fixed(False, -2, 10), scale=Fixed(False, -3, 9)),
        "4 pixels, width no multiple": case((3, 10, 3), 4),
        "4 pixels, width 3": case((3, 3, 2), 4),
        "4 pixels, a vector": case((7,), 4),
    }
    bad: ClassVar = {
        "offsets of another length": (
            lambda: BatchNorm(S6, draw(SCALE, 3), SCALE, draw(B8, 2), B8),
            "offset has shape",
        ),
        "a scale too large": (
            lambda: BatchNorm(S6, np.array([300]), SCALE, np.array([0]), B8),
            r"scale holds raw 300\.\.300",
        ),
        "channels that do not fit": (lambda: norm(3).infer(Spec((4, 4, 2), S6)), "2 channels, the scale 3"),
        "another type": (lambda: norm(3).infer(Spec((4, 4, 3), U8)), "put a linear activation before it"),
    }

    def float_result(self, op: BatchNorm, *x_float: Real) -> Real:
        return x_float[0] * real(op.scale, op.scale_type) + real(op.offset, op.offset_type)
