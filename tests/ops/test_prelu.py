"""The operator contract for PReLU, and what Keras's layer becomes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from definitions import Real
from hardware import Case, draw
from layer_configs import Case as LayerCase
from layer_configs import Stored, model

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert.layers import convert
from bitsmith.gen.read.network import read_network
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, to_float
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.prelu import PReLU

S8, U8, S5 = Fixed(True, 3, 4), Fixed(False, 0, 8), Fixed(True, 1, 3)


def case(slope: Fixed, x: Fixed = S8, shape: Shape = (3, 4, 3), pixels: int = 1, after: Any = ()) -> Case:
    return Case(PReLU(x, draw(slope, shape[-1]), slope), (Spec(shape, x),), pixels, after=after)


class TestPReLU(OperatorContract):
    cases: ClassVar = {
        "an image": case(Fixed(True, 1, 4)),
        "unsigned slopes": case(Fixed(False, 0, 6)),
        "whole slopes": case(Fixed(True, 3, 0)),
        "even slopes": case(Fixed(True, 4, -1)),
        "no slope": Case(PReLU(S8, np.zeros(3, dtype=np.int64), S5), (Spec((3, 4, 3), S8),)),
        "of unsigned": case(S5, U8),
        "one channel": case(S5, shape=(2, 5, 1)),
        "of one signed bit": case(S5, Fixed(True, 0, 0)),
        "from 30 bits": case(Fixed(True, 2, 9), Fixed(True, 14, 15), (2, 3, 2)),
        "a vector": case(S5, shape=(7,)),
        "a sequence": case(S5, shape=(1, 7, 2)),
        "and rounded": case(S5, after=(Activation(PReLU(S8, draw(S5, 3), S5).output_type, Kind.LINEAR, S5),)),
        "4 pixels, width no multiple": case(S5, shape=(3, 10, 2), pixels=4),
    }
    bad: ClassVar = {
        "another number of channels": (
            lambda: PReLU(S8, np.zeros(3, dtype=np.int64), S5).infer(Spec((4, 4, 2), S8)),
            "2 channels, and there are 3 slopes",
        ),
        "too wide": (
            lambda: PReLU(Fixed(True, 29, 20), draw(Fixed(True, 19, 0), 2), Fixed(True, 19, 0)),
            "63 is the most",
        ),
        "a slope outside of its type": (lambda: PReLU(S8, np.array([99]), S5), "slope"),
    }

    def float_result(self, op: PReLU, *x_float: Real) -> Real:
        (x,), slope = x_float, to_float(op.slope, op.slope_type)
        return np.maximum(x, 0) + slope * np.minimum(x, 0)


CONFIG = {
    "Bitsmith": {"input": "fixed<8,4>"},
    "HLSConfig": {"Model": {"Precision": {"weight": "fixed<6,2,RND_CONV,SAT>"}}},
}


def converted(shape: Shape, shared: Any, weights: Shape) -> Any:
    config = {"shared_axes": shared}
    layer = LayerCase("PReLU", shape, config, {"alpha": weights})
    return convert(read_network(model(layer, config), Stored(layer), "net"), parse_config(CONFIG))


@pytest.mark.parametrize(
    ("shape", "shared", "weights"),
    [
        ((4, 5, 2), [1, 2], (1, 1, 2)),
        ((4, 5, 2), [1, 2, 3], (1, 1, 1)),
        ((6, 2), [1], (1, 2)),
        ((6, 2), 1, (1, 2)),
        ((4,), None, (4,)),
    ],
)
def test_one_slope_for_each_channel(shape: Shape, shared: Any, weights: Shape) -> None:
    (node,) = converted(shape, shared, weights).nodes
    assert node.op.stem == "prelu"
    assert len(node.op.slope) == shape[-1]


@pytest.mark.parametrize(
    ("shared", "weights", "message"),
    [
        (None, (4, 5, 2), "shared_axes on 'tested': its slopes differ from place to place.*shared_axes=\\[1, 2\\]"),
        ([3], (4, 5, 1), "differ from place to place"),
        ([0], (4, 5, 2), "shared_axes=\\(0,\\) on 'tested'"),
        ([-1], (4, 5, 2), "shared_axes=\\(-1,\\) on 'tested'"),
    ],
)
def test_slopes_of_places_are_refused(shared: Any, weights: Shape, message: str) -> None:
    with pytest.raises(BitsmithError, match=message):
        converted((4, 5, 2), shared, weights)
