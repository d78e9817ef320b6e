"""The operator contract (contract.py) for RepeatVector's parameters."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from contract import OperatorContract
from definitions import Real
from hardware import Case

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.repeat_vector import RepeatVector

S8, S5 = Fixed(True, 3, 4), Fixed(True, 1, 3)


def case(channels: int, steps: int, type_: Fixed = S8, pixels: int = 1) -> Case:
    return Case(RepeatVector(type_, steps), (Spec((channels,), type_),), pixels)


class TestRepeatVector(OperatorContract):
    cases: ClassVar = {
        "3 channels, 5 steps": case(3, 5),
        "1 channel": case(1, 4),
        "1 step": case(3, 1),
        "1 of 1": case(1, 1),
        "13 channels, 2 steps": case(13, 2),
        "one bit": case(2, 3, Fixed(False, 1, 0)),
        "wide": case(2, 3, Fixed(True, 20, 20)),
        "behind an activation": Case(RepeatVector(S5, 4), (Spec((3,), S8),), before=(Activation(S8, Kind.LINEAR, S5),)),
        "before an activation": Case(
            RepeatVector(S8, 4), (Spec((3,), S8),), after=(Activation(S8, Kind.RELU, Fixed(False, 2, 2)),)
        ),
    }
    bad: ClassVar = {
        "no step": (lambda: RepeatVector(S8, 0), "give at least 1"),
        "an image": (lambda: RepeatVector(S8, 2).infer(Spec((1, 2, 3), S8)), "repeat_vector: "),
        "many steps to interleave": (
            lambda: RepeatVector(S8, 2, interleaved=True).infer(Spec((2, 2, 3), S8)),
            r"expected \(1, sequences, channels\)",
        ),
    }

    def float_result(self, op: RepeatVector, *x_float: Real) -> Real:
        y = np.empty((len(x_float[0]), 1, op.steps, x_float[0].shape[-1]))
        for t in range(op.steps):
            y[:, 0, t] = x_float[0]
        return y


def test_interleaved_sequences() -> None:
    """Each step holds the vectors of all sequences."""
    x = np.arange(2 * 3 * 2).reshape(2, 1, 3, 2)
    op = RepeatVector(S8, 4, interleaved=True)
    assert op.infer(Spec((1, 3, 2), S8)).shape == (4, 3, 2)
    np.testing.assert_array_equal(op.compute(x), np.concatenate([x, x, x, x], axis=1))
