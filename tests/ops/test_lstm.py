"""The operator contract (contract.py) for LSTM's parameters.

Every tensor inside rounded or exact, both states in, the cell out.
"""

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
    U8,
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
from bitsmith.sim.interval import exact_product, exact_sum
from bitsmith.sim.ops.lstm import LSTM
from bitsmith.sim.ranges import accumulator
from bitsmith.sim.recurrent import BIT

GATE, CANDIDATE, CELL = Fixed(False, 1, 7), Fixed(True, 1, 6), Cast(Fixed(True, 2, 7))


def lstm(
    units: int = 3,
    functions: tuple[str, str] = ("hard_sigmoid", "hard_tanh"),
    gate_input: Cast | None = TO_S8,
    candidate_input: Cast | None = TO_S8,
    x: Fixed = S12,
    kernel_type: Fixed = KERNEL,
    state: Cast = STATE,
    cell: Cast = CELL,
    gate: Fixed = GATE,
    candidate: Fixed = CANDIDATE,
    cell_output: Fixed = CANDIDATE,
    **more: Any,
) -> LSTM:
    """An LSTM with random weights, its functions made for what comes to them."""
    weights = kernel(units, 4, kernel_type)
    zeros = np.zeros(4 * units, dtype=np.int64)
    sum = exact_sum(x, accumulator("lstm", state.type, weights, kernel_type, zeros, BIT).type)
    new_cell = exact_sum(exact_product(gate, cell.type), exact_product(gate, candidate))
    return LSTM(
        input_type=x,
        recurrent_kernel=weights,
        recurrent_kernel_type=kernel_type,
        state=state,
        cell=cell,
        recurrent_activation=function(functions[0], cast_type(sum, gate_input), gate),
        activation=function(functions[1], cast_type(sum, candidate_input), candidate),
        cell_activation=function(functions[1], new_cell, cell_output),
        gate_input=gate_input,
        candidate_input=candidate_input,
        **more,
    )


def case(steps: int = 5, **options: Any) -> Case:
    op = lstm(**options)
    return Case(op, specs(op, steps))


def step(op: LSTM, x: Real, states: tuple[Real, ...]) -> tuple[Real, tuple[Real, ...]]:
    """Keras's equations; x is already ``x @ kernel + bias``."""
    h, c = states
    x_i, x_f, x_c, x_o = np.split(x, 4, axis=-1)
    u_i, u_f, u_c, u_o = np.split(real(op.recurrent_kernel, op.recurrent_kernel_type), 4, axis=1)
    i = activated(op.recurrent_activation, rounded_by(op.gate_input, x_i + h @ u_i))
    f = activated(op.recurrent_activation, rounded_by(op.gate_input, x_f + h @ u_f))
    o = activated(op.recurrent_activation, rounded_by(op.gate_input, x_o + h @ u_o))
    c = f * c + i * activated(op.activation, rounded_by(op.candidate_input, x_c + h @ u_c))
    h = o * activated(op.cell_activation, c)
    y = np.concatenate([h, c], axis=-1) if op.with_cell else h
    return y, (rounded_by(op.state, h), rounded_by(op.cell, c))


class TestLSTM(OperatorContract):
    cases: ClassVar = {
        "hard": case(),
        "tables": case(functions=("sigmoid", "tanh"), gate=U8),
        "relu": case(functions=("hard_sigmoid", "relu"), candidate=Fixed(False, 2, 4), cell_output=Fixed(False, 3, 3)),
        "signed gates": case(functions=("linear", "hard_tanh"), gate=Fixed(True, 1, 4)),
        "gate input exact": case(gate_input=None),
        "candidate input exact": case(candidate_input=None),
        "all exact, tables": case(gate_input=None, candidate_input=None, functions=("sigmoid", "tanh")),
        "every type another": case(
            x=Fixed(True, 4, 6),
            kernel_type=Fixed(True, 1, 2),
            state=Cast(Fixed(True, 1, 8), Rounding.RND, Overflow.SAT_SYM),
            cell=Cast(Fixed(True, 1, 10), Rounding.RND_ZERO),
            gate_input=Cast(S8, Rounding.TRN),
            candidate_input=Cast(S5),
        ),
        "states that wrap": case(
            state=Cast(S5, Rounding.TRN, Overflow.WRAP), cell=Cast(S5, Rounding.RND, Overflow.WRAP)
        ),
        "initial states": case(initial_type=STATE.type),
        "initial states, finer": case(initial_type=Fixed(True, 2, 9)),
        "with the cell": case(with_cell=True),
        "with the cell, last step": case(with_cell=True, return_sequences=False, initial_type=STATE.type),
        "last step": case(return_sequences=False),
        "one step": case(steps=1),
        "one unit": case(units=1),
        "8 units": case(units=8, functions=("sigmoid", "tanh")),
    }
    bad: ClassVar = {
        "a kernel of three gates": (
            lambda: replace(lstm(), recurrent_kernel=kernel(3, 3, KERNEL)),
            r"give \(units, 4 \* units\)",
        ),
        "gates of another type": (lambda: replace(lstm(), gate_input=Cast(S12)), "the activation of gates takes"),
        "a candidate of another type": (
            lambda: replace(lstm(), candidate_input=None),
            "the activation of candidate takes",
        ),
        "a cell of another type": (lambda: replace(lstm(), cell=Cast(S12)), "the activation of cell_output takes"),
        "one initial state": (
            lambda: lstm(initial_type=S8).infer(*specs(lstm(initial_type=S8), 5)[:2]),
            "lstm: ",
        ),
    }

    def float_result(self, op: LSTM, *x_float: Real) -> Real:
        return over_steps(op, step, *x_float)


INTERLEAVED = {
    "hard": lstm(interleaved=True),
    "tables, initial states": lstm(interleaved=True, functions=("sigmoid", "tanh"), initial_type=Fixed(True, 2, 9)),
    "with the cell, last step": lstm(interleaved=True, with_cell=True, return_sequences=False),
}


@pytest.mark.parametrize("name", INTERLEAVED)
def test_interleaved_sequences(name: str) -> None:
    check_interleaved(INTERLEAVED[name], step)
