"""Whole small layers, as they are emitted, against the formula that the reference computes: sequential equivalence.

For linear layers that is a constant and a sum of factors times elements, for others a table of the reference's results
on every frame there is (``formal_reference``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from formal import Prove, marked, spoilt
from formal_core import data, emitted
from formal_pointwise import emitted as emitted_pointwise
from formal_pointwise import pointwise
from formal_reference import Beats, affine, tabulated
from hardware import Case, plan_alone

from bitsmith.hw.rtl.core import Core, Pointwise
from bitsmith.hw.rtl.layout import Layout
from bitsmith.hw.rtl.role import PointwiseRole, role_of
from bitsmith.sim.cast import Cast
from bitsmith.sim.fixed import Fixed, Overflow, Rounding
from bitsmith.sim.op import Operator, Shape, Spec
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.argmax import Argmax
from bitsmith.sim.ops.average import Average
from bitsmith.sim.ops.average_pool2d import AveragePool2D
from bitsmith.sim.ops.batch_norm import BatchNorm
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.depthwise_conv2d import DepthwiseConv2D
from bitsmith.sim.ops.dot import Dot
from bitsmith.sim.ops.global_average_pool2d import GlobalAveragePool2D
from bitsmith.sim.ops.global_max_pool2d import GlobalMaxPool2D
from bitsmith.sim.ops.max_pool2d import MaxPool2D
from bitsmith.sim.ops.maximum import Maximum
from bitsmith.sim.ops.minimum import Minimum
from bitsmith.sim.ops.multiply import Multiply
from bitsmith.sim.ops.prelu import PReLU
from bitsmith.sim.ops.retype import Retype
from bitsmith.sim.ops.softmax import Softmax
from bitsmith.sim.ops.subtract import Subtract

slow = pytest.mark.slow
U1, U2, S2, S3 = Fixed(False, 1, 0), Fixed(False, 2, 0), Fixed(True, 1, 0), Fixed(True, 2, 0)
HALVES, EVEN = Fixed(False, 2, 1), Cast(Fixed(True, 1, 1), Rounding.RND_CONV, Overflow.SAT)
Definition = Callable[[Operator, tuple[Spec, ...], Layout], Beats]


@dataclass(frozen=True)
class Layer:
    """An operator on small inputs, and its definition; ``layer``: strategy and reuse factor."""

    op: Operator
    definition: Definition
    inputs: tuple[Spec, ...]
    layer: Mapping[str, Any] = field(default_factory=dict)
    pixels: int = 1

    def core(self) -> Core:
        return plan_alone(Case(self.op, self.inputs, self.pixels, self.layer)).stages[-1].core

    def beats(self, core: Core) -> Beats:
        return self.definition(self.op, self.inputs, core.output)


def weights(*size: int, type_: Fixed = S2) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Numbers over the whole range, and no two rows alike."""
    return np.random.default_rng(5).integers(type_.raw_min, type_.raw_max, size, endpoint=True)


def linear(op: Operator, shape: Shape, strategy: str = "latency", reuse: int = 1, pixels: int = 1) -> Layer:
    return Layer(op, affine, (Spec(shape, U2),), {"Strategy": strategy, "ReuseFactor": reuse}, pixels)


def conv(strategy: str = "latency", reuse: int = 1, width: int = 3, pixels: int = 1, **more: Any) -> Layer:
    op = Conv2D(U2, weights(2, 2, 1, 2), S2, weights(2), S2, **more)
    return linear(op, (2, width, 1), strategy, reuse, pixels)


def dense(strategy: str, reuse: int) -> Layer:
    return linear(Dense(U2, weights(3, 2), S2, weights(2), S2), (3,), strategy, reuse)


def joined(op: Operator, *types: Fixed, shape: Shape = (1, 2, 1), definition: Definition = tabulated) -> Layer:
    return Layer(op, definition, tuple(Spec(shape, type_) for type_ in types))


