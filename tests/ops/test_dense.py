"""The operator contract (contract.py) for a fully connected layer's parameters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from definitions import Real, real
from estimated import assert_estimated
from hardware import Case, draw, plan_alone

from bitsmith.hw.rtl.dense import DenseGraphCore
from bitsmith.sim.fixed import Fixed, IntArray
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.retype import Retype

U8, S6, W6, B8 = Fixed(False, 0, 8), Fixed(True, 2, 3), Fixed(True, 0, 5), Fixed(True, 2, 5)


def dense(inputs: int, outputs: int, x: Fixed = U8, w: Fixed = W6, b: Fixed = B8) -> Dense:
    """Random weights over their whole range."""
    return Dense(x, draw(w, inputs, outputs), w, draw(b, outputs), b)


def case(inputs: int, outputs: int, pixels: int = 1, x: Fixed = U8, w: Fixed = W6, b: Fixed = B8) -> Case:
    return Case(dense(inputs, outputs, x, w, b), (Spec((inputs,), x),), pixels)


def shared(strategy: str, reuse: int, pixels: int = 1) -> Case:
    """12 inputs, 6 outputs, with a reuse factor."""
    layer = {"Strategy": strategy, "ReuseFactor": reuse}
    return Case(dense(12, 6, S6), (Spec((12,), S6),), pixels, layer)


def of(kernel: IntArray) -> Case:
    """These very weights."""
    inputs, outputs = kernel.shape
    return Case(Dense(S6, kernel, W6, draw(B8, outputs), B8), (Spec((inputs,), S6),))


def of_image(height: int, width: int, channels: int, pixels: int) -> Case:
    """Behind an image: the weights are taken in the order of its beats, void lanes with none."""
    shape = (height, width, channels)
    count = height * width * channels
    return Case(dense(count, 3, S6), (Spec(shape, S6),), pixels, before=(Flatten(S6, (count,)),))


def without(kernel: IntArray, output: int) -> IntArray:
    kernel[:, output] = 0
    return kernel


OWN = ((1, 2, 3), (0, 1, 2), (0, 0, 0), (1, -1, 3), (0, 2, -1), (1, 0, 0), (0, -1, 2))
"""Types of inputs, as sign, integer and fraction bits; one holds nothing."""


def typed(outputs: int, pixels: int = 1, **changes: Any) -> Case:
    """Behind types that differ from input to input, in a graph of adders that knows them."""
    signs, integers, fractions = np.array(OWN).T
    retype = Retype(S6, signs, integers, fractions)
    op = dense(len(OWN), outputs, retype.output_type, **changes)
    layer = {"Strategy": "distributed_arithmetic", "ReuseFactor": 1}
    return Case(op, (Spec((len(OWN),), S6),), pixels, layer, before=(retype,))


EXTREMES = np.where(np.indices((5, 4)).sum(axis=0) % 2, W6.raw_min, W6.raw_max)


class TestDense(OperatorContract):
    cases: ClassVar = {
        "plain": case(7, 3),
        "one input, one output": case(1, 1),
        "one output, signed": case(9, 1, x=S6),
        "an output without weights": of(without(draw(W6, 6, 3), 1)),
        "no weights": of(np.zeros((4, 3), dtype=np.int64)),
        "weights at both ends": of(EXTREMES),
        "a finer bias": case(5, 2, b=Fixed(True, 0, 16)),
        "a coarser bias": case(5, 2, b=Fixed(True, 6, -2)),
        "one bit": case(8, 3, x=Fixed(False, 1, 0), w=Fixed(False, 1, 0)),
        "one signed bit": case(8, 3, x=Fixed(True, 0, 0), w=Fixed(True, 0, 0)),
        "ternary": case(8, 3, x=S6, w=Fixed(True, 1, 0)),
        "negative integer part": case(6, 2, x=Fixed(False, -2, 10), w=Fixed(True, -1, 6)),
        "negative fraction": case(6, 2, x=Fixed(True, 6, -2), w=Fixed(True, 5, -1)),
        "a wide accumulator": case(5, 2, x=Fixed(True, 12, 8), w=Fixed(True, 3, 14)),
        "resource, 1 cycle a beat": shared("resource", 12),
        "resource, each product alone": shared("resource", 72),
        "adder graphs, 1 cycle a beat": shared("distributed_arithmetic", 12),
        "adder graphs, 2 cycles a beat": shared("distributed_arithmetic", 24),
        "an image, 3 channels": of_image(3, 4, 3, 1),
        "own types": typed(5),
        "own types, one output": typed(1),
        "own types, a finer bias": typed(3, b=Fixed(True, 0, 16)),
        "own types, a coarser bias": typed(3, b=Fixed(True, 6, -2)),
        "own types, 4 pixels": typed(6, 4),
        "8 pixels, 3 beats": case(21, 3, 8),
        "8 pixels, fewer inputs": case(3, 2, 8),
        "8 pixels, resource, rows and columns": shared("resource", 32, 8),
        "8 pixels, adder graphs": shared("distributed_arithmetic", 4, 8),
        "8 pixels, an image of width 11": of_image(3, 11, 2, 8),
        "8 pixels, an image of width 2": of_image(3, 2, 1, 8),
    }
    bad: ClassVar = {
        "a kernel of fractions": (
            lambda: Dense(U8, np.ones((2, 2)), W6, draw(B8, 2), B8),  # type: ignore[arg-type]
            "kernel has dtype float64",
        ),
        "no inputs": (lambda: Dense(U8, np.zeros((0, 2), dtype=int), W6, draw(B8, 2), B8), "holds no value"),
        "another length": (lambda: dense(4, 2).infer(Spec((5,), U8)), "5 values, the kernel 4"),
        "an image": (lambda: dense(4, 2).infer(Spec((1, 1, 4), U8)), "flatten it first"),
        "another type": (lambda: dense(4, 2).infer(Spec((4,), S6)), r"type fixed<6,3>, expected ufixed<8,0>"),
        "a reuse factor of a part of a beat": (
            lambda: plan_alone(shared("resource", 6)),
            "legal: 12, 24, 36, 72$",
        ),
        "latency takes each beat once": (lambda: plan_alone(shared("latency", 24)), "legal: 12$"),
    }

    def float_result(self, op: Dense, *x_float: Real) -> Real:
        return x_float[0] @ real(op.kernel, op.kernel_type) + real(op.bias, op.bias_type)


def test_own_types_make_a_graph_and_narrow_buffers() -> None:
    plan = plan_alone(typed(5))
    stage = plan.stage("alone")
    assert isinstance(stage.core, DenseGraphCore)
    before = plan.stage(stage.sources[0]).layout
    assert (before.stored, before.bits) == (sum(map(sum, OWN)), 7 * before.type.width)
    assert not isinstance(plan_alone(shared("distributed_arithmetic", 12)).stage("alone").core, DenseGraphCore)


@pytest.mark.slow
def test_its_formula_is_an_estimate_of_what_yosys_finds(tmp_path: Path, need: Callable[..., None]) -> None:
    need("yosys")
    case = typed(12, w=Fixed(True, 0, 7))
    assert_estimated({"graph": case}, 1, tmp_path, dict(case.layer))
