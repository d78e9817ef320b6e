"""What an estimate says of a gdn: the proven bound of its gain, held to gains that are computed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.resources.estimate import estimate_plan
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.sim.cast import Cast
from bitsmith.sim.fixed import Fixed, Rounding, to_float
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.gdn import GDN

X = Fixed(True, 3, 4)


def operator(gain: int = 14, **more: Any) -> GDN:
    rng = np.random.default_rng(3)
    weights, offsets = rng.integers(0, 256, (3, 3)), rng.integers(1, 1024, 3)
    op = GDN(X, weights, Fixed(False, 0, 8), offsets, Fixed(False, 1, 9), Cast(Fixed(False, 1, 8)), **more)
    return replace(op, gain=op.fitting_gain(gain))


def rows(op: GDN) -> list[dict[str, Any]]:
    """A row for each stage of a graph with the operator between two activations."""
    out = Activation(op.product_type, Kind.LINEAR, X)
    graph = Graph(
        "net",
        (("x", Spec((2, 3, 3), X)),),
        (Node("relu", Activation(X, Kind.RELU, X), ("x",)), Node("g", op, ("relu",)), Node("out", out, ("g",))),
        ("out",),
    )
    config = parse_config({})
    data: list[dict[str, Any]] = estimate_plan(plan_for(graph, config), config)["layers"]
    return data


def row(op: GDN) -> dict[str, Any]:
    (found,) = (r for r in rows(op) if "gdn" in r["operator"])
    return found


def worst(op: GDN) -> tuple[float, float]:
    """The largest |gain - exact| in parts of the exact gain, and beyond ``gain_error`` of it, over all sums' sizes."""
    low, high = op.root.low, op.root.high
    s = np.unique(np.exp(np.linspace(np.log(low), np.log(high), 200_000)).astype(np.int64))
    exact = to_float(s, op.root.source) ** (0.5 if op.inverse else -0.5)
    off = np.abs(to_float(op.root(s), op.gain.type) - exact)
    return float((off / exact).max()), float((off - row(op)["gain_error"] * exact).max())


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(("segments", "newton", "rounding"), [(64, False, Rounding.RND_CONV), (16, True, Rounding.TRN)])
def test_the_bound_holds_and_is_no_larger_than_it_must_be(
    segments: int, newton: bool, rounding: Rounding, inverse: bool
) -> None:
    op = operator(30, segments=segments, newton=newton, inverse=inverse)
    op = replace(op, gain=replace(op.gain, rounding=rounding))
    found = row(op)
    assert found["gain_rounding"] == 2.0**-op.gain.type.fraction / (1 if rounding is Rounding.TRN else 2)
    assert not found["gain_saturates"]
    relative, beyond = worst(op)
    assert beyond <= found["gain_rounding"] * (1 + 1e-6)
    assert relative > found["gain_error"] / 8, "a bound that is far off would prove little"
    assert op.root.error <= found["gain_error"] <= op.root.error * 1.01


def test_one_table_of_64_segments() -> None:
    """The best lines for the reciprocal square root are off by 2^-14.5; behind a Newton step by 1.5 e^2,
    where e is with what the step's 16 fraction bits round off the slope (half a unit at the segment's end, a quarter on
    either side) and off the root, both of a value of at least 1/2, and cut off the argument."""
    assert 2.0**-14.6 < row(operator())["gain_error"] < 2.0**-14.4
    e = 2.0**-14.4 + (2.0**-18 + 2.0**-17) / 0.5 + 2.0**-16 / 2
    assert 1.5 * 2.0**-29 < row(operator(newton=True))["gain_error"] < 1.51 * e**2 + 3.1 * 2.0**-30


def test_a_gain_that_saturates_is_said_to() -> None:
    op = operator()
    small = replace(op, gain=Cast(Fixed(False, op.gain.type.integer - 1, 12)))
    assert row(small)["gain_saturates"]


def test_other_layers_have_no_such_fields() -> None:
    fields = {"gain_error", "gain_rounding", "gain_saturates"}
    found = rows(operator())
    assert [bool(fields & set(r)) for r in found].count(True) == 1
    assert len(found) > 1
