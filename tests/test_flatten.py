"""The operator contract (contract.py) for reshapes: free where only a name changes, beats moved where more does."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from contract import OperatorContract
from definitions import Real
from hardware import Case, draw

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Operator, Shape, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.global_max_pool2d import GlobalMaxPool2D

S6 = Fixed(True, 2, 3)


def case(before: Shape, after: Shape, pixels: int = 1, *then: Operator) -> Case:
    return Case(Flatten(S6, after), (Spec(before, S6),), pixels, after=then)


def dense(inputs: int) -> Dense:
    return Dense(S6, draw(S6, inputs, 3), S6, draw(S6, 3), S6)


def conv(channels: int) -> Conv2D:
    return Conv2D(S6, draw(S6, 2, 2, channels, 2), S6, draw(S6, 2), S6)


RELU = Activation(S6, Kind.RELU, S6)


class TestFlatten(OperatorContract):
    cases: ClassVar = {
        "an image, as an output": case((3, 4, 2), (24,)),
        "1 channel": case((3, 4, 1), (12,)),
        "1×1": case((1, 1, 5), (5,)),
        "a single value": case((1, 1, 1), (1,)),
        "a sequence": case((1, 6, 2), (12,)),
        "into dense": case((3, 4, 2), (24,), 1, dense(24)),
        "into an activation": case((3, 4, 2), (24,), 1, RELU),
        "a vector into an image": case((24,), (3, 4, 2)),
        "a vector into an image and a convolution": case((24,), (3, 4, 2), 1, conv(2)),
        "an image into another": case((3, 4, 2), (2, 6, 2)),
        "rows into channels": case((2, 3, 4), (1, 1, 24)),
        "an image into another, and pooled": case((3, 4, 2), (4, 2, 3), 1, GlobalMaxPool2D(S6)),
        "the same shape": case((3, 4, 2), (3, 4, 2)),
        "a vector as it was": case((6,), (6,)),
        "there and back": case((3, 4, 2), (24,), 1, Flatten(S6, (4, 3, 2))),
        "4 pixels, width no multiple": case((3, 5, 2), (30,), 4),
        "4 pixels, into dense": case((3, 5, 2), (30,), 4, dense(30)),
        "4 pixels, a vector into an image": case((30,), (3, 5, 2), 4),
        "4 pixels, an image into another": case((3, 5, 2), (5, 3, 2), 4, conv(2)),
    }
    bad: ClassVar = {
        "another number of values": (lambda: Flatten(S6, (23,)).infer(Spec((3, 4, 2), S6)), "24 values"),
        "a size of 0": (lambda: Flatten(S6, (0, 4)), "at least one positive size"),
        "no size": (lambda: Flatten(S6, ()), "at least one positive size"),
    }

    def float_result(self, op: Flatten, *x_float: Real) -> Real:
        """Row by row, the channel fastest."""
        return np.stack([np.array(list(frame.flat)).reshape(op.shape) for frame in x_float[0]])
