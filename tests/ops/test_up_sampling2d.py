"""The operator contract (contract.py) for up-sampling's factors.

Rows, columns, both; widths that are no multiple of the lanes.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from definitions import Pair, Real
from hardware import Case

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.up_sampling2d import UpSampling2D

S8, S5 = Fixed(True, 3, 4), Fixed(True, 1, 3)


def case(shape: Shape, factors: Pair, pixels: int = 1, type_: Fixed = S8) -> Case:
    return Case(UpSampling2D(type_, factors), (Spec(shape, type_),), pixels)


def convolution(channels: int) -> Conv2D:
    """Three by three, the image's size kept."""
    kernel, bias = np.arange(9 * channels).reshape(3, 3, channels, 1) - 4, np.array([3])
    return Conv2D(S8, kernel, Fixed(True, 6, 0), bias, S8, padding=((1, 1), (1, 1)))


class TestUpSampling2D(OperatorContract):
    cases: ClassVar = {
        "2 by 2": case((3, 5, 3), (2, 2)),
        "rows": case((3, 5, 2), (3, 1)),
        "columns": case((3, 5, 2), (1, 3)),
        "3 by 2": case((2, 5, 2), (3, 2)),
        "2 by 5": case((4, 3, 1), (2, 5)),
        "1 by 1": case((3, 4, 2), (1, 1)),
        "one pixel": case((1, 1, 3), (3, 4)),
        "one column": case((4, 1, 2), (2, 3)),
        "a sequence": case((1, 6, 4), (1, 2)),
        "one bit": case((3, 4, 2), (2, 2), type_=Fixed(False, 1, 0)),
        "wide": case((2, 3, 2), (2, 2), type_=Fixed(True, 20, 20)),
        "2 pixels": case((3, 6, 2), (2, 2), 2),
        "2 pixels, width no multiple": case((3, 5, 2), (2, 3), 2),
        "4 pixels": case((3, 8, 2), (2, 2), 4),
        "4 pixels, width no multiple": case((3, 9, 2), (2, 2), 4),
        "4 pixels, 3 by 3": case((2, 10, 1), (3, 3), 4),
        "4 pixels, 2 by 5": case((2, 7, 1), (2, 5), 4),
        "4 pixels, rows": case((2, 7, 2), (3, 1), 4),
        "4 pixels, width 3": case((3, 3, 2), (2, 2), 4),
        "4 pixels, a sequence": case((1, 9, 2), (1, 3), 4),
        "8 pixels": case((2, 13, 1), (2, 3), 8),
        "16 pixels": case((2, 21, 1), (2, 3), 16),
        "16 pixels, one beat a row": case((3, 16, 1), (2, 2), 16),
        "twice": Case(UpSampling2D(S8, (2, 2)), (Spec((2, 3, 2), S8),), 2, after=(UpSampling2D(S8, (1, 2)),)),
        "between activations": Case(
            UpSampling2D(S5, (2, 3)),
            (Spec((3, 4, 2), S8),),
            before=(Activation(S8, Kind.LINEAR, S5),),
            after=(Activation(S5, Kind.RELU, Fixed(False, 1, 2)),),
        ),
        "before a convolution": Case(UpSampling2D(S8, (2, 2)), (Spec((3, 5, 2), S8),), 4, after=(convolution(2),)),
    }
    bad: ClassVar = {
        "factor 0": (lambda: UpSampling2D(S8, (2, 0)), "integers of at least 1"),
        "a vector": (lambda: UpSampling2D(S8, (2, 2)).infer(Spec((4,), S8)), "expected 3 axes"),
    }

    def float_result(self, op: UpSampling2D, *x_float: Real) -> Real:
        """Place by place."""
        batch, height, width, channels = x_float[0].shape
        y = np.empty((batch, height * op.factors[0], width * op.factors[1], channels))
        for r, c in np.ndindex(*y.shape[1:3]):
            y[:, r, c] = x_float[0][:, r // op.factors[0], c // op.factors[1]]
        return y


@pytest.mark.parametrize("shape", [(1, 2, 3, 1), (1, 3, 2, 2)])
def test_the_order_by_hand(shape: Shape) -> None:
    """hls4ml#517: rows and columns of an image that is not square, every value another."""
    x = np.arange(np.prod(shape)).reshape(shape)
    y = UpSampling2D(S8, (2, 1)).compute(x)
    assert [y[0, r].tolist() for r in range(4)] == [x[0, r].tolist() for r in (0, 0, 1, 1)]
    z = UpSampling2D(S8, (1, 2)).compute(x)
    assert [z[0, :, c].tolist() for c in range(4)] == [x[0, :, c].tolist() for c in (0, 0, 1, 1)]
