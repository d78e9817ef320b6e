"""The operator contract (contract.py) for addition's parameters."""

from __future__ import annotations

from typing import ClassVar

from contract import OperatorContract
from definitions import Real
from hardware import Case

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.flatten import Flatten

S8, U8, S6 = Fixed(True, 3, 4), Fixed(False, 0, 8), Fixed(True, 2, 3)


def case(shape: Shape, a: Fixed = S8, b: Fixed = S8, pixels: int = 1) -> Case:
    return Case(Add((a, b)), (Spec(shape, a), Spec(shape, b)), pixels)


def flattened(shape: tuple[int, int, int], pixels: int) -> Case:
    """Two images as vectors."""
    flat = Flatten(S8, (shape[0] * shape[1] * shape[2],))
    return Case(Add((S8, S8)), (Spec(shape, S8),) * 2, pixels, before=(flat, flat))


class TestAdd(OperatorContract):
    cases: ClassVar = {
        "one type": case((3, 4, 3)),
        "1 channel": case((3, 4, 1)),
        "1×1": case((1, 1, 2)),
        "a sequence": case((1, 7, 3)),
        "a vector": case((6,)),
        "a vector of one": case((1,)),
        "signed and unsigned": case((3, 4, 2), S6, U8),
        "unsigned, other fractions": case((3, 4, 2), U8, Fixed(False, 4, 2)),
        "fractions far apart": case((2, 3, 2), Fixed(True, 9, -3), Fixed(False, -2, 10)),
        "one bit each": case((2, 3, 2), Fixed(False, 1, 0), Fixed(True, 0, 0)),
        "more than 32 bits": case((2, 3, 2), Fixed(True, 20, 8), Fixed(True, 3, 24)),
        "flattened": flattened((2, 3, 2), 1),
        "4 pixels, width no multiple": case((3, 10, 3), S6, U8, 4),
        "4 pixels, width 3": case((3, 3, 2), S8, S8, 4),
        "4 pixels, a vector": case((7,), S6, U8, 4),
        "4 pixels, flattened": flattened((2, 5, 3), 4),
    }
    bad: ClassVar = {
        "three inputs": (lambda: Add((S8, S8, S8)), "two at a time"),  # type: ignore[arg-type]
        "shapes that differ": (lambda: Add((S8, S8)).infer(Spec((2, 2, 1), S8), Spec((2, 2, 2), S8)), "differ"),
        "a sum too wide": (lambda: Add((Fixed(True, 40, 0), Fixed(True, 0, 40))), "1 to 63 bits"),
        "one input": (lambda: Add((S8, S8)).infer(Spec((2,), S8)), "1 inputs, expected 2"),
    }

    def float_result(self, op: Add, *x_float: Real) -> Real:
        return x_float[0] + x_float[1]
