"""Arithmetic is its definition for every number: rounding and overflow, division, roots by lines, matrices."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from amaranth.hdl import Module, Value
from formal import Harness, Prove, marked, spoilt
from formal_arithmetic import Functions, Modes, by_value, emitted, every_value, functional
from formal_pointwise import kernel
from formal_reference import literal

from bitsmith.gen.rtl.verilog import to_verilog
from bitsmith.hw.rtl.divide import LATENCY, divide
from bitsmith.hw.rtl.matrix import MatrixKernel, MatrixSpec
from bitsmith.hw.rtl.root import RootUnit
from bitsmith.sim.cast import Cast
from bitsmith.sim.division import RoundedDivision
from bitsmith.sim.fixed import Fixed, Overflow, Rounding, requantize
from bitsmith.sim.root import Form, Root

S, U = partial(Fixed, True), partial(Fixed, False)

# Rounding and overflow ----------------------------------------------------------------------------

NARROW = [(S(3, 4), S(1, 1)), (U(3, 3), U(1, 1)), (U(2, 4), S(2, 1)), (S(2, 4), U(2, 0)), (S(1, 1), S(1, 3))]
NARROW += [(S(2, 3), S(6, -1)), (S(3, 3), S(4, -3)), (S(0, 4), S(0, 0)), (U(0, 5), U(1, 0))]
WIDE = [(S(9, 10), S(4, 3)), (U(5, 9), U(2, 2)), (U(5, 9), S(2, 2)), (S(5, 9), U(2, 2)), (S(15, 16), S(10, 3))]
WIDE += [(S(20, 20), S(10, 10)), (S(1, 6), S(0, 0))]


@pytest.mark.parametrize("types", marked(NARROW, NARROW[:1]), ids=str)
def test_all_28_mode_pairs_are_the_reference(types: tuple[Fixed, Fixed], proof: Prove) -> None:
    """For every number of a narrow type: the reference's table."""
    modes = Modes(*types)
    x = every_value(modes.source)
    tables = {
        name: by_value(modes.source, requantize(x, modes.source.fraction, modes.target, *pair), modes.target.width)
        for name, pair in modes.pairs().items()
    }
    verdict = proof(f"requantize {modes.source} to {modes.target}", modes.harness(tables), emitted(modes.hardware()))
    assert verdict.proven, verdict


@pytest.mark.parametrize("types", marked(WIDE, ()), ids=str)
def test_all_28_mode_pairs_are_what_the_vendor_says(types: tuple[Fixed, Fixed], proof: Prove) -> None:
    """For every number of a wide type: UG1399's definition, written out."""
    modes = Modes(*types)
    part = f"requantize {modes.source} to {modes.target}, as defined"
    verdict = proof(part, modes.harness(modes.defined), emitted(modes.hardware()))
    assert verdict.proven, verdict


HALF = "[8:0] rnd_sat_value_rounded = {{4{number[7]}}, number[7:3]} + {8'd0, "
ROUNDING_BUGS = {
    "another bit as the half": (f"wire signed {HALF}number[2]}}", f"wire signed {HALF}number[1]}}", "rnd_sat"),
    "a limit too low": (
        "(trn_sat_value_rounded > $signed(8'd3))",
        "(trn_sat_value_rounded > $signed(8'd1))",
        "trn_sat",
    ),
}


@pytest.mark.slow
def test_a_wrong_rounding_or_limit_is_found(proof: Prove) -> None:
    modes = Modes(S(3, 4), S(1, 1))
    texts = emitted(modes.hardware())
    for name, (old, new, broken) in ROUNDING_BUGS.items():
        verdict = proof(f"requantize: {name}", modes.harness(modes.defined), spoilt(texts, (old, new)))
        assert not verdict.proven
        assert verdict.broken == broken


# Division -----------------------------------------------------------------------------------------


def dividers(divisor: int, source: Fixed, target: Fixed) -> tuple[Functions, dict[str, str]]:
    """A divider for each rounding mode, and its table by a true division."""
    up = max(0, target.fraction)
    x, functions, tables = every_value(source), {}, {}
    for mode in Rounding:
        division = RoundedDivision(source.raw_min, source.raw_max, up, divisor, mode)

        def build(m: Module, total: Value, name: str, division: RoundedDivision = division) -> Value:
            return divide(m, total, division, target, Overflow.SAT, name)

        name = mode.value.lower()
        functions[name] = (target.width, build)
        exact = np.clip(division.exact(x), target.raw_min, target.raw_max)
        tables[name] = by_value(source, exact, target.width)
    return Functions(source, functions), tables


@pytest.mark.parametrize("divisor", marked((1, 2, 3, 5, 6, 7, 9, 12, 49), ()))
@pytest.mark.parametrize("source", marked((S(6, 0), U(8, 0)), (S(6, 0),)), ids=str)
def test_a_divider_is_a_division(divisor: int, source: Fixed, proof: Prove) -> None:
    """In all seven rounding modes, for every sum."""
    module, tables = dividers(divisor, source, Fixed(source.signed, 4, 2))
    widths = {name: len(signal) for name, signal in module.outputs.items()}
    verdict = proof(f"{source} by {divisor}", functional(source, "x", widths, LATENCY, tables), emitted(module))
    assert verdict.proven, verdict


