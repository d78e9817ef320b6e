"""The operator contract (contract.py) for types that differ from channel to channel, and from element to element."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from definitions import Real, quantized
from estimated import assert_estimated
from hardware import Case, plan_alone

from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, Overflow, Rounding
from bitsmith.sim.op import Operator, Shape, Spec
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.concatenate import Concatenate
from bitsmith.sim.ops.maximum import Maximum
from bitsmith.sim.ops.retype import Retype

S8, U8, S30 = Fixed(True, 3, 4), Fixed(False, 0, 8), Fixed(True, 14, 15)
SPREAD = ((1, 3, 1), (0, 2, 5), (0, 0, 0), (1, -1, 4), (1, 0, 0), (0, 5, -2), (1, 8, 6))
"""sign, integer, fraction: coarser, unsigned, nothing, a negative integer part, one bit, a negative fraction, wider."""


ALL = Fixed(True, 8, 6)
"""What holds them all."""
SYMMETRIC = (*(type_ for type_ in SPREAD if type_ != (1, 0, 0)), (1, 2, 2))
"""ap_fixed has an exception of its own for one signed bit; tests/sim/test_fixed.py holds it to that."""


def op(x: Fixed, types: Any = SPREAD, **more: Any) -> Retype:
    signs, integers, fractions = np.moveaxis(np.array(types), -1, 0)
    return Retype(x, signs, integers, fractions, **more)


def case(x: Fixed, shape: Shape = (2, 3, 7), pixels: int = 1, types: Any = SPREAD, **more: Any) -> Case:
    return Case(op(x, types, **more), (Spec(shape, x),), pixels)


def scattered(*shape: int, among: Any = SPREAD) -> Any:
    """A type for every element, by a fixed rule."""
    places = np.arange(int(np.prod(shape))).reshape(shape)
    return np.array(among)[places * 5 % 11 % len(among)]


def modes() -> dict[str, Case]:
    """Each rounding with two overflows, and each overflow with one rounding or more."""
    overflows = list(Overflow)
    pairs = [(rounding, overflows[(k + j) % 4]) for k, rounding in enumerate(Rounding) for j in (0, 1)]
    return {f"{r.value}, {o.value}": case(S8, types=_types(o), rounding=r, overflow=o) for r, o in pairs}


def _types(overflow: Overflow) -> Any:
    return SYMMETRIC if overflow is Overflow.SAT_SYM else SPREAD


class TestRetype(OperatorContract):
    cases: ClassVar = {
        **modes(),
        "of unsigned": case(U8, overflow=Overflow.SAT),
        "of 30 bits": case(S30),
        "a vector": case(S8, (7,)),
        "a sequence": case(S8, (1, 5, 7)),
        "saturating": case(S8, overflow=Overflow.SAT, rounding=Rounding.RND_CONV),
        "unsigned": case(U8),
        "one type for all": case(S8, types=[(1, 1, 2)] * 7),
        "nothing but zeros": case(S8, types=[(0, 2, -2)] * 7),
        "from pixel to pixel": case(S8, (3, 4, 2), types=scattered(3, 4, 2)),
        "from step to step": case(S8, (1, 6, 2), types=scattered(1, 6, 2, among=SYMMETRIC), overflow=Overflow.SAT_SYM),
        "4 pixels, width no multiple": case(S8, (3, 10, 7), 4),
        "4 pixels, from pixel to pixel": case(S8, (2, 6, 2), 4, types=scattered(2, 6, 2), rounding=Rounding.RND_CONV),
        "4 pixels, a vector": case(S8, (7,), 4),
    }
    bad: ClassVar = {
        "too many bits": (lambda: op(S8, [(1, 60, 4)]), "has not 0 to 63 bits"),
        "too few bits": (lambda: op(S8, [(0, 3, -4)]), "has not 0 to 63 bits"),
        "a sign and nothing else": (lambda: op(S8, [(1, 0, -1)]), "one of 0 bits has no sign"),
        "a sign of 2": (lambda: op(S8, [(2, 3, 4)]), "signs holds raw 2..2"),
        "an absurd fraction": (lambda: op(S8, [(0, -900, 910)]), "integers holds raw -900"),
        "types too far apart": (lambda: op(S8, [(0, 40, 0), (0, 0, 40)]), "62 is the most"),
        "no types": (lambda: op(S8, np.zeros((0, 3), dtype=int)), "holds no value"),
        "a number for all": (lambda: Retype(S8, 1, 3, 4), "give one value a channel"),  # type: ignore[arg-type]
        "of another number of channels": (lambda: op(S8).infer(Spec((2, 2, 3), S8)), "give one a channel"),
        "an unknown overflow": (lambda: op(S8, overflow="CLIP"), "overflow 'CLIP' is unknown"),
    }

    def float_result(self, op: Retype, *x_float: Real) -> Real:
        """Element by element, by the description of the modes."""
        x = x_float[0]
        signs, integers, fractions = (np.broadcast_to(a, x.shape[1:]) for a in (op.signs, op.integers, op.fractions))
        y = np.zeros_like(x)
        for place in np.ndindex(*x.shape[1:]):
            sign, integer, fraction = (int(a[place]) for a in (signs, integers, fractions))
            if sign + integer + fraction > 0:
                own = Fixed(bool(sign), integer, fraction)
                every = (slice(None), *place)
                y[every] = quantized(x[every], own, op.rounding, op.overflow)
        return y


def test_the_output_type_is_the_smallest_that_holds_all() -> None:
    assert op(S8, [(1, 3, 1), (0, 2, 5)]).output_type == Fixed(True, 3, 5)
    assert op(S8, [(0, 3, 1), (0, 2, 5)]).output_type == Fixed(False, 3, 5)
    assert op(S8, [(1, -2, 5), (0, 0, 0)]).output_type == Fixed(True, -2, 5)


def test_types_of_every_pixel_serve_one_size_only() -> None:
    assert op(S8).per_pixel
    assert not op(S8, scattered(2, 2, 2)).per_pixel
    with pytest.raises(BitsmithError, match="give one a channel"):
        op(S8, scattered(2, 2, 2)).infer(Spec((4, 4, 2), S8))


@pytest.mark.parametrize(
    "join", [Add((ALL, ALL)), Maximum((ALL, ALL)), Concatenate((ALL, ALL))], ids=lambda op: op.stem
)
def test_what_computes_forgets_the_own_types(join: Operator) -> None:
    """Only what hands on values as they are may keep them: a maximum's channels have the types of neither input."""
    both = (op(S8), op(S8, SPREAD[::-1]))
    assert {retype.output_type for retype in both} == {ALL}
    plan = plan_alone(Case(join, (Spec((2, 3, 7), S8),) * 2, before=both))
    assert all(plan.stage(name).layout.own is not None for name in plan.stage("alone").sources)
    assert plan.stage("alone").layout.own is None


@pytest.mark.slow
def test_its_formula_is_an_estimate_of_what_yosys_finds(tmp_path: Path, need: Callable[..., None]) -> None:
    need("yosys")
    every = {"rounded": case(S30), "saturated": case(S30, overflow=Overflow.SAT, rounding=Rounding.RND_CONV)}
    assert_estimated(every | {"by_pixel": case(S30, (2, 6, 2), types=scattered(2, 6, 2))}, 1, tmp_path)
