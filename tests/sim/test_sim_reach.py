"""Points of the reference: a target is the set that its name says, and what is reached is never called impossible."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from sim_graphs import random_graph, random_inputs
from sim_recurrent_graphs import random_recurrent_graph

from bitsmith.sim.cast import Cast
from bitsmith.sim.fixed import Constant, Fixed, Overflow, Rounding, requantize
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.argmax import Argmax
from bitsmith.sim.ops.gdn import GDN
from bitsmith.sim.ops.simple_rnn import SimpleRNN
from bitsmith.sim.reach.bound import Bound
from bitsmith.sim.reach.survey import Survey
from bitsmith.sim.reach.targets import Target, targets
from bitsmith.sim.root import Form
from bitsmith.sim.watch import Divided, Limited, LookedUp, Rounded, watched, watching

EVERY = np.arange(-300, 300)


def members(target: Target) -> list[int]:
    return [int(v) for v in EVERY[target.hit(EVERY)]]


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("overflow", Overflow)
def test_ties_and_ends_by_their_definition(rounding: Rounding, overflow: Overflow) -> None:
    for signed, shift in product((True, False), (-1, 0, 1, 2, 4)):
        to = Fixed(signed, 3 - signed, 2)
        found = {t.kind: members(t) for t in targets(Rounded(2 + shift, to, rounding, overflow))}
        exact = {int(v): Fraction(int(v)) / Fraction(2) ** shift for v in EVERY}
        low = -15 if signed and overflow is Overflow.SAT_SYM else to.raw_min
        halves = [v for v, e in exact.items() if (e - Fraction(1, 2)).denominator == 1 and e.denominator == 2]
        if overflow is not Overflow.WRAP:
            halves = [v for v in halves if low <= exact[v] - Fraction(1, 2) and exact[v] + Fraction(1, 2) <= to.raw_max]
        if rounding is Rounding.RND_CONV:
            odd = {v: (exact[v] - Fraction(1, 2)) % 2 == 1 for v in halves}
            ties = {"tie above an even number": [v for v in halves if not odd[v]]}
            ties["tie above an odd number"] = [v for v in halves if odd[v]]
        else:
            ties = {"tie above zero": [v for v in halves if v > 0], "tie below zero": [v for v in halves if v < 0]}
        ties = {kind: values for kind, values in ties.items() if values}
        wide = requantize(EVERY, 2 + shift, Fixed(True, 40, 2), rounding, Overflow.SAT)
        ends = {} if overflow is Overflow.WRAP else _ends(wide, low, to.raw_max, -shift)
        assert found == {**ties, **ends}


def _ends(y: np.ndarray, low: int, high: int, up: int) -> dict[str, list[int]]:
    """The values nearest to both limits, from the rounded values themselves; ``up``: so many bits are added below."""
    step = 1 << max(up, 0)
    least, most = -(-low // step) * step, high // step * step
    named = {"just below the least": least - step, "the least": least, "the most": most}
    named["just above the most"] = most + step
    return {kind: [int(v) for v in EVERY[y == value]] for kind, value in named.items()}


@pytest.mark.parametrize("rounding", Rounding)
def test_ties_of_a_division(rounding: Rounding) -> None:
    for up, divisor in product((0, 1, 3), (1, 2, 3, 4, 6, 9, 12)):
        found = {t.kind: set(members(t)) for t in targets(Divided(up, divisor, rounding))}
        exact = {int(a): Fraction(int(a) << up, divisor) for a in EVERY}
        halves = {a for a, e in exact.items() if e.denominator == 2}
        assert set().union(*found.values()) == halves
        for kind, values in found.items():
            if "number" in kind:
                assert {(e - Fraction(1, 2)) % 2 for e in map(exact.get, values) if e is not None} == {
                    int("odd" in kind)
                }


def test_limits() -> None:
    found = {t.kind: members(t) for t in targets(Limited(-8, 12, 4))}
    assert found["just below the lower limit"] == [-12, -11, -10, -9]
    assert found["the lower limit"] == [-8, -7, -6, -5]
    assert found["the upper limit"] == [9, 10, 11, 12]
    assert found["just above the upper limit"] == [13, 14, 15, 16]


def test_what_a_grid_has_of_a_target_and_how_far_it_is() -> None:
    rng = np.random.default_rng(1)
    for _ in range(60):
        low, high, modulus = -int(rng.integers(0, 60)), int(rng.integers(0, 60)), int(rng.integers(1, 20))
        target = Target("", low, high, modulus, int(rng.integers(modulus)))
        start, step = int(rng.integers(-50, 20)), int(rng.integers(0, 12))
        end = start + step * int(rng.integers(0, 9))
        grid = [start + k * step for k in range(9) if start + k * step <= end]
        known = [v for v in grid if v in members(target)]
        found = target.within(start, end, step)
        assert (found and found[:2]) == ((min(known), max(known)) if known else None)
        if target.within(-300, 300) is not None:
            nearest = [min(abs(int(v) - m) for m in members(target)) for v in EVERY]
            np.testing.assert_array_equal(np.abs(target.error(EVERY)), nearest)
            assert set(EVERY + target.error(EVERY)) <= set(members(target))


@pytest.mark.parametrize("make", [random_graph, random_recurrent_graph])
def test_nothing_that_is_reached_was_called_impossible(make: object) -> None:
    assert callable(make)
    impossible = 0
    for seed in range(40):
        graph: Graph = make(seed)
        survey = Survey(graph)
        inputs = dict(zip([name for name, _ in graph.inputs], random_inputs(graph, 48, seed)))
        hit = survey.look(inputs)[0].any(axis=0)
        bad = np.asarray(hit & ~survey.possible)
        wrong = [(seed, place.node, place.names(bad)) for place in survey.known]
        assert not [entry for entry in wrong if entry[2]]
        impossible += int((~survey.possible).sum())
    assert impossible > 0


def of_one(op: Activation | Argmax, channels: int) -> Graph:
    return Graph("one", (("x", Spec((channels,), op.input_type)),), (Node("one", op, ("x",)),), ("one",))


@pytest.mark.parametrize(("kind", "function"), [(k, "sigmoid" if k is Kind.TABLE else "") for k in Kind])
def test_of_a_function_of_one_value_exactly_what_is_possible_is_reached(kind: Kind, function: str) -> None:
    """Every value of the input is tried, so that what is not reached is impossible."""
    x, hard = Fixed(True, 3, 5), kind in (Kind.HARD_SIGMOID, Kind.HARD_TANH)
    bent = {"lower": Constant(0), "upper": Constant(1), "slope": Constant(1, 2), "offset": Constant(1, 1)}
    more: dict[str, Any] = bent if hard else {}
    if function:
        more |= {"function": function, "table_type": Fixed(True, 2, 6)}
    op = Activation(x, kind, Fixed(True, 1, 3), Rounding.RND_CONV, Overflow.SAT, **more)
    survey = Survey(of_one(op, 1))
    every = np.arange(x.raw_min, x.raw_max + 1)[:, np.newaxis]
    hit = np.asarray(survey.look({"x": every})[0].any(axis=0))
    assert survey.count > 0
    if hard:  # the bound between the limits has no grid
        assert not (hit & ~survey.possible).any()
    else:
        assert [p.names(hit) for p in survey.known] == [p.names(survey.possible) for p in survey.known]


def test_an_argmax() -> None:
    op = Argmax(Fixed(True, 1, 0), -1)
    survey = Survey(of_one(op, 3))
    (place,) = survey.known
    every = np.array(list(product(range(-2, 2), repeat=3)))
    hits, _ = survey.look({"x": every})
    for x, hit in zip(every, hits):
        first = int(np.argmax(x))
        names = [f"class {first} the largest"]
        names += [f"class {k} equal to an earlier largest" for k in range(first + 1, 3) if x[k] == x.max()]
        names += {-2: ["largest just below the threshold"], -1: ["largest at the threshold"]}.get(int(x.max()), [])
        assert place.names(hit) == [f"decision: {name}" for name in names]
    assert hits.any(axis=0).all()


def test_names() -> None:
    op = Activation(Fixed(True, 3, 4), Kind.LINEAR, Fixed(True, 1, 2))
    survey = Survey(of_one(op, 5))
    chosen = np.zeros(survey.count, dtype=bool)
    chosen[[0, 2, 3, 4]] = True
    assert survey.known[0].names(chosen) == ["to fixed<4,2>: tie above an even number, channels 0, 2-4"]


def test_who_watches_sees_every_step_and_nobody_watches_by_default() -> None:
    op = Activation(Fixed(True, 3, 4), Kind.TABLE, Fixed(True, 1, 2), function="tanh", table_type=Fixed(True, 1, 1))
    seen: list[tuple[list[int], object]] = []
    x = np.array([[-100, 3]])
    with watching(lambda raw, step: seen.append((raw.ravel().tolist(), step))):
        op.compute(x)
    assert seen == [([-100, 3], Rounded(4, Fixed(True, 1, 1), Rounding.RND, Overflow.SAT)), ([4, 0], LookedUp(8))]
    assert watched() is None


def test_bounds_of_channels() -> None:
    bound = Bound(np.array([0, -3]), np.array([10, 8]), np.array([4, 0]))
    assert [bound.channel(c) for c in range(2)] == [(0, 8, 4), (-3, -3, 0)]


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize(("inverse", "newton"), list(product((False, True), repeat=2)))
def test_of_a_root_nothing_that_is_reached_was_called_impossible(form: Form, inverse: bool, newton: bool) -> None:
    """Every input of two channels; sums over little more than a power of four, and over many."""
    x, gain = Fixed(True, 1, 3), Cast(Fixed(False, 1, 9), Rounding.RND_CONV, Overflow.SAT)
    every = np.stack(np.meshgrid(*[np.arange(-16, 16)] * 2), axis=-1).reshape(-1, 2)
    impossible = 0
    for beta, square in product((1, 90), (None, Cast(Fixed(False, 3, 2), Rounding.RND, Overflow.SAT))):
        shared: dict[str, Any] = {
            "gain": gain,
            "inverse": inverse,
            "form": form,
            "segments": 16,
            "width": 20,
            "newton": newton,
        }
        gamma, base = np.array([[3, 1], [0, 5]]), np.array([beta, 7])
        op = GDN(x, gamma, Fixed(False, 0, 4), base, Fixed(False, 3, 4), square=square, **shared)
        behind = Activation(op.product_type, Kind.LINEAR, Fixed(True, 1, 2), Rounding.RND_CONV, Overflow.SAT)
        nodes = (Node("root", op, ("x",)), Node("behind", behind, ("root",)))
        survey = Survey(Graph("roots", (("x", Spec((2,), x)),), nodes, ("behind",)))
        hit = survey.look({"x": every})[0].any(axis=0)
        assert not [place.names(hit & ~survey.possible) for place in survey.known if (hit & ~survey.possible).any()]
        impossible += int((~survey.possible).sum())
    assert impossible > 0


@pytest.mark.parametrize("given", [False, True])
def test_what_a_state_cannot_come_to(given: bool) -> None:
    """A state that is 1/2 at most, from zero on, times 31/16 and below 1 more: that is below 2, unless it is given."""
    x, unit, half = Fixed(True, 0, 4), Fixed(True, 1, 4), Constant(1, 1)
    narrow = Cast(Fixed(True, 1, 3), Rounding.RND_CONV, Overflow.SAT)
    limits: dict[str, Any] = {"lower": Constant(-1, 1), "upper": half}
    function = Activation(narrow.type, Kind.HARD_TANH, unit, Rounding.RND, Overflow.SAT, **limits)
    op = SimpleRNN(
        input_type=x,
        recurrent_kernel=np.array([[31]]),
        recurrent_kernel_type=unit,
        state=Cast(unit),
        gate_input=narrow,
        activation=function,
        initial_type=unit if given else None,
    )
    inputs = (("x", Spec((1, 3, 1), x)), ("h", Spec((1,), unit)))[: 1 + given]
    survey = Survey(Graph("state", inputs, (Node("rnn", op, tuple(name for name, _ in inputs)),), ("rnn",)))
    (place,) = [place for place in survey.known if place.title == f"to {narrow.type}"]
    names = place.names(~survey.possible)
    assert any("just above the most" in name for name in names) is not given
    rng = np.random.default_rng(1)
    frames = {name: rng.integers(spec.type.raw_min, spec.type.raw_max, (2000, *spec.shape)) for name, spec in inputs}
    hit = survey.look(frames)[0].any(axis=0)
    assert not (hit & ~survey.possible).any()