LAYERS: dict[str, Callable[[], Layer]] = {
    "conv2d": conv,
    "conv2d, same": lambda: conv(padding=((0, 1), (0, 1))),
    "conv2d, stride 2, 2 pixels": lambda: conv(width=5, pixels=2, strides=(1, 2)),
    "conv2d, graph of adders": lambda: conv("distributed_arithmetic"),
    "conv2d, graph of adders in digits": lambda: conv("distributed_arithmetic", 2),
    "conv2d, shared multipliers": lambda: conv("resource", 4),
    "depthwise_conv2d": lambda: linear(DepthwiseConv2D(U2, weights(1, 2, 2, 1), S2, weights(2), S2), (1, 3, 2)),
    "dense": lambda: dense("latency", 3),
    "dense, shared multipliers": lambda: dense("resource", 6),
    "dense, adders": lambda: dense("distributed_arithmetic", 3),
    "add": lambda: joined(Add((S3, S2)), S3, S2, definition=affine),
    "subtract": lambda: joined(Subtract((S3, U2)), S3, U2, definition=affine),
    "multiply": lambda: joined(Multiply((S2, U2)), S2, U2),
    "dot": lambda: joined(Dot((S2, U2), 2), S2, U2, shape=(2,)),
    "maximum": lambda: joined(Maximum((S2, U2)), S2, U2),
    "minimum": lambda: joined(Minimum((S2, S2, S2)), S2, S2, S2),
    "average": lambda: joined(
        Average((S2, S2, S2), Cast(Fixed(True, 1, 1), Rounding.RND_CONV, Overflow.SAT)), S2, S2, S2, shape=(1, 2, 1)
    ),
    "max_pool2d": lambda: Layer(MaxPool2D(S2, (2, 2), (1, 1)), tabulated, (Spec((2, 3, 1), S2),)),
    "max_pool2d, same": lambda: Layer(
        MaxPool2D(S2, (2, 2), (2, 2), ((0, 1), (0, 1))), tabulated, (Spec((3, 2, 1), S2),)
    ),
    "average_pool2d": lambda: joined(
        AveragePool2D(U2, (2, 2), (1, 2), ((0, 0), (0, 1)), HALVES, Rounding.RND, Overflow.SAT), U2, shape=(2, 3, 1)
    ),
    "global_average_pool2d": lambda: joined(
        GlobalAveragePool2D(U2, HALVES, Rounding.RND_CONV, Overflow.SAT), U2, shape=(1, 3, 1)
    ),
    "global_max_pool2d": lambda: joined(GlobalMaxPool2D(S2), S2, shape=(2, 2, 1)),
}
# What is written in the place of what; a frame's result is wrong then.
BUGS = {
    "conv2d": ("row_0_beat_1 <= row_0_beat_0", "row_0_beat_1 <= row_1_beat_0"),
    "conv2d, same": ("(line_0_address == 2'd2)", "(line_0_address == 2'd1)"),
    "dense, shared multipliers": ("first_2 <= first_1", "first_2 <= first_1 & ~column_1"),
    "dot": ("first_2 ?", "first_1 ?"),
    "max_pool2d": ("($signed(tap_1_0) > $signed(tap_1_1))", "(tap_1_0 > tap_1_1)"),
    "average_pool2d": (
        "numerator <= {3'd0, sum_0_0_l0_0, 2'd0} + 9'd4",
        "numerator <= {3'd0, sum_0_0_l0_0, 2'd0} + 9'd3",
    ),
    "global_max_pool2d": ("((row == 1'b0) & (beat == 1'b0))", "(row == 1'b0)"),
    "average": ("$signed(18'd6)", "$signed(18'd5)"),
}
IN_CI = ("conv2d",)
"""These have their planted bug beside them; all others are proven by ``make formal``."""


@pytest.mark.parametrize("name", marked(LAYERS, IN_CI))
def test_a_layer_is_its_formula(name: str, proof: Prove) -> None:
    layer = LAYERS[name]()
    core = layer.core()
    verdict = proof(name, data(core, layer.beats(core)), emitted(core))
    assert verdict.proven, verdict


