"""Keras's recurrent equations a second time, from their definition, on Python fractions: slow, and nothing overflows.

One sequence at a time. Rounding is ap_fixed's (UG1399) on exact rational numbers; tables are ``math``'s functions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from bitsmith.sim.cast import Cast
from bitsmith.sim.fixed import Fixed, IntArray, Overflow, Rounding
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.gru import GRU
from bitsmith.sim.ops.lstm import LSTM
from bitsmith.sim.ops.simple_rnn import SimpleRNN

Vector = list[Fraction]
HALF = Fraction(1, 2)


def nearest(value: Fraction, rounding: Rounding) -> int:
    """``value`` as an integer."""
    down, up = math.floor(value), math.ceil(value)
    if rounding is Rounding.TRN:
        return down
    if rounding is Rounding.TRN_ZERO:
        return math.trunc(value)
    if value - down != HALF:
        return math.floor(value + HALF)
    toward_zero, away = (down, up) if value > 0 else (up, down)
    ties = {Rounding.RND: up, Rounding.RND_MIN_INF: down, Rounding.RND_ZERO: toward_zero, Rounding.RND_INF: away}
    return ties.get(rounding, down if down % 2 == 0 else up)


def rounded(value: Fraction, type: Fixed, rounding: Rounding, overflow: Overflow) -> Fraction:
    """``value`` rounded to a type."""
    raw = nearest(value * Fraction(2) ** type.fraction, rounding)
    low, high = type.raw_min, type.raw_max
    if overflow is Overflow.WRAP:
        raw = (raw - low) % (1 << type.width) + low
    elif overflow is Overflow.SAT_ZERO:
        raw = raw if low <= raw <= high else 0
    else:
        if overflow is Overflow.SAT_SYM and type.signed:
            low = -max(high, 1)
        raw = min(max(raw, low), high)
    return real(raw, type)


def real(raw: int, type: Fixed) -> Fraction:
    return Fraction(int(raw)) / Fraction(2) ** type.fraction


def through(cast: Cast | None, values: Vector) -> Vector:
    if cast is None:
        return values
    return [rounded(value, cast.type, cast.rounding, cast.overflow) for value in values]


def activate(op: Activation, values: Vector) -> Vector:
    return [rounded(_function(op, value), op.output_type, op.rounding, op.overflow) for value in values]


def _function(op: Activation, x: Fraction) -> Fraction:
    if op.table_type is not None:
        at = float(rounded(x, op.table_type, Rounding.RND, Overflow.SAT))
        return Fraction(math.tanh(at) if op.function == "tanh" else 1 / (1 + math.exp(-at)))
    slope, offset = (Fraction(c.raw) / Fraction(2) ** c.fraction for c in (op.slope, op.offset))
    if op.kind is Kind.RELU:
        return max(x, Fraction(0))
    if op.kind is Kind.LEAKY_RELU:
        return x if x >= 0 else slope * x
    if op.kind is Kind.THRESHOLDED_RELU:
        return x if x >= offset else Fraction(0)
    if op.kind is Kind.ABSOLUTE:
        return abs(x)
    if op.kind is Kind.LINEAR:
        return x
    assert op.lower is not None
    assert op.upper is not None
    low, high = (Fraction(c.raw) / Fraction(2) ** c.fraction for c in (op.lower, op.upper))
    return min(max(slope * x + offset, low), high)


def sequence(op: Any, x: IntArray, *initial: IntArray) -> list[Vector]:
    """The outputs of every step, real, for raw gate inputs (steps, gates * units) and raw initial states (units,)."""
    step: Any = {"gru": _gru, "lstm": _lstm, "simple_rnn": _simple_rnn}[op.stem]
    states = [[Fraction(0)] * op.units for _ in op.states]
    if initial:
        given = ([real(value, op.initial_type) for value in state] for state in initial)
        states = [through(cast, values) for cast, values in zip(op.state_casts(), given)]
    outputs = []
    for gate_inputs in x:
        output, states = step(op, [real(value, op.input_type) for value in gate_inputs], states)
        outputs.append(output)
    return outputs


def _gate(op: Any, values: Sequence[Any], k: int) -> Any:
    return values[k * op.units : (k + 1) * op.units]


def _product(op: Any, h: Vector, k: int) -> Vector:
    """``h @ U`` of the gate k."""
    columns = _gate(op, op.recurrent_kernel.T.tolist(), k)
    return [sum((real(w, op.recurrent_kernel_type) * v for w, v in zip(column, h)), Fraction(0)) for column in columns]


def _add(*vectors: Vector) -> Vector:
    return [sum(values, Fraction(0)) for values in zip(*vectors)]


def _times(a: Vector, b: Vector) -> Vector:
    return [x * y for x, y in zip(a, b)]


def _gru(op: GRU, x: Vector, states: list[Vector]) -> tuple[Vector, list[Vector]]:
    (h,) = states
    bias = [real(b, op.recurrent_bias_type) for b in op.recurrent_bias]
    z, r = (
        activate(
            op.recurrent_activation,
            through(op.gate_input, _add(_gate(op, x, k), _product(op, h, k), _gate(op, bias, k))),
        )
        for k in (0, 1)
    )
    if op.reset_after:
        p = through(op.reset_product, _times(r, _add(_product(op, h, 2), _gate(op, bias, 2))))
    else:
        p = _product(op, through(op.reset_product, _times(r, h)), 2)
    c = activate(op.activation, through(op.candidate_input, _add(_gate(op, x, 2), p)))
    output = _add(_times(z, h), _times([1 - value for value in z], c))
    return output, [through(op.state, output)]


def _lstm(op: LSTM, x: Vector, states: list[Vector]) -> tuple[Vector, list[Vector]]:
    h, cell = states
    sums = [_add(_gate(op, x, k), _product(op, h, k)) for k in range(4)]
    i, f, o = (activate(op.recurrent_activation, through(op.gate_input, sums[k])) for k in (0, 1, 3))
    g = activate(op.activation, through(op.candidate_input, sums[2]))
    new_cell = _add(_times(f, cell), _times(i, g))
    output = _times(o, activate(op.cell_activation, new_cell))
    states = [through(op.state, output), through(op.cell, new_cell)]
    return output + (new_cell if op.with_cell else []), states


def _simple_rnn(op: SimpleRNN, x: Vector, states: list[Vector]) -> tuple[Vector, list[Vector]]:
    output = activate(op.activation, through(op.gate_input, _add(x, _product(op, states[0], 0))))
    return output, [through(op.state, output)]
