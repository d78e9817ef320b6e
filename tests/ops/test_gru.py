"""The operator contract (contract.py) for GRU's parameters.

Both forms, every tensor inside rounded or exact, states in, last step only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from definitions import Real, real
from hardware import Case, draw
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
from bitsmith.sim.ops.gru import GRU
from bitsmith.sim.ranges import accumulator
from bitsmith.sim.recurrent import BIT

GATE, CANDIDATE = Fixed(False, 1, 7), Fixed(True, 1, 6)


def gru(
    units: int = 3,
    functions: tuple[str, str] = ("hard_sigmoid", "hard_tanh"),
    gate_input: Cast | None = TO_S8,
    candidate_input: Cast | None = TO_S8,
    x: Fixed = S12,
    kernel_type: Fixed = KERNEL,
    bias_type: Fixed = S8,
    state: Cast = STATE,
    reset_after: bool = True,
    gate: Fixed = GATE,
    candidate: Fixed = CANDIDATE,
    use_bias: bool = True,
    **more: Any,
) -> GRU:
    """A GRU with random weights, its functions made for what comes to them."""
    weights = kernel(units, 3, kernel_type)
    bias = draw(bias_type, 3 * units) * int(reset_after and use_bias)
    product = accumulator("gru", state.type, weights, kernel_type, bias, bias_type).type
    reset = exact_product(gate, product if reset_after else state.type)
    inner = cast_type(reset, more.get("reset_product"))
    if not reset_after:
        zeros = draw(BIT, units) * 0
        inner = accumulator("gru", inner, weights[:, 2 * units :], kernel_type, zeros, BIT).type
    return GRU(
        input_type=x,
        recurrent_kernel=weights,
        recurrent_kernel_type=kernel_type,
        state=state,
        recurrent_bias=bias,
        recurrent_bias_type=bias_type,
        recurrent_activation=function(functions[0], cast_type(exact_sum(x, product), gate_input), gate),
        activation=function(functions[1], cast_type(exact_sum(x, inner), candidate_input), candidate),
        gate_input=gate_input,
        candidate_input=candidate_input,
        reset_after=reset_after,
        **more,
    )


def case(steps: int = 5, **options: Any) -> Case:
    op = gru(**options)
    return Case(op, specs(op, steps))


def step(op: GRU, x: Real, states: tuple[Real, ...]) -> tuple[Real, tuple[Real, ...]]:
    """Keras's equations; x is already ``x @ kernel + bias``."""
    (h,) = states
    weights, bias = real(op.recurrent_kernel, op.recurrent_kernel_type), real(op.recurrent_bias, op.recurrent_bias_type)
    x_z, x_r, x_h = np.split(x, 3, axis=-1)
    (u_z, u_r, u_h), (b_z, b_r, b_h) = np.split(weights, 3, axis=1), np.split(bias, 3)
    z = activated(op.recurrent_activation, rounded_by(op.gate_input, x_z + (h @ u_z + b_z)))
    r = activated(op.recurrent_activation, rounded_by(op.gate_input, x_r + (h @ u_r + b_r)))
    if op.reset_after:
        inner = rounded_by(op.reset_product, r * (h @ u_h + b_h))
    else:
        inner = rounded_by(op.reset_product, r * h) @ u_h
    candidate = activated(op.activation, rounded_by(op.candidate_input, x_h + inner))
    y = z * h + (1 - z) * candidate
    return y, (rounded_by(op.state, y),)


TRN8, WRAP = Cast(S8, Rounding.TRN, Overflow.SAT), Cast(Fixed(True, 1, 5), Rounding.RND_CONV, Overflow.WRAP)
BEFORE: dict[str, Any] = {"reset_after": False}


