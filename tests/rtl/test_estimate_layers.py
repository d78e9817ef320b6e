"""What no other test of an estimate holds to Yosys: activations, pools, convolutions, normalizations and the rest."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import test_dot
import test_estimate_joins
import test_estimate_pixels
import test_flatten
import test_log_softmax
import test_matmul
import test_permute
from estimated import assert_estimated
from hardware import Case, draw, plan_alone
from test_argmax import case as argmax
from test_average_pool2d import case as average_pool
from test_concatenate import case as concatenate
from test_conv2d import case as conv
from test_conv2d import shared as conv_shared
from test_conv2d_transpose import case as transposed
from test_crop import case as crop
from test_dense import typed as dense_graph
from test_depthwise_conv2d import case as depthwise
from test_embedding import case as embedding
from test_gdn import case as gdn
from test_gdn import one_gain
from test_global_average_pool2d import case as global_average
from test_max_pool2d import case as max_pool
from test_prelu import case as prelu
from test_retype import case as retype
from test_softmax import case as softmax

from bitsmith.gen.resources import formulas
from bitsmith.sim.fixed import Constant, Fixed, Overflow, Rounding
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.batch_norm import BatchNorm
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.global_max_pool2d import GlobalMaxPool2D

Need = Callable[..., None]
S8, S16, S6, S5 = Fixed(True, 3, 4), Fixed(True, 7, 8), Fixed(True, 2, 3), Fixed(True, 1, 3)
HALF, ONE = Constant(1, 1), Constant(1)
IMAGE = (4, 6, 3)


def act(kind: Kind, source: Fixed = S16, to: Fixed = S8, **more: Any) -> Case:
    return Case(Activation(source, kind, to, **more), (Spec(IMAGE, source),))


def spread() -> Case:
    """A vector in one beat that becomes an image."""
    dense = Dense(S8, draw(S6, 6, 12), S6, draw(S8, 12), S8)
    return Case(Flatten(dense.accumulator.type, (2, 3, 2)), (Spec((6,), S8),), before=(dense,))


def norm(scale: Fixed) -> Case:
    return Case(BatchNorm(S8, draw(scale, 3), scale, draw(S16, 3), S16), (Spec(IMAGE, S8),))


CASES = {
    "prelu_short": prelu(S5),
    "prelu": prelu(Fixed(True, 3, 8), S16),
    "prelu_unsigned": prelu(S5, Fixed(False, 0, 8)),
    "embedding": embedding(8, 3, 3),
    "embedding_long": embedding(300, 4, 9),
    "thresholded": act(Kind.THRESHOLDED_RELU, offset=Constant(3, 1)),
    "thresholded_exact": act(Kind.THRESHOLDED_RELU, S8, offset=ONE),
    "relu": act(Kind.RELU),
    "leaky": act(Kind.LEAKY_RELU, slope=Constant(77, 8)),
    "rounded": act(Kind.LINEAR),
    "cut": act(Kind.LINEAR, rounding=Rounding.TRN, overflow=Overflow.WRAP),
    "hard_tanh": act(Kind.HARD_TANH, lower=Constant(-1), upper=ONE),
    "table": act(Kind.TABLE, function="tanh", table_type=Fixed(True, 2, 7)),
    "norm": norm(Fixed(True, 2, 7)),
    "argmax": argmax(7),
    "global_max": Case(GlobalMaxPool2D(S8), (Spec(IMAGE, S8),)),
    "max_pool": max_pool(IMAGE, (2, 2), (2, 2)),
    "concatenate": concatenate((3, 4), 2, 3),
    "spread": spread(),
    "crop_rows": crop((7, 9, 2), (1, 5), (2, 7), (0, 2)),
}
MORE = {
    "embedding_wide": embedding(40, 16, 6),
    "hard_sigmoid": act(Kind.HARD_SIGMOID, slope=Constant(51, 8), offset=HALF, lower=Constant(0), upper=ONE),
    "table_long": act(Kind.TABLE, function="sigmoid", table_type=Fixed(True, 3, 8)),
    "norm_wide": norm(Fixed(True, 4, 17)),
    "softmax": softmax((5,)),
    "softmax_of_channels": softmax((2, 3, 4)),
    "average_pool": average_pool(IMAGE, (2, 2), (2, 2)),
    "average_pool_of_nine": average_pool((6, 9, 2), (3, 3), (3, 3)),
    "global_average": global_average(IMAGE),
    "max_pool_over": max_pool((6, 9, 2), (3, 3), (2, 2)),
    "conv": conv((3, 3, 2, 4), 6, 7),
    "conv_graph": conv_shared("distributed_arithmetic", 1),
    "conv_shared": conv_shared("resource", 4),
    "depthwise": depthwise((3, 3, 2, 1), 6, 7),
    "transposed": transposed((3, 3, 2, 3), 4, 5, strides=(2, 2)),
    "dense": Case(Dense(S8, draw(S6, 12, 5), S6, draw(S8, 5), S8), (Spec((12,), S8),)),
    "gdn": gdn(4),
    "one_gain": one_gain(),
    "one_gain_shared": one_gain(4),
}
GROUPS: dict[str, tuple[dict[str, Case], int, tuple[str, ...]]] = {
    "each": (CASES, 1, ("argmax_vector", "relu_in")),
    "more": (MORE, 1, ("softmax_vector",)),
    "four pixels": ({"pooled": average_pool((6, 9, 2), (3, 3), (3, 3)), "norm": norm(S5)}, 4, ("pooled_narrow",)),
}
"""Cases, pixels per cycle, and stages that the planner puts around them."""


@pytest.mark.parametrize("name", ["each", *(pytest.param(n, marks=pytest.mark.slow) for n in ("more", "four pixels"))])
def test_formulas_are_estimates_of_what_yosys_finds(tmp_path: Path, need: Need, name: str) -> None:
    need("yosys")
    cases, pixels, stages = GROUPS[name]
    assert_estimated(cases, pixels, tmp_path, stages=stages)


ELSEWHERE = (
    test_dot.ESTIMATED,
    test_estimate_joins.CASES,
    test_estimate_joins.MORE,
    test_estimate_pixels.CASES,
    test_flatten.ESTIMATED,
    test_log_softmax.ESTIMATED,
    test_matmul.ESTIMATED,
    test_permute.ESTIMATED,
)
RECURRENT = {"GRUCell", "LSTMCell", "RecurrentCore", "RepeatVectorCore", "ReverseCore", "SimpleRNNCell"}
"""Held to Yosys in test_estimate_recurrent."""
AROUND = {"CollectCore", "EntranceCore", "NarrowCore"}
"""What the stages in ``GROUPS`` are."""


def test_no_formula_is_left_out() -> None:
    """Every class that has one is that of a case here, or of one elsewhere that is held to Yosys as well."""
    every = [*CASES.values(), *MORE.values(), dense_graph(12), retype(Fixed(True, 14, 15))]
    held = RECURRENT | AROUND
    for case in every + [case for cases in ELSEWHERE for case in cases.values()]:
        modules = (module for stage in plan_alone(case).stages for module in (stage.core, *stage.pointwise))
        held |= {type(module).__name__ for module in modules if module.name == "alone"}
    for stem in sorted({file.stem for file in Path(formulas.__file__).parent.glob("*.py")} - {"__init__"}):
        import_module(f"{formulas.__package__}.{stem}")
    assert {kind.__name__ for kind in formulas._FORMULAS} == held