@pytest.mark.slow
def test_a_wrong_reciprocal_is_found(proof: Prove) -> None:
    source = S(6, 0)
    division = RoundedDivision(source.raw_min, source.raw_max, 2, 9, Rounding.TRN)
    module, tables = dividers(9, source, S(4, 2))
    widths = {name: len(signal) for name, signal in module.outputs.items()}
    multiplier, wrong = division.reciprocal.multiplier, division.reciprocal.multiplier - 1
    verdict = proof(
        "by 9, a reciprocal too small",
        functional(source, "x", widths, LATENCY, tables),
        spoilt(emitted(module), (f"$signed(19'd{multiplier})", f"$signed(19'd{wrong})")),
    )
    assert not verdict.proven


# Interpolation ------------------------------------------------------------------------------------


def root(inverse: bool, form: Form, newton: bool) -> Root:
    gain = Cast(U(3, 5) if inverse else U(1, 7), Rounding.RND, Overflow.SAT)
    return Root(U(4, 4), 3, 255, gain, inverse, form, 8, 10 if newton else 8, newton)


def rooted(unit: Root, module: RootUnit) -> Harness:
    """The reference's gains, of all sums that there can be."""
    gains = by_value(unit.source, unit(np.maximum(every_value(unit.source), unit.low)), unit.gain.type.width)
    width = {"gain": unit.gain.type.width}
    return functional(unit.source, "s", width, module.latency, {"gain": gains}, f"x_then >= {unit.low}")


ROOTS = [root(inverse, form, newton) for inverse in (False, True) for form in Form for newton in (False, True)]
NAMES = [f"{'square root' if r.inverse else 'reciprocal root'}, {r.form.value}{', newton' * r.newton}" for r in ROOTS]


@pytest.mark.parametrize("which", marked(range(len(ROOTS)), ()), ids=NAMES.__getitem__)
def test_a_root_by_lines_is_the_reference(which: int, proof: Prove) -> None:
    """Normalized, looked up, interpolated, improved where a Newton step follows, shifted back and rounded."""
    unit = ROOTS[which]
    module = RootUnit(unit)
    verdict = proof(NAMES[which], rooted(unit, module), emitted(module))
    assert verdict.proven, verdict


@pytest.mark.slow
def test_a_wrong_line_is_found(proof: Prove) -> None:
    unit = ROOTS[0]
    module = RootUnit(unit)
    texts = spoilt(emitted(module), ("square_root_line <= 18'sd80934", "square_root_line <= 18'sd80936"))
    verdict = proof("root: a line too steep", rooted(unit, module), texts)
    assert not verdict.proven


# Matrices: multipliers, shared multipliers, graphs of adders --------------------------------------

MATRIX = np.array([[[3, -2], [-4, 1], [0, 3]]])
BIAS = np.array([[5, -3]])
KERNELS = [("latency", 1), ("distributed_arithmetic", 1), ("distributed_arithmetic", 3)]
KERNELS += [("resource", 2), ("resource", 6)]


def made(strategy: str, reuse: int) -> tuple[MatrixKernel, list[str]]:
    """A 3 × 2 matrix on three numbers of 3 bits, and its sums written out."""
    y = S(6, 0)
    module = MatrixKernel(MatrixSpec(MATRIX, BIAS, 0, S(2, 0), y, strategy, reuse))
    sums = [
        " + ".join([literal(int(b), y.width), *(f"{literal(int(w), y.width)} * x0_{k}" for k, w in enumerate(column))])
        for b, column in zip(BIAS[0], MATRIX[0].T)
    ]
    return module, sums


@pytest.mark.parametrize("kind", marked(KERNELS, KERNELS[:1]), ids=str)
def test_a_matrix_is_its_sums(kind: tuple[str, int], proof: Prove) -> None:
    strategy, reuse = kind
    module, sums = made(strategy, reuse)
    verdict = proof(f"matrix, {strategy}, reuse {reuse}", kernel(module, sums), to_verilog({"kernel": module}))
    assert verdict.proven, verdict


MATRIX_BUGS = {
    "a wrong product": ("latency", 1, "product_0_0_0 <= ", "product_0_0_0 <= 1 + "),
    "a sum for a difference": ("distributed_arithmetic", 1, "{sum_0[4], sum_0} - ", "{sum_0[4], sum_0} + "),
    "a weight of another turn": ("resource", 6, "case (phase)", "case (phase ^ 1)"),
}


@pytest.mark.parametrize("bug", marked(MATRIX_BUGS, ("a wrong product",)))
def test_a_wrong_matrix_is_found(bug: str, proof: Prove) -> None:
    strategy, reuse, old, new = MATRIX_BUGS[bug]
    module, sums = made(strategy, reuse)
    verdict = proof(f"matrix: {bug}", kernel(module, sums), spoilt(to_verilog({"kernel": module}), (old, new)))
    assert not verdict.proven
    assert verdict.broken.startswith("element ")
