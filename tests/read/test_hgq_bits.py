"""Bits of HGQ2's quantizers that are no bits: one line that names the layer, whatever a file holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_configs import CASES, Case, Stored, model
from numpy.typing import NDArray
from test_attribute_types import TYPED

from bitsmith.gen.convert.layers import convert
from bitsmith.gen.read.network import read_network
from bitsmith.gen.read.weights import Place
from bitsmith.sim.errors import BitsmithError

DENSE = next(case for case in CASES if case.class_name == "hgq>QDense")
ADD = next(case for case in CASES if case.class_name == "hgq>QAdd")
PROXY = next(case for case in CASES if case.class_name == "FixedPointQuantizer")


class Changed(Stored):
    """The case's weights with others in the place of some; None takes one away."""

    def __init__(self, case: Case, changes: dict[str, Any]) -> None:
        super().__init__(case)
        self.changes = changes

    def of(self, place: Place, part: str = "") -> dict[str, NDArray[np.float64]]:
        found: dict[str, Any] = super().of(place, part) | self.changes
        return {name: np.asarray(value, dtype=np.float64) for name, value in found.items() if value is not None}


@pytest.mark.parametrize(
    ("case", "changes", "message"),
    [
        (DENSE, {"iq/quantizer/k": np.full((1, 4), 2.0)}, "the bits of iq are no numbers of bits up to 64"),
        (DENSE, {"iq/quantizer/i": np.full((1, 4), 1e30)}, "the bits of iq are no numbers of bits up to 64"),
        (DENSE, {"kq/quantizer/f": np.full((4, 2), -1e9)}, "the bits of kq are no numbers of bits up to 64"),
        (DENSE, {"iq/quantizer/i": np.ones((1, 3))}, "the bits of iq have several shapes"),
        (DENSE, {f"iq/quantizer/{n}": np.ones((1, 3)) for n in "kif"}, "the tensor has shape"),
        (DENSE, {f"kq/quantizer/{n}": np.ones((4, 3)) for n in "kif"}, "kernel has shape"),
        (DENSE, {f"iq/quantizer/{n}": np.full((1, 4), 60.0) for n in "if"}, "has not 0 to 63 bits"),
        (DENSE, {"iq/quantizer/i": [[60.0, 0, 0, 0]], "iq/quantizer/f": [[0, 60.0, 0, 0]]}, "62 is the most"),
        (DENSE, {"oq/quantizer/k": None}, "the file holds no oq/quantizer/k"),
        (DENSE, {"oq/quantizer/more": np.ones(3)}, "variables that are not understood: oq/quantizer/more"),
        (ADD, {f"iq/quantizers/quantizer_1/quantizer/{n}": None for n in "kif"}, "'tested': the file holds no iq1/i"),
        (PROXY, {"bits": np.full((1, 4), -1.0)}, "its bits are no numbers of bits"),
        (PROXY, {"integers": np.full((1, 4), 1e30)}, "its bits are no numbers of bits"),
        (PROXY, {"keep_negative": np.ones((1, 2))}, "its bits are no numbers of bits"),
        (PROXY, {"bits": None}, "the file holds no bits"),
    ],
)
def test_what_are_no_bits(case: Case, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BitsmithError, match=message) as caught:
        convert(read_network(model(case, case.config), Changed(case, changes), "m.keras"), TYPED)
    assert "'tested'" in str(caught.value)
    assert "\n" not in str(caught.value)
