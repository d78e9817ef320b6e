"""The product of two matrices of values: the contract, its cycles and memory, Keras's operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from definitions import Real
from estimated import assert_estimated
from hardware import Case, plan_alone
from layer_configs import Case as LayerCase
from layer_configs import Stored, model
from reading import assert_equal_to_keras, library

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert.layers import convert
from bitsmith.gen.read.network import read_network
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.matmul import Matmul

Need = Callable[..., None]
S8, S6, U4, BIT = Fixed(True, 3, 4), Fixed(True, 2, 3), Fixed(False, 0, 4), Fixed(False, 1, 0)


def case(
    rows: int, held: int, size: int, heads: int = 1, transposed: bool = False, reuse: int = 0, pixels: int = 1,
    left: Fixed = S8, right: Fixed = S6, sequences: int = 0, **more: Any,
) -> Case:  # fmt: skip
    op = Matmul((left, right), held, size, heads, transposed, sequences > 0)
    fronts = ((rows, sequences), (held, sequences)) if sequences else ((1, rows), (1, held))
    inputs = (Spec((*fronts[0], heads * op.terms), left), Spec((*fronts[1], heads * size), right))
    return Case(op, inputs, pixels, {"ReuseFactor": reuse} if reuse else {}, **more)


class TestMatmul(OperatorContract):
    cases: ClassVar = {
        "a matrix": case(5, 4, 3),
        "a matrix, in two parts": case(5, 4, 3, reuse=2),
        "a matrix, row by row": case(5, 4, 3, reuse=4),
        "transposed": case(5, 4, 3, transposed=True),
        "transposed, in two parts": case(5, 4, 3, transposed=True, reuse=2),
        "transposed, row by row": case(5, 4, 3, transposed=True, reuse=4),
        "two heads": case(3, 6, 2, heads=2, reuse=3),
        "two heads, transposed": case(3, 6, 2, heads=2, transposed=True, reuse=3),
        "three heads, all at once": case(4, 5, 2, heads=3, reuse=1),
        "three heads, all at once, transposed": case(4, 5, 2, heads=3, transposed=True, reuse=1),
        "as the planner has it": case(40, 12, 3),
        "as the planner has it, transposed": case(40, 12, 3, transposed=True),
        "one value": case(1, 1, 1),
        "one row": case(1, 4, 2, reuse=4),
        "one row is held": case(5, 1, 3, transposed=True),
        "long sums": case(2, 3, 20, transposed=True, reuse=3),
        "many held": case(2, 18, 2, reuse=2),
        "unsigned by signed": case(4, 4, 2, left=U4, right=S8, reuse=2),
        "bits": case(4, 4, 2, left=BIT, right=BIT, transposed=True),
        "wide": case(3, 4, 2, left=Fixed(True, 10, 12), right=Fixed(True, 5, 20), reuse=2),
        "and rounded": case(
            4, 4, 2, after=(Activation(Matmul((S8, S6), 4, 2).output_type, Kind.RELU, Fixed(False, 3, 2)),)
        ),
        "4 pixels": case(8, 4, 3, pixels=4, reuse=2),
        "4 pixels, no multiple, transposed": case(7, 6, 2, pixels=4, transposed=True, reuse=3),
    }
    bad: ClassVar = {
        "one input": (lambda: Matmul((S8,), 4, 3), "matmul: 1 inputs; give two"),  # type: ignore[arg-type]
        "no rows": (lambda: Matmul((S8, S8), 0, 3), "held=0; give a positive whole number"),
        "a flag": (lambda: Matmul((S8, S8), 4, 3, True), "heads=True; give a positive whole number"),
        "other rows": (
            lambda: Matmul((S8, S8), 4, 3).infer(Spec((1, 5, 4), S8), Spec((1, 5, 3), S8)),
            r"inputs of shapes \(1, 5, 4\) and \(1, 5, 3\); expected \(1, 5, 4\), with any .* and \(1, 4, 3\)",
        ),
        "an image": (
            lambda: Matmul((S8, S8), 4, 3).infer(Spec((2, 5, 4), S8), Spec((1, 4, 3), S8)),
            r"expected \(1, 5, 4\)",
        ),
        "a vector": (lambda: Matmul((S8, S8), 4, 3).infer(Spec((4,), S8), Spec((12,), S8)), "expected 3 axes"),
        "too wide": (lambda: Matmul((Fixed(True, 30, 0), Fixed(True, 31, 0)), 4, 3), "62 is the most"),
        "parts of other sizes": (lambda: plan_alone(case(5, 4, 3, reuse=3)), "reuse"),
    }

    def float_result(self, op: Matmul, *x_float: Real) -> Real:
        """Head by head, by the definition."""
        if op.interleaved:  # each sequence by itself
            alone = replace(op, interleaved=False)
            parts = [[x[:, None, :, n] for x in x_float] for n in range(x_float[0].shape[2])]
            return np.stack([self.float_result(alone, *part)[:, 0] for part in parts], axis=2)
        left, right = (x[:, 0] for x in x_float)
        found = []
        for h in range(op.heads):
            a = left[..., h * op.terms : (h + 1) * op.terms]
            b = right[..., h * op.size : (h + 1) * op.size]
            found.append(np.stack([x @ (y.T if op.transposed else y) for x, y in zip(a, b)]))
        return np.concatenate(found, axis=-1)[:, np.newaxis]


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("reuse", [1, 2, 6])
def test_the_right_rows_are_taken_in_and_then_met(reuse: int, transposed: bool) -> None:
    """A cycle for each row that is kept, ``reuse`` cycles for each row of the left operand and of the result."""
    core: Any = plan_alone(case(5, 6, 2, heads=2, transposed=transposed, reuse=reuse)).stage("alone").core
    timing = core.steps()
    assert timing.consumes[1].tolist() == [True] * 6 + [False] * 5
    assert timing.consumes[0].tolist() == timing.emits.tolist() == [False] * 6 + [True] * 5
    assert timing.cost.tolist() == [1] * 6 + [reuse] * 5
    assert core.terms * core.sums == 6 * 2 * 2 // reuse  # multipliers


def test_the_planner_shares_as_far_as_nobody_notices() -> None:
    """With 900 cycles for 12 rows that are kept and 64 that meet them; with no time to lose it shares nothing."""
    graph = case(64, 12, 3).graph("alone")
    for interval, reuse in ((900, 12), (500, 6), (76, 1)):
        found = plan_for(graph, parse_config({"Bitsmith": {"interval_cycles": interval}}))
        assert found.stage("alone").reuse == reuse


ESTIMATED = {
    "in_parts": case(8, 8, 4, heads=2, reuse=4),
    "in_parts_transposed": case(8, 8, 4, heads=2, transposed=True, reuse=4),
    "at_once": case(8, 6, 2, reuse=1),
}


@pytest.mark.slow
def test_its_formula_is_an_estimate_of_what_yosys_finds(tmp_path: Path, need: Need) -> None:
    need("yosys")
    assert_estimated(ESTIMATED, 1, tmp_path)


# from Keras ---------------------------------------------------------------------------------------

EXACT = {"Bitsmith": {"input": "fixed<8,4>"}, "HLSConfig": {"Model": {"Precision": "auto"}}}


@pytest.mark.parametrize("shape", [(4, 3), (4,), (2, 3, 3)])
def test_other_shapes_are_refused(shape: Shape) -> None:
    layer = LayerCase("Matmul", shape, {}, tensors=2)
    with pytest.raises(BitsmithError, match=r"Matmul of shapes .* is not supported; give \(a, b\) and \(b, c\)"):
        convert(read_network(model(layer, {}), Stored(layer), "net"), parse_config(EXACT))


@pytest.mark.train
def test_it_is_keras_s_operation(tmp_path: Path) -> None:
    k = library("keras")
    a, b = k.Input((5, 3), name="a"), k.Input((3, 4), name="b")
    found = assert_equal_to_keras(k.Model([a, b], k.ops.matmul(a, b), name="net"), tmp_path / "net.keras", EXACT)
    assert [node.op.stem for node in found.nodes] == ["matmul"]


class TestMatmulOfSequencesSideBySide(OperatorContract):
    """There is no C++ of this form."""

    test_hls_equals_reference = None  # type: ignore[assignment]
    test_bad_parameters_are_refused = None  # type: ignore[assignment]

    cases: ClassVar = {
        "a matrix": case(5, 4, 3, sequences=3, reuse=2),
        "transposed": case(5, 4, 3, sequences=2, reuse=2, transposed=True),
        "all at once, two heads": case(3, 4, 2, heads=2, sequences=3, reuse=1),
        "row by row": case(3, 4, 2, sequences=5, reuse=4, transposed=True),
        "one sequence": case(3, 4, 2, sequences=1, reuse=2),
    }

    def float_result(self, op: Matmul, *x_float: Real) -> Real:
        return TestMatmul().float_result(op, *x_float)
