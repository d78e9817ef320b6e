"""The contract with addition's parameters; what is broadcast is our core in HLS, all else hls4ml's."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from definitions import Real
from hardware import Case
from join_cases import SHAPES, refused, spread
from joins import EXACT, JoinContract, network
from reading import batch, evaluate

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert.layers import convert
from bitsmith.gen.hls.layers import layer_list
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


def broadcast() -> dict[str, Case]:
    """Every way to broadcast two tensors, and of other types."""
    return {
        name: Case(Add((S6, U8)), (Spec(shapes[0], S6), Spec(shapes[1], U8)))
        for name, shapes in SHAPES.items()
        if len(shapes) == 2
    }


class TestAdd(JoinContract):
    class_name = "Add"
    operands = 2
    cases: ClassVar = broadcast() | {
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
    bad: ClassVar = refused(Add) | {
        "three inputs": (lambda: Add((S8, S8, S8)), "3 inputs; give two$"),
        "a sum too wide": (lambda: Add((Fixed(True, 40, 0), Fixed(True, 0, 40))), "1 to 63 bits"),
        "one input": (lambda: Add((S8, S8)).infer(Spec((2,), S8)), "1 inputs, expected 2"),
    }

    def make(self, types: tuple[Fixed, ...]) -> Add:
        return Add((types[0], types[1]))

    def nodes(self, tensors: int) -> list[str]:
        return ["add"] * (tensors - 1) + ["activation"]

    def float_result(self, op: Add, *x_float: Real) -> Real:
        a, b = spread(*x_float)
        return a + b


def test_a_chain_begins_with_the_whole_shape() -> None:
    """No two of these could be added first but with the last one."""
    found = convert(network("Add", (2,), (3, 1, 1), (3, 4, 2)), parse_config(EXACT))
    assert [node.inputs for node in found.nodes] == [("x2", "x1"), ("tested_sum1", "x0")]
    x = batch(found, 7)
    (y,) = evaluate(found, *x)
    np.testing.assert_array_equal(y, sum(spread(*x)))


@pytest.mark.parametrize(("shapes", "kind"), [("one shape", "Merge"), ("one value", "BitsmithCore")])
def test_in_hls_only_what_is_broadcast_is_ours(shapes: str, kind: str) -> None:
    layers = layer_list(broadcast()[shapes].graph("sum"), "io_stream").layers
    assert [layer["class_name"] for layer in layers if layer["class_name"] != "InputLayer"] == [kind]
