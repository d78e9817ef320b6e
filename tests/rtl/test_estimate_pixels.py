"""What moves or folds pixels: its formulas are held to what Yosys finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from estimated import assert_estimated
from hardware import Case

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.up_sampling2d import UpSampling2D
from bitsmith.sim.ops.zero_padding2d import ZeroPadding2D

Need = Callable[..., None]
S8 = Fixed(True, 3, 4)
IMAGE = (Spec((5, 70, 3), S8),)
CASES = {
    "rows": Case(UpSampling2D(S8, (3, 1)), IMAGE),
    "columns": Case(UpSampling2D(S8, (1, 3)), IMAGE),
    "both": Case(UpSampling2D(S8, (2, 2)), IMAGE),
    "deep": Case(UpSampling2D(S8, (2, 2)), (Spec((3, 300, 16), S8),)),
    "zeros": Case(ZeroPadding2D(S8, ((2, 1), (3, 2))), IMAGE),
    "above": Case(ZeroPadding2D(S8, ((1, 0), (0, 0))), IMAGE),
    "folded": Case(Activation(S8, Kind.ABSOLUTE, Fixed(False, 4, 4)), IMAGE),
}


@pytest.mark.slow
@pytest.mark.parametrize("pixels", [1, 4])
def test_formulas_are_estimates_of_what_yosys_finds(tmp_path: Path, need: Need, pixels: int) -> None:
    need("yosys")
    assert_estimated(CASES, pixels, tmp_path)
