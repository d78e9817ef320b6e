"""The operator contract (contract.py) for global average pooling's parameters."""

from __future__ import annotations

from typing import ClassVar

from contract import OperatorContract
from definitions import Real, quantized
from hardware import Case

from bitsmith.sim.fixed import Fixed, Overflow, Rounding
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.global_average_pool2d import GlobalAveragePool2D

S6, U8, S8 = Fixed(True, 2, 3), Fixed(False, 0, 8), Fixed(True, 3, 4)


def case(shape: Shape, x: Fixed = S6, y: Fixed = S8, pixels: int = 1) -> Case:
    return Case(GlobalAveragePool2D(x, y), (Spec(shape, x),), pixels)


def mode(rounding: Rounding, overflow: Overflow = Overflow.SAT) -> Case:
    """A mean of 6 to two bits less."""
    return Case(GlobalAveragePool2D(S8, Fixed(True, 2, 2), rounding, overflow), (Spec((2, 3, 5), S8),))


class TestGlobalAveragePool2D(OperatorContract):
    cases: ClassVar = {
        "odd sizes": case((5, 7, 3)),
        "1 channel, unsigned": case((3, 3, 1), U8, U8),
        "a power of two": case((4, 4, 2)),
        "1×1": case((1, 1, 3)),
        "1 row": case((1, 7, 2)),
        "1 column": case((6, 1, 2)),
        "one bit": case((3, 5, 2), Fixed(False, 1, 0), Fixed(False, 0, 4)),
        "finer": case((3, 5, 2), y=Fixed(True, 2, 12)),
        "negative integer part": case((3, 5, 2), Fixed(False, -2, 10), Fixed(False, -2, 8)),
        "30 bits": case((3, 3, 1), Fixed(True, 15, 14), Fixed(True, 15, 10)),
        **{rounding.value: mode(rounding) for rounding in Rounding},
        "WRAP": mode(Rounding.RND, Overflow.WRAP),
        "4 pixels, width no multiple": case((5, 7, 3), pixels=4),
        "4 pixels, width 3": case((3, 3, 2), pixels=4),
    }
    bad: ClassVar = {
        "a vector": (lambda: GlobalAveragePool2D(S6, S8).infer(Spec((5,), S6)), "expected 3 axes"),
        "a sum too wide": (
            lambda: GlobalAveragePool2D(Fixed(True, 50, 5), S8).infer(Spec((9, 9, 1), Fixed(True, 50, 5))),
            "more than 62 bits",
        ),
        "an unknown overflow": (
            lambda: GlobalAveragePool2D(S6, S8, overflow="CLIP"),  # type: ignore[arg-type]
            "overflow 'CLIP' is unknown",
        ),
    }

    def float_result(self, op: GlobalAveragePool2D, *x_float: Real) -> Real:
        frames, height, width, channels = x_float[0].shape
        total = x_float[0].reshape(frames, height * width, channels).sum(axis=1)
        return quantized(total / (height * width), op.output_type, op.rounding, op.overflow)
