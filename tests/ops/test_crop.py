"""The operator contract (contract.py) for cropping's parameters.

Rows, columns, channels, the last step of a sequence.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from contract import OperatorContract
from definitions import Real
from hardware import Case

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.crop import Crop
from bitsmith.sim.ops.flatten import Flatten

S8, S5 = Fixed(True, 3, 4), Fixed(True, 1, 3)
Part = tuple[int, int]


def case(shape: Shape, rows: Part, columns: Part, channels: Part, pixels: int = 1, type_: Fixed = S8) -> Case:
    return Case(Crop(type_, rows, columns, channels), (Spec(shape, type_),), pixels)


def sides(pixels: int) -> dict[str, Case]:
    """Every shift of the lanes, with nothing and with something cut from the right."""
    parts = [(left, 13 - right) for left in range(1, pixels + 2) for right in (0, 2, 3)]
    return {f"{pixels} pixels, {a} to {b} of 13": case((2, 13, 1), (0, 2), (a, b), (0, 1), pixels) for a, b in parts}


class TestCrop(OperatorContract):
    cases: ClassVar = {
        "the whole": case((4, 5, 3), (0, 4), (0, 5), (0, 3)),
        "rows": case((4, 5, 3), (1, 3), (0, 5), (0, 3)),
        "columns": case((4, 5, 3), (0, 4), (2, 4), (0, 3)),
        "channels": case((4, 5, 3), (0, 4), (0, 5), (1, 2)),
        "all three": case((4, 5, 3), (1, 3), (2, 5), (1, 3)),
        "one value": case((4, 5, 3), (3, 4), (4, 5), (2, 3)),
        "the first value": case((4, 5, 3), (0, 1), (0, 1), (0, 1)),
        "the last step": case((1, 6, 4), (0, 1), (5, 6), (0, 4)),
        "an LSTM's cell": case((1, 6, 8), (0, 1), (5, 6), (4, 8)),
        "one bit": case((3, 3, 2), (1, 3), (0, 2), (0, 1), type_=Fixed(False, 1, 0)),
        "wide": case((3, 3, 2), (0, 2), (1, 3), (1, 2), type_=Fixed(True, 20, 20)),
        "2 pixels": case((3, 9, 2), (0, 2), (1, 8), (0, 2), 2),
        **sides(4),
        "4 pixels, rows": case((4, 9, 2), (1, 3), (0, 9), (0, 2), 4),
        "4 pixels, channels": case((3, 9, 3), (0, 3), (0, 9), (1, 3), 4),
        "4 pixels, all three": case((5, 11, 3), (2, 4), (3, 10), (0, 2), 4),
        "4 pixels, the last column": case((3, 9, 2), (0, 3), (8, 9), (0, 2), 4),
        "4 pixels, the last value": case((3, 8, 2), (2, 3), (7, 8), (1, 2), 4),
        "4 pixels, width 3": case((3, 3, 2), (0, 2), (1, 3), (0, 2), 4),
        "8 pixels": case((3, 19, 1), (1, 3), (3, 17), (0, 1), 8),
        "16 pixels": case((3, 40, 1), (0, 2), (5, 38), (0, 1), 16),
        "4 pixels, before a convolution": Case(
            Crop(S8, (1, 4), (2, 9), (0, 2)),
            (Spec((4, 10, 2), S8),),
            4,
            after=(Conv2D(S8, np.arange(8).reshape(2, 2, 2, 1) - 3, S8, np.array([5]), S8),),
        ),
        "the last step as a vector": Case(
            Crop(S8, (0, 1), (4, 5), (0, 3)), (Spec((1, 5, 3), S8),), after=(Flatten(S8, (3,)),)
        ),
        "between activations": Case(
            Crop(S5, (1, 3), (1, 3), (0, 2)),
            (Spec((3, 4, 2), S8),),
            before=(Activation(S8, Kind.LINEAR, S5),),
            after=(Activation(S5, Kind.RELU, Fixed(False, 1, 2)),),
        ),
    }
    bad: ClassVar = {
        "nothing": (lambda: Crop(S8, (2, 2), (0, 1), (0, 1)), "rows from 2 to 2 holds nothing"),
        "a negative place": (lambda: Crop(S8, (0, 1), (-1, 1), (0, 1)), "integers of at least 0"),
        "too many channels": (
            lambda: Crop(S8, (0, 1), (0, 1), (1, 4)).infer(Spec((2, 2, 3), S8)),
            "channels end at 4, the input",
        ),
    }

    def float_result(self, op: Crop, *x_float: Real) -> Real:
        """Place by place."""
        parts = [range(*part) for part in (op.rows, op.columns, op.channels)]
        y = np.empty((len(x_float[0]), *(len(part) for part in parts)))
        for r, row in enumerate(parts[0]):
            for c, column in enumerate(parts[1]):
                for k, channel in enumerate(parts[2]):
                    y[:, r, c, k] = x_float[0][:, row, column, channel]
        return y
