"""The operator contract (contract.py) for the simple recurrent layer's parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from definitions import Real, real
from hardware import Case
from recurrences import (
    KERNEL,
    S5,
    S8,
    S12,
    STATE,
    TO_S8,
    activated,
    check_interleaved,
    function,
    kernel,
    over_steps,
    rounded_by,
    specs,
)

from bitsmith.sim.cast import Cast, cast_type
from bitsmith.sim.fixed import Fixed, Overflow, Rounding
from bitsmith.sim.interval import exact_sum
from bitsmith.sim.ops.simple_rnn import SimpleRNN
from bitsmith.sim.ranges import accumulator
from bitsmith.sim.recurrent import BIT

OUTPUT = Fixed(True, 1, 6)


def simple_rnn(
    units: int = 3,
    kind: str = "hard_tanh",
    gate_input: Cast | None = TO_S8,
    x: Fixed = S12,
    kernel_type: Fixed = KERNEL,
    state: Cast = STATE,
    output: Fixed = OUTPUT,
    **more: Any,
) -> SimpleRNN:
    """One with random weights, its function made for what comes to it."""
    weights, zeros = kernel(units, 1, kernel_type), np.zeros(units, dtype=np.int64)
    sum = exact_sum(x, accumulator("simple_rnn", state.type, weights, kernel_type, zeros, BIT).type)
    return SimpleRNN(
        input_type=x,
        recurrent_kernel=weights,
        recurrent_kernel_type=kernel_type,
        state=state,
        activation=function(kind, cast_type(sum, gate_input), output),
        gate_input=gate_input,
        **more,
    )


def case(steps: int = 5, **options: Any) -> Case:
    op = simple_rnn(**options)
    return Case(op, specs(op, steps))


def step(op: SimpleRNN, x: Real, states: tuple[Real, ...]) -> tuple[Real, tuple[Real, ...]]:
    """Keras's equation; x is already ``x @ kernel + bias``."""
    total = x + states[0] @ real(op.recurrent_kernel, op.recurrent_kernel_type)
    y = activated(op.activation, rounded_by(op.gate_input, total))
    return y, (rounded_by(op.state, y),)


class TestSimpleRNN(OperatorContract):
    cases: ClassVar = {
        "hard tanh": case(),
        "tanh": case(kind="tanh"),
        "tanh of the exact sum": case(kind="tanh", gate_input=None),
        "relu": case(kind="relu", output=Fixed(False, 2, 4)),
        "relu of the exact sum": case(kind="relu", gate_input=None, output=Fixed(True, 3, 8)),
        "linear": case(kind="linear", gate_input=Cast(S5, Rounding.TRN, Overflow.WRAP)),
        "every type another": case(
            x=Fixed(True, 4, 6),
            kernel_type=Fixed(True, 1, 2),
            state=Cast(Fixed(True, 0, 4), Rounding.RND, Overflow.SAT_SYM),
            gate_input=Cast(S8, Rounding.TRN),
            output=Fixed(True, 1, 9),
        ),
        "initial state": case(initial_type=STATE.type),
        "initial state, finer": case(initial_type=Fixed(True, 2, 9)),
        "last step": case(return_sequences=False),
        "one step": case(steps=1),
        "one unit": case(units=1),
        "8 units": case(units=8, kind="tanh"),
    }
    bad: ClassVar = {
        "a kernel of two gates": (
            lambda: replace(simple_rnn(), recurrent_kernel=kernel(3, 2, KERNEL)),
            r"give \(units, 1 \* units\)",
        ),
        "a function of another type": (
            lambda: replace(simple_rnn(), gate_input=Cast(S12)),
            "the activation of output takes",
        ),
        "gate inputs of two gates": (
            lambda: simple_rnn().infer(specs(simple_rnn(6), 5)[0]),
            r"expected \(1, steps, 3\)",
        ),
    }

    def float_result(self, op: SimpleRNN, *x_float: Real) -> Real:
        return over_steps(op, step, *x_float)


INTERLEAVED = {
    "tanh": simple_rnn(interleaved=True, kind="tanh"),
    "initial state, last step": simple_rnn(interleaved=True, initial_type=Fixed(True, 2, 9), return_sequences=False),
}


@pytest.mark.parametrize("name", INTERLEAVED)
def test_interleaved_sequences(name: str) -> None:
    check_interleaved(INTERLEAVED[name], step)
