"""The operator contract (contract.py) for zero padding's numbers.

Each side alone, all of them, more than a beat, more than the image.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from contract import OperatorContract
from definitions import Real
from hardware import Case

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.average_pool2d import AveragePool2D
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.crop import Crop
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.max_pool2d import MaxPool2D
from bitsmith.sim.ops.zero_padding2d import ZeroPadding2D
from bitsmith.sim.params import NO_PADDING

S8, S5, U8 = Fixed(True, 3, 4), Fixed(True, 1, 3), Fixed(False, 0, 8)


def case(shape: Shape, rows: tuple[int, int], columns: tuple[int, int], pixels: int = 1, type_: Fixed = S8) -> Case:
    return Case(ZeroPadding2D(type_, (rows, columns)), (Spec(shape, type_),), pixels)


def behind(op: Any, pixels: int = 1) -> Case:
    """Zeros 2, 1 above and below and 3, 2 at the sides, in front of another operator."""
    return Case(ZeroPadding2D(S8, ((2, 1), (3, 2))), (Spec((3, 5, 2), S8),), pixels, after=(op,))


def sides(pixels: int) -> dict[str, Case]:
    """Every shift of the lanes, widths that are a multiple of them and not."""
    cases = {}
    for left in range(pixels + 1):
        for width in (2 * pixels, 2 * pixels + 1):
            cases[f"{pixels} pixels, {left} left of {width}"] = case((2, width, 1), (1, 0), (left, left % 3), pixels)
    return cases


def behind_cut(pixels: int) -> dict[str, Case]:
    """Lanes behind a row's end that are no zeros: what was cut off there still stands in them."""
    cases = {}
    for left in range(pixels + 1):
        cut, op = Crop(S8, (0, 2), (0, pixels + 1), (0, 1)), ZeroPadding2D(S8, ((0, 1), (left, pixels)))
        cases[f"{pixels} pixels, {left} left of what was cut"] = Case(
            op, (Spec((2, 2 * pixels, 1), S8),), pixels, before=(cut,)
        )
    return cases


class TestZeroPadding2D(OperatorContract):
    cases: ClassVar = {
        "one all around": case((3, 5, 2), (1, 1), (1, 1)),
        "above": case((3, 5, 2), (2, 0), (0, 0)),
        "below": case((3, 5, 2), (0, 2), (0, 0)),
        "left": case((3, 5, 2), (0, 0), (2, 0)),
        "right": case((3, 5, 2), (0, 0), (0, 2)),
        "lopsided": case((3, 4, 3), (1, 2), (3, 4)),
        "nothing": case((3, 4, 2), (0, 0), (0, 0)),
        "more than the image": case((2, 2, 1), (3, 4), (5, 3)),
        "one pixel": case((1, 1, 2), (1, 2), (2, 1)),
        "a sequence": case((1, 6, 2), (0, 0), (2, 1)),
        "one bit": case((3, 3, 2), (1, 0), (0, 1), type_=Fixed(False, 1, 0)),
        "wide": case((2, 3, 2), (1, 1), (1, 2), type_=Fixed(True, 20, 20)),
        **sides(2),
        **sides(4),
        **behind_cut(2),
        **behind_cut(4),
        "4 pixels, above and below": case((3, 9, 2), (2, 1), (0, 0), 4),
        "4 pixels, two beats left": case((2, 5, 2), (1, 1), (8, 0), 4),
        "4 pixels, two and a half beats left": case((2, 5, 2), (1, 1), (10, 3), 4),
        "4 pixels, beats right": case((2, 5, 2), (0, 1), (1, 11), 4),
        "4 pixels, width 3": case((2, 3, 2), (1, 1), (1, 1), 4),
        "8 pixels": case((2, 13, 1), (1, 1), (3, 2), 8),
        "16 pixels": case((2, 21, 1), (1, 1), (5, 12), 16),
        "twice": behind(ZeroPadding2D(S8, ((0, 1), (1, 0)))),
        "before a maximum": behind(MaxPool2D(S8, (2, 2), (2, 2))),
        "before a mean": behind(AveragePool2D(S8, (2, 2), (2, 2), NO_PADDING, S8)),
        "before a small convolution": behind(
            Conv2D(S8, np.arange(4).reshape(1, 1, 2, 2) - 1, S8, np.array([5, -3]), S8), 2
        ),
        "as a vector": behind(Flatten(S8, (120,))),
        "between activations": Case(
            ZeroPadding2D(S5, ((1, 0), (2, 1))),
            (Spec((3, 4, 2), S8),),
            before=(Activation(S8, Kind.LINEAR, S5),),
            after=(Activation(S5, Kind.RELU, Fixed(False, 1, 2)),),
        ),
    }
    bad: ClassVar = {
        "a negative number": (lambda: ZeroPadding2D(S8, ((0, -1), (0, 0))), "none negative"),
        "one number": (lambda: ZeroPadding2D(S8, 1), "give \\(\\(top, bottom\\)"),  # type: ignore[arg-type]
        "a vector": (lambda: ZeroPadding2D(S8, ((1, 1), (1, 1))).infer(Spec((4,), S8)), "expected 3 axes"),
    }

    def float_result(self, op: ZeroPadding2D, *x_float: Real) -> Real:
        """Zeros, and the image in its place."""
        batch, height, width, channels = x_float[0].shape
        (top, bottom), (left, right) = op.padding
        y = np.zeros((batch, top + height + bottom, left + width + right, channels))
        y[:, top : top + height, left : left + width] = x_float[0]
        return y
