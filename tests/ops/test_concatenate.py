"""The operator contract (contract.py) for concatenation's parameters."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from contract import OperatorContract
from definitions import Real
from hardware import Case

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.concatenate import Concatenate
from bitsmith.sim.ops.flatten import Flatten

S8, U8, S6 = Fixed(True, 3, 4), Fixed(False, 0, 8), Fixed(True, 2, 3)


def case(shape: Shape, *channels: int, pixels: int = 1, type_: Fixed = S8) -> Case:
    """Images (or vectors, where the shape is empty) with these channels."""
    inputs = tuple(Spec((*shape, c), type_) for c in channels)
    return Case(Concatenate((type_,) * len(channels)), inputs, pixels)


def from_types(*types: Fixed) -> Case:
    """Fractions and signs that differ meet in one type first."""
    before = tuple(Activation(t, Kind.LINEAR, S8) for t in types)
    return Case(Concatenate((S8,) * len(types)), tuple(Spec((3, 4, 2), t) for t in types), before=before)


def flattened(pixels: int) -> Case:
    """Two images of different sizes as vectors."""
    shapes = ((2, 5, 2), (3, 3, 1))
    before = tuple(Flatten(S8, (int(np.prod(shape)),)) for shape in shapes)
    return Case(Concatenate((S8, S8)), tuple(Spec(shape, S8) for shape in shapes), pixels, before=before)


class TestConcatenate(OperatorContract):
    cases: ClassVar = {
        "2 and 3 channels": case((3, 4), 2, 3),
        "1 and 1": case((3, 4), 1, 1),
        "three": case((2, 3), 1, 2, 3),
        "1×1": case((1, 1), 3, 2),
        "a sequence": case((1, 7), 2, 1),
        "vectors": case((), 4, 3),
        "vectors of one": case((), 1, 1),
        "one bit": case((2, 3), 1, 2, type_=Fixed(False, 1, 0)),
        "wide": case((2, 3), 1, 2, type_=Fixed(True, 20, 20)),
        "fractions and signs that differ": from_types(S6, U8),
        "flattened": flattened(1),
        "4 pixels, width no multiple": case((3, 10), 2, 1, pixels=4),
        "4 pixels, width 3": case((3, 3), 1, 2, pixels=4),
        "4 pixels, vectors": case((), 7, 2, pixels=4),
        "4 pixels, flattened": flattened(4),
    }
    bad: ClassVar = {
        "one input": (lambda: Concatenate((S8,)), "two or more"),
        "types that differ": (lambda: Concatenate((S8, U8)), "linear activations before it"),
        "heights that differ": (
            lambda: Concatenate((S8, S8)).infer(Spec((2, 2, 1), S8), Spec((3, 2, 1), S8)),
            "differ before the last axis",
        ),
    }

    def float_result(self, op: Concatenate, *x_float: Real) -> Real:
        ends = np.cumsum([x.shape[-1] for x in x_float])
        y = np.empty((*x_float[0].shape[:-1], ends[-1]))
        for x, end in zip(x_float, ends):
            y[..., end - x.shape[-1] : end] = x
        return y
