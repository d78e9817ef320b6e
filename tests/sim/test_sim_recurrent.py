"""gru, lstm and simple_rnn against Keras's equations in fractions: values, types, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import fraction_recurrent as slow
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sim_recurrent_graphs import GATES, STEMS, RecurrentMaker, rounded_everywhere

from bitsmith.sim.cast import Cast
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Constant, Fixed, IntArray, Overflow
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.crop import Crop
from bitsmith.sim.ops.gru import GRU
from bitsmith.sim.ops.repeat_vector import RepeatVector
from bitsmith.sim.ops.reverse import Reverse
from bitsmith.sim.recurrent import Recurrent

SEED = st.integers(0, 2**32 - 1)


def draw(maker: RecurrentMaker, type: Fixed, *shape: int) -> IntArray:
    """Raw values over the whole type, its extremes among them."""
    x = maker.rng.integers(type.raw_min, type.raw_max, shape, endpoint=True)
    x[0], x[-1] = type.raw_min, type.raw_max
    return x


def random_operator(stem: str, seed: int, bits: int = 7, extreme: bool = False) -> tuple[Recurrent, list[IntArray]]:
    """An operator and its inputs: three sequences of four steps, and initial states half of the time."""
    maker = RecurrentMaker(seed, bits, extreme)
    initial = maker.draw_type() if maker.integer(0, 1) else None
    op = maker.recurrent(stem, maker.draw_type(), initial)
    states = [draw(maker, initial, 3, op.units) for _ in op.states] if initial else []
    return op, [draw(maker, op.input_type, 3, 1, 4, op.gates * op.units), *states]


@pytest.mark.parametrize("stem", STEMS)
@given(SEED)
@settings(max_examples=120, deadline=None, derandomize=True)
def test_an_operator_is_keras_equations_in_fractions(stem: str, seed: int) -> None:
    op, (x, *initial) = random_operator(stem, seed)
    got = op.compute(x, *initial)
    for n in range(len(x)):
        values = slow.sequence(op, x[n, 0], *(state[n] for state in initial))
        scaled = [[v * Fraction(2) ** op.output_type.fraction for v in step] for step in values]
        assert all(v.denominator == 1 for step in scaled for v in step)
        expected = np.array([[int(v) for v in step] for step in scaled])
        assert_array_equal(
            got[n, 0] if op.return_sequences else got[n], expected if op.return_sequences else expected[-1]
        )


@pytest.mark.parametrize("stem", STEMS)
@given(SEED, st.booleans())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_tensor_inside_is_in_its_type(stem: str, seed: int, extreme: bool) -> None:
    op, inputs = random_operator(stem, seed, 10, extreme)
    tensors, internals = op.trace(*inputs), op.internals()
    assert list(tensors) == list(internals)
    for name, values in tensors.items():
        assert values.shape[:2] == (4, 3)
        assert internals[name].raw_min <= values.min(), name
        assert values.max() <= internals[name].raw_max, name
        assert op.arranged(values, 3).shape == (3, 1, 4, values.shape[2])
    whole = op.arranged(tensors["output"], 3)
    assert_array_equal(op.compute(*inputs), whole if op.return_sequences else whole[:, 0, -1])


@pytest.mark.parametrize("stem", STEMS)
@given(SEED)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_interleaved_sequences_are_the_same_sequences(stem: str, seed: int) -> None:
    op, (x, *initial) = random_operator(stem, seed)
    other = replace(op, interleaved=True)
    got = other.compute(x[:, 0].transpose(1, 0, 2)[np.newaxis], *(state[np.newaxis, np.newaxis] for state in initial))
    plain = op.compute(x, *initial)
    assert_array_equal(
        got[0].transpose(1, 0, 2) if op.return_sequences else got[0, 0], plain[:, 0] if op.return_sequences else plain
    )


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("stem", STEMS)
def test_products_reach_their_proven_limits(stem: str, sign: int) -> None:
    """With states at their limit the product is the accumulator's own, so the types are no wider than need be."""
    t = Fixed(True, 0, 7)
    op = rounded_everywhere(stem, np.full((4, GATES[stem] * 4), -128 if sign > 0 else 127), t)
    x = np.zeros((1, 1, 1, GATES[stem] * 4), dtype=np.int64)
    found = op.trace(x, *[np.full((1, 4), -128)] * len(op.states))["product"]
    assert set(found.ravel().tolist()) == {max(op.accumulator.high) if sign > 0 else min(op.accumulator.low)}


T = Fixed(True, 0, 7)
KERNEL = np.ones((2, 6), dtype=np.int64)


