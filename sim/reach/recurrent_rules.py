"""Bounds inside of recurrent layers, channel by channel: the states are what steps can make of the first ones."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from ..cast import Cast
from ..fixed import Fixed
from ..op import Spec
from ..ops.activation import Activation
from ..ops.gru import GRU
from ..ops.lstm import LSTM
from ..ops.simple_rnn import SimpleRNN
from ..ranges import Accumulator
from ..recurrent import Recurrent
from .bound import Bound, rounded
from .rules import Found, Steps, activation, rule

ROUNDS = 32
"""States that have not settled by then are any values of their types."""
Step = Callable[[Any, Bound, list[Bound]], tuple["Bound | None", list[Bound], Steps]]
"""What comes out of a step, the states behind it, and what comes to its roundings, from its input and its states."""


def _part(x: Bound, first: int, last: int) -> Bound:
    return Bound(x.low[first:last], x.high[first:last], x.step[first:last])


def _shifted(x: Bound, source: Fixed, target: Fixed) -> Bound:
    up = target.fraction - source.fraction
    return Bound(x.low << up, x.high << up, x.step << up)


def _plus(a: Bound, b: Bound) -> Bound:
    return Bound(a.low + b.low, a.high + b.high, np.gcd(a.step, b.step))


def _corners(*factors: Bound) -> Bound:
    """The product of some."""
    ends = [np.prod(np.broadcast_arrays(*corner), axis=0) for corner in product(*((x.low, x.high) for x in factors))]
    return Bound.between(np.min(ends, axis=0), np.max(ends, axis=0))


def _accumulated(sums: Accumulator) -> Bound:
    """What products with values of any kind come to, on the grid of their shift."""
    low, high = np.array(sums.low), np.array(sums.high)
    return Bound(low, high, np.full(len(low), 1 << sums.product_shift))


def _products(op: Recurrent, h: Bound) -> Bound:
    """What the products with such a state come to, on the same grid; what is added to them is on one of its own."""
    sums, kernel = op.accumulator, op.recurrent_kernel
    bias = op.recurrent_bias << sums.bias_shift if isinstance(op, GRU) else np.zeros(kernel.shape[1], dtype=np.int64)
    ends = [kernel * np.broadcast_to(end, op.units)[:, np.newaxis] for end in (h.low, h.high)]
    low, high = ((end.sum(axis=0) << sums.product_shift) + bias for end in (np.minimum(*ends), np.maximum(*ends)))
    return Bound(low, high, np.where(low == high, 0, 1 << sums.product_shift))


def _gates(op: Recurrent, x: Bound, products: Bound) -> Bound:
    """The gate inputs and the product added up."""
    inputs = _shifted(x, op.input_type, op.gates_type)
    return _plus(inputs, _shifted(products, op.accumulator.type, op.gates_type))


def _cast(x: Bound, source: Fixed, to: Cast | None, steps: Steps) -> Bound:
    """Behind a cast that may not be there; it is a step where it is."""
    if to is None:
        return x
    steps.append(x)
    return rounded(x, source.fraction, to)


def _function(op: Activation, x: Bound, steps: Steps) -> Bound:
    found, inside = activation(op, [x], [])
    steps += inside
    return found if found is not None else Bound.of_type(op.output_type, len(x.low))


def _settled(op: Recurrent, x: Bound, step: Step) -> Found:
    """The step from states of which every step makes such as they are; the first are zeros, or what is given."""
    given: Steps = [] if op.initial_type is None else [Bound.of_type(op.initial_type, op.units)] * len(op.states)
    zeros = np.zeros(op.units, dtype=np.int64)
    states = [Bound.between(zeros, zeros) for _ in op.states]
    if op.initial_type is not None:
        every = Bound.of_type(op.initial_type, op.units)
        states = [rounded(every, op.initial_type.fraction, cast) for cast in op.state_casts()]
    for _ in range(ROUNDS):
        output, after, steps = step(op, x, states)
        wider = [_hull(a, b) for a, b in zip(states, after)]
        if all((a.low == b.low).all() and (a.high == b.high).all() for a, b in zip(states, wider)):
            return output, [*given, *steps]
        states = wider
    output, _, steps = step(op, x, [Bound.of_type(cast.type, op.units) for cast in op.state_casts()])
    return output, [*given, *steps]


def _hull(a: Bound, b: Bound) -> Bound:
    return Bound.between(np.minimum(a.low, b.low), np.maximum(a.high, b.high))


@rule(SimpleRNN)
def _simple_rnn(op: SimpleRNN, sources: list[Bound], inputs: list[Spec]) -> Found:
    return _settled(op, sources[0], _simple_step)


def _simple_step(op: SimpleRNN, x: Bound, states: list[Bound]) -> tuple[Bound, list[Bound], Steps]:
    steps: Steps = []
    gate_input = _cast(_gates(op, x, _products(op, states[0])), op.gates_type, op.gate_input, steps)
    output = _function(op.activation, gate_input, steps)
    return output, [rounded(output, op.output_type.fraction, op.state)], [*steps, output]


@rule(GRU)
def _gru(op: GRU, sources: list[Bound], inputs: list[Spec]) -> Found:
    return _settled(op, sources[0], _gru_step)


def _gru_step(op: GRU, x: Bound, states: list[Bound]) -> tuple[Bound, list[Bound], Steps]:
    (h,), u, steps = states, op.units, Steps()
    products = _products(op, h)
    gate_input = _cast(_part(_gates(op, x, products), 0, 2 * u), op.gates_type, op.gate_input, steps)
    gates = _function(op.recurrent_activation, gate_input, steps)
    z, r = _part(gates, 0, u), _part(gates, u, 2 * u)
    kept = _part(products, 2 * u, 3 * u) if op.reset_after else h
    p, source = _cast(_corners(r, kept), op.reset_type, op.reset_product, steps), op.reset_product_type
    inner, total = op.candidate_accumulator, op.candidate_sum_type
    if inner is not None:
        p, source = _accumulated(inner), inner.type
    sums = _plus(_shifted(_part(x, 2 * u, 3 * u), op.input_type, total), _shifted(p, source, total))
    c = _function(op.activation, _cast(sums, total, op.candidate_input, steps), steps)
    output = _blend(op, z, h, c)
    return output, [rounded(output, op.output_type.fraction, op.state)], [*steps, output]


def _blend(op: GRU, z: Bound, h: Bound, c: Bound) -> Bound:
    """``z * h + (1 - z) * c``."""
    fraction, one = op.output_type.fraction - op.gate_type.fraction, 1 << op.gate_type.fraction
    shifts = fraction - op.state.type.fraction, fraction - op.activation.output_type.fraction
    old, new = ([end << up for end in (part.low, part.high)] for part, up in zip((h, c), shifts))
    ends = [g * a + (one - g) * b for g, a, b in product((z.low, z.high), old, new)]
    return Bound.between(np.min(ends, axis=0), np.max(ends, axis=0))


@rule(LSTM)
def _lstm(op: LSTM, sources: list[Bound], inputs: list[Spec]) -> Found:
    return _settled(op, sources[0], _lstm_step)


def _lstm_step(op: LSTM, x: Bound, states: list[Bound]) -> tuple[Bound | None, list[Bound], Steps]:
    (h, c), u, steps = states, op.units, Steps()
    gates = _gates(op, x, _products(op, h))
    candidate_input = _cast(_part(gates, 2 * u, 3 * u), op.gates_type, op.candidate_input, steps)
    low, high, step = (np.concatenate([part[: 2 * u], part[3 * u :]]) for part in (gates.low, gates.high, gates.step))
    opened = _function(
        op.recurrent_activation, _cast(Bound(low, high, step), op.gates_type, op.gate_input, steps), steps
    )
    i, f, out = (_part(opened, k * u, (k + 1) * u) for k in range(3))
    g = _function(op.activation, candidate_input, steps)
    kept, added = _corners(f, c), _corners(i, g)
    up_kept = op.new_cell_type.fraction - op.gate_type.fraction - op.cell.type.fraction
    up_added = op.new_cell_type.fraction - op.gate_type.fraction - op.activation.output_type.fraction
    ends = ((kept.low, added.low), (kept.high, added.high))
    cell = Bound.between(*((a << up_kept) + (b << up_added) for a, b in ends))
    hidden = _corners(out, _function(op.cell_activation, cell, steps))
    after = [rounded(hidden, op.hidden_type.fraction, op.state), rounded(cell, op.new_cell_type.fraction, op.cell)]
    return (None if op.with_cell else hidden), after, [*steps, hidden, cell]
