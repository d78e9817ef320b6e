"""The operator contract (contract.py) for a sequence's reversal."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from contract import OperatorContract
from definitions import Real
from hardware import Case

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.reverse import Reverse

S8, S5 = Fixed(True, 3, 4), Fixed(True, 1, 3)


def case(steps: int, channels: int, type_: Fixed = S8, pixels: int = 1) -> Case:
    return Case(Reverse(type_), (Spec((1, steps, channels), type_),), pixels)


class TestReverse(OperatorContract):
    cases: ClassVar = {
        "5 steps, 3 channels": case(5, 3),
        "8 steps, 1 channel": case(8, 1),
        "2 steps": case(2, 2),
        "1 step": case(1, 4),
        "one bit": case(5, 2, Fixed(False, 1, 0)),
        "wide": case(3, 2, Fixed(True, 20, 20)),
        "twice": Case(Reverse(S8), (Spec((1, 5, 2), S8),), after=(Reverse(S8),)),
        "behind an activation": Case(Reverse(S5), (Spec((1, 4, 2), S8),), before=(Activation(S8, Kind.LINEAR, S5),)),
    }
    bad: ClassVar = {
        "an image": (lambda: Reverse(S8).infer(Spec((2, 3, 1), S8)), r"expected \(1, steps, channels\)"),
        "a vector": (lambda: Reverse(S8).infer(Spec((3,), S8)), "reverse: "),
    }

    def float_result(self, op: Reverse, *x_float: Real) -> Real:
        steps = x_float[0].shape[2]
        return np.stack([x_float[0][:, :, steps - 1 - t] for t in range(steps)], axis=2)

    def test_float_bound(self, name: str) -> None:
        """Reversed twice, nothing is changed; else by the definition."""
        super().test_float_bound(name)
        op, (spec,) = self.cases[name].op, self.cases[name].operator_inputs
        x = np.arange(2 * np.prod(spec.shape)).reshape(2, *spec.shape)
        np.testing.assert_array_equal(op.compute(op.compute(x)), x)


def test_interleaved_sequences() -> None:
    """The steps are the rows; the sequences keep their places."""
    x = np.arange(2 * 4 * 3 * 2).reshape(2, 4, 3, 2)
    op = Reverse(S8, interleaved=True)
    assert op.infer(Spec((4, 3, 2), S8)).shape == (4, 3, 2)
    np.testing.assert_array_equal(op.compute(x), np.stack([x[:, 3], x[:, 2], x[:, 1], x[:, 0]], axis=1))