def gru(**changes: Any) -> GRU:
    return replace(rounded_everywhere("gru", KERNEL, T), **changes)  # type: ignore[no-any-return]


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "kernel": (lambda: gru(recurrent_kernel=np.ones((2, 5), dtype=int)), "give .units, 3 . units"),
    "kernel dtype": (lambda: gru(recurrent_kernel=np.ones((2, 6))), "give raw integers"),
    "kernel range": (lambda: gru(recurrent_kernel=KERNEL * 200), "widen the type"),
    "bias": (lambda: gru(recurrent_bias=np.zeros(5, dtype=int)), "give 3 . units"),
    "bias before": (lambda: gru(reset_after=False), "belongs to reset_after"),
    "gates": (
        lambda: gru(gate_input=Cast(Fixed(True, 1, 7))),
        "activation of gates takes fixed<8,1>, what comes to it",
    ),
    "candidate": (lambda: gru(candidate_input=None), "activation of candidate takes"),
    "wide": (lambda: rounded_everywhere("gru", KERNEL, Fixed(True, 0, 30)), "bits and 62 is the most"),
    "cell": (
        lambda: replace(rounded_everywhere("lstm", np.ones((1, 4), dtype=int), T), cell=Cast(Fixed(True, 1, 7))),
        "cell_output",
    ),
    "lstm kernel": (lambda: rounded_everywhere("lstm", KERNEL, T), "give .units, 4 . units"),
    "rnn": (
        lambda: replace(rounded_everywhere("simple_rnn", KERNEL[:, :2], T), gate_input=None),
        "activation of output",
    ),
    "coarse gate": (lambda: gru(recurrent_activation=Activation(T, Kind.LINEAR, Fixed(True, 8, -1))), "no unit step"),
    "channels": (lambda: gru().infer(Spec((1, 4, 5), T), Spec((2,), T)), "expected .1, steps, 6."),
    "rows": (lambda: gru().infer(Spec((4, 2, 6), T), Spec((2,), T)), "expected .1, steps, 6."),
    "state missing": (lambda: gru().infer(Spec((1, 4, 6), T)), "1 inputs, expected 2"),
    "state shape": (lambda: gru().infer(Spec((1, 4, 6), T), Spec((3,), T)), "initial state has shape"),
    "state shape, interleaved": (
        lambda: gru(interleaved=True).infer(Spec((4, 3, 6), T), Spec((2,), T)),
        "expected .1, 3, 2.",
    ),
    "state type": (lambda: gru().infer(Spec((1, 4, 6), T), Spec((2,), Fixed(True, 0, 8))), "linear activation"),
    "repeat": (lambda: RepeatVector(T, 0), "at least 1"),
    "repeat shape": (lambda: RepeatVector(T, 2).infer(Spec((1, 2, 3), T)), "expected 1 axes"),
    "repeat interleaved": (lambda: RepeatVector(T, 2, True).infer(Spec((2, 2, 3), T)), "expected .1, sequences"),
    "reverse": (lambda: Reverse(T).infer(Spec((2, 3, 1), T)), "expected .1, steps, channels."),
    "crop": (lambda: Crop(T, (0, 1), (2, 2), (0, 1)), "holds nothing"),
    "crop outside": (lambda: Crop(T, (0, 1), (0, 5), (0, 1)).infer(Spec((1, 4, 1), T)), "columns end at 5"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_parameters_that_cannot_be_are_refused_in_one_line(name: str) -> None:
    call, message = REFUSED[name]
    with pytest.raises(BitsmithError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_gate_that_wraps_may_exceed_one() -> None:
    """-1/4 wraps to 15/4 in ufixed<4,2>: with h = 127/128 and a candidate of -1 the output is near 6.5."""
    t, wrapping = Fixed(True, 0, 7), Fixed(False, 2, 2)
    one = Constant(1)
    gate = Activation(t, Kind.HARD_SIGMOID, wrapping, overflow=Overflow.WRAP, slope=one, lower=Constant(-1), upper=one)
    op = replace(gru(), recurrent_kernel=0 * KERNEL, recurrent_bias=np.zeros(6, int), recurrent_activation=gate)
    x = np.array([-32] * 4 + [-128] * 2).reshape(1, 1, 1, 6)
    output = op.compute(x, np.full((1, 2), 127))
    value = Fraction(15, 4) * Fraction(127, 128) + (1 - Fraction(15, 4)) * -1
    assert output.ravel().tolist() == [value * 2**op.output_type.fraction] * 2
    assert output.max() <= op.output_type.raw_max