@pytest.mark.parametrize("name", marked(BUGS, IN_CI))
def test_a_planted_bug_is_found(name: str, proof: Prove) -> None:
    layer = LAYERS[name]()
    core = layer.core()
    verdict = proof(f"{name}: planted bug", data(core, layer.beats(core)), spoilt(emitted(core), BUGS[name]))
    assert not verdict.proven
    assert verdict.broken.startswith("beat ")


# What follows a core: value by value, or over a vector --------------------------------------------

TABLE, UNIT = Fixed(False, 2, 2), Fixed(False, 1, 5)
S4 = Fixed(True, 1, 2)
FOLLOWING: dict[str, tuple[Operator, int]] = {
    "argmax": (Argmax(S3, S3.raw_min), 3),
    "argmax, rejecting": (Argmax(S3, 1), 3),
    "softmax": (Softmax(S4, TABLE, UNIT, TABLE, UNIT, Fixed(False, 0, 6)), 2),
    "softmax, 3 classes": (Softmax(S3, TABLE, UNIT, TABLE, UNIT, Fixed(False, 0, 6)), 3),
    "batch_norm": (BatchNorm(S4, np.array([3, -4]), S3, np.array([-2, 1]), S3), 2),
    "prelu": (PReLU(S4, np.array([3, -4]), Fixed(True, 0, 2)), 2),
    "retype": (Retype(S4, np.array([1, 0, 1]), np.array([0, 1, 1]), np.array([1, 1, 0])), 3),
}
FOLLOWING_BUGS = {
    "argmax, rejecting": ("< threshold)", "<= threshold)"),
    "softmax": ("product_0 <= ", "product_0 <= 1 + "),
    "batch_norm": ("product_1 <= ", "product_1 <= 1 + "),
}


def made(op: Operator, channels: int) -> tuple[Pointwise, list[str]]:
    """The module on one pixel, and the reference's table of each of its elements."""
    role = role_of(op)
    assert isinstance(role, PointwiseRole)
    type_: Fixed = vars(op)["input_type"]
    module = role.make("pointwise", op, Layout(1, 1, channels, 1, type_))
    return module, tabulated(op, (Spec((1, 1, channels), type_),), module.output)[0]


@pytest.mark.parametrize("name", marked(FOLLOWING, ("argmax, rejecting",)))
def test_what_follows_a_core_is_the_reference(name: str, proof: Prove) -> None:
    module, table = made(*FOLLOWING[name])
    verdict = proof(name, pointwise(module, table), emitted_pointwise(module))
    assert verdict.proven, verdict


def activations() -> Iterator[Any]:
    """All of the contract's that a table of every input can be made for."""
    cases: Mapping[str, Case] = vars(import_module("test_activation"))["TestActivation"].cases
    for name, case in cases.items():
        if case.op.input_type.width <= 10:  # type: ignore[attr-defined]
            marks = () if name in ("from one bit",) else slow
            yield pytest.param(case.op, id=name, marks=marks)


@pytest.mark.parametrize("op", list(activations()))
def test_an_activation_is_the_reference(op: Operator, request: pytest.FixtureRequest, proof: Prove) -> None:
    """Functions, tables, and the rounding behind them, for every input."""
    module, table = made(op, 1)
    verdict = proof(f"activation, {request.node.callspec.id}", pointwise(module, table), emitted_pointwise(module))
    assert verdict.proven, verdict


@pytest.mark.parametrize("name", marked(FOLLOWING_BUGS, ("argmax, rejecting",)))
def test_a_bug_in_what_follows_is_found(name: str, proof: Prove) -> None:
    module, table = made(*FOLLOWING[name])
    texts = spoilt(emitted_pointwise(module), FOLLOWING_BUGS[name])
    verdict = proof(f"{name}: planted bug", pointwise(module, table), texts)
    assert not verdict.proven
    assert verdict.broken.startswith("element ")
