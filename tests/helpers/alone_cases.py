"""Networks whose layers are driven alone: one deep, in which nothing leads to some points, and one of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hls_cases import (
    S5,
    S8,
    U8,
    activation,
    argmax,
    average,
    batch_norm,
    chain,
    conv,
    dense,
    joined,
    max_pool,
    retype,
)

from bitsmith.sim.cast import Cast
from bitsmith.sim.fixed import Constant, Fixed, Overflow, Rounding
from bitsmith.sim.graph import Graph
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.activation import Kind
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.gdn import GDN
from bitsmith.sim.ops.global_average_pool2d import GlobalAveragePool2D

NARROW: dict[str, Any] = {"rounding": Rounding.RND_CONV, "overflow": Overflow.SAT}


def fine(outputs: int, seed: int) -> Callable[[Spec], Operator]:
    """A dense layer with weights of 19 bits: one sum in a million is a tie behind it."""
    kernel_type = Fixed(True, 0, 18)

    def make(x: Spec) -> Operator:
        size = (x.shape[0], outputs)
        kernel = np.random.default_rng(seed).integers(kernel_type.raw_min, kernel_type.raw_max, size)
        return Dense(x.type, kernel, kernel_type, np.zeros(outputs, dtype=np.int64), S8)

    return make


def deep() -> Graph:
    """Ties and limits of the last rounding that no frame is found for."""
    last = activation(Kind.LINEAR, Fixed(True, 4, 0), **NARROW)
    return chain("deep", (6,), S8, fine(8, 1), activation(Kind.LINEAR, S8, **NARROW), fine(3, 2), last)


def gdn(inverse: bool) -> Callable[[Spec], Operator]:
    def make(x: Spec) -> Operator:
        gamma = np.random.default_rng(3).integers(0, 16, (x.shape[-1],) * 2)
        gain = Cast(Fixed(False, 3, 10), Rounding.RND_CONV, Overflow.SAT)
        beta = np.full(x.shape[-1], 3)
        return GDN(x.type, gamma, Fixed(False, 0, 4), beta, Fixed(False, 1, 4), gain, inverse, segments=16, width=16)

    return make


def every_kind() -> Graph:
    """What has points: functions of one value, means, types by channel, decisions, roots; behind other layers."""
    image, wide = (6, 6, 2), Fixed(True, 7, 9)
    tanh = activation(Kind.TABLE, S8, function="tanh", table_type=Fixed(True, 2, 5))
    hard = {"slope": Constant(1, 2), "offset": Constant(1, 1), "lower": Constant(0), "upper": Constant(1), **NARROW}
    graphs = [
        chain("linear", image, S8, conv((3, 3), 2), activation(Kind.LINEAR, S5, **NARROW), max_pool((2, 2), (2, 2))),
        chain("vector", (5,), S8, dense(3), activation(Kind.LINEAR, Fixed(True, 3, 1), rounding=Rounding.RND)),
        chain("relu", image, S8, conv((1, 1), 2), activation(Kind.RELU, U8, upper=Constant(1, 1))),
        chain("leaky", image, wide, activation(Kind.LEAKY_RELU, S8, slope=Constant(3, 4), rounding=Rounding.RND)),
        chain("table", image, wide, batch_norm(8), tanh),
        chain("hard", image, wide, activation(Kind.HARD_SIGMOID, U8, **hard)),
        chain("mean", image, S8, average((2, 2), (2, 2)), average((3, 3), (1, 1))),
        chain("all", image, S8, lambda x: GlobalAveragePool2D(x.type, Fixed(True, 3, 6), Rounding.RND)),
        chain("types", image, wide, retype, activation(Kind.LINEAR, Fixed(True, 1, 1), rounding=Rounding.RND_CONV)),
        chain("decision", (6,), S8, dense(4), argmax),
        chain("root", image, S8, conv((1, 1), 2), activation(Kind.LINEAR, S8, **NARROW), gdn(False)),
        chain("inverse", image, S8, gdn(True), activation(Kind.LINEAR, S8, **NARROW)),
    ]
    return joined(graphs)