class TestGRU(OperatorContract):
    cases: ClassVar = {
        "hard": case(),
        "hard, reset before": case(**BEFORE),
        "tables": case(functions=("sigmoid", "tanh"), gate=U8),
        "tables, reset before": case(functions=("sigmoid", "tanh"), gate=U8, **BEFORE),
        "relu": case(functions=("hard_sigmoid", "relu"), candidate=Fixed(False, 2, 4)),
        "gates above one": case(functions=("relu", "linear"), gate=Fixed(False, 2, 3)),
        "signed gates": case(functions=("linear", "hard_tanh"), gate=Fixed(True, 1, 4)),
        "gate input exact": case(gate_input=None),
        "candidate input exact": case(candidate_input=None, **BEFORE),
        "all exact, tables": case(gate_input=None, candidate_input=None, functions=("sigmoid", "tanh")),
        "reset product rounded": case(reset_product=Cast(S5)),
        "reset product rounded, reset before": case(reset_product=Cast(S5), **BEFORE),
        "every type another": case(
            x=Fixed(True, 4, 6),
            kernel_type=Fixed(True, 1, 2),
            bias_type=Fixed(True, 0, 11),
            state=Cast(Fixed(True, 1, 8), Rounding.RND, Overflow.SAT_SYM),
            gate_input=TRN8,
            candidate_input=Cast(S5),
            reset_product=Cast(Fixed(True, 2, 7), Rounding.RND_ZERO),
        ),
        "modes that wrap": case(gate_input=WRAP, candidate_input=WRAP, state=Cast(S5, Rounding.TRN, Overflow.WRAP)),
        "ternary kernel, wide state": case(kernel_type=Fixed(True, 1, 0), state=Cast(Fixed(True, 0, 15))),
        "unsigned kernel": case(kernel_type=Fixed(False, 0, 4), **BEFORE),
        "no bias": case(use_bias=False),
        "initial state": case(initial_type=STATE.type),
        "initial state, finer": case(initial_type=Fixed(True, 2, 9), **BEFORE),
        "initial state, coarser": case(initial_type=Fixed(False, 1, 2)),
        "last step": case(return_sequences=False),
        "last step, initial state": case(return_sequences=False, initial_type=STATE.type, **BEFORE),
        "one step": case(steps=1),
        "one step, last only": case(steps=1, return_sequences=False, initial_type=STATE.type),
        "one unit": case(units=1),
        "one unit, reset before": case(units=1, **BEFORE),
        "8 units": case(units=8, functions=("sigmoid", "tanh")),
        "8 units, reset before": case(units=8, steps=2, **BEFORE),
    }
    bad: ClassVar = {
        "a kernel of two gates": (lambda: remade(recurrent_kernel=kernel(3, 2, KERNEL)), r"give \(units, 3 \* units\)"),
        "a bias too short": (lambda: remade(recurrent_bias=draw(S8, 3)), "give 3 \\* units"),
        "a bias without reset_after": (lambda: remade(recurrent_bias=draw(S8, 9), **BEFORE), "belongs to reset_after"),
        "gates of another type": (lambda: remade(gate_input=Cast(S12)), "the activation of gates takes"),
        "a candidate of another type": (lambda: remade(candidate_input=None), "the activation of candidate takes"),
        "gates without a unit": (lambda: gru(functions=("relu", "tanh"), gate=Fixed(False, 6, -1)), "no unit step"),
        "too wide": (
            lambda: gru(state=Cast(Fixed(True, 20, 20)), kernel_type=Fixed(True, 10, 18), functions=("relu", "relu")),
            "use narrower",
        ),
        "a state of another size": (
            lambda: gru(initial_type=S8).infer(specs(gru(), 5)[0], specs(gru(2, initial_type=S8), 5)[1]),
            "an initial state has shape",
        ),
        "an image": (lambda: gru().infer(specs(gru(interleaved=True), 5, 2)[0]), r"expected \(1, steps, 9\)"),
    }

    def float_result(self, op: GRU, *x_float: Real) -> Real:
        return over_steps(op, step, *x_float)


def remade(**changes: Any) -> GRU:
    """The plain GRU with fields that do not fit together."""
    return replace(gru(), **changes)


INTERLEAVED = {
    "hard": gru(interleaved=True),
    "tables, reset before": gru(interleaved=True, functions=("sigmoid", "tanh"), **BEFORE),
    "initial state": gru(interleaved=True, initial_type=Fixed(True, 2, 9)),
    "last step": gru(interleaved=True, return_sequences=False, initial_type=STATE.type),
}


@pytest.mark.parametrize("name", INTERLEAVED)
def test_interleaved_sequences(name: str) -> None:
    check_interleaved(INTERLEAVED[name], step)
