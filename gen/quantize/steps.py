"""Weights of BinaryDense and TernaryDense, and the functions that give two or three values.

The classes are those that hls4ml takes by name, from the layers of binary and ternary networks for Keras that its
examples were trained with. Every value is what their own definition gives in floating point:

- a binary weight is ``H * (2 * round(clip(w / H / 2 + 1/2, 0, 1)) - 1)``, so that of 0 is -H;
- a ternary one is H where ``w / H > 1/2``, -H where ``w / H <= -1/2``, else 0;
- ``binary_sigmoid`` is ``round(clip(x / 2 + 1/2, 0, 1))``, half to even as in QKeras, ``binary_tanh`` twice that
  less 1, and ``ternary_tanh`` a ternary weight's step at H = 1.

hls4ml itself takes 0 for +1 (decisions/0013).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Constant, Fixed, FloatArray, Overflow, Rounding
from ...sim.op import Operator, Spec
from ...sim.ops.activation import Activation, Kind
from ...sim.ops.batch_norm import BatchNorm
from .activation import HALF, ONE, ZERO
from .weights import WeightGrid, shifted

STEPS = ("binary_sigmoid", "binary_tanh", "ternary_tanh")
"""Names of functions that bring a type of their own."""


def signed_weights(binary: bool, values: FloatArray, h: float, dtype: Any, where: str) -> WeightGrid:
    """Binary or ternary weights of a layer with its ``h``, computed in float64 only if that is its ``dtype``."""
    if h <= 0:
        raise BitsmithError(f"{where}: H={h:g} is not supported; supported: numbers above 0")
    of = np.float64 if dtype == "float64" else np.float32
    w = values.astype(of) / of(h)
    if binary:
        raw = 2 * np.rint(np.clip(of(0.5) * w + of(0.5), 0, 1)).astype(np.int64) - 1
    else:
        raw = (w > 0.5).astype(np.int64) - (w <= -0.5)
    scale = None if h == 1 else np.full(1, float(of(h)))
    return shifted(WeightGrid(raw, Fixed(True, 1, 0), scale), where, "H=1")


def is_step(activation: Any) -> bool:
    """Whether an ``activation=`` is one of ``STEPS``."""
    return isinstance(activation, str) and activation in STEPS


def step_operators(name: str, spec: Spec) -> list[Operator]:
    """The operators of one of ``STEPS`` on a tensor."""
    if name == "ternary_tanh":
        modes = (Rounding.RND_MIN_INF, Overflow.SAT)
        return [Activation(spec.type, Kind.HARD_TANH, Fixed(True, 1, 0), *modes, lower=Constant(-1), upper=ONE)]
    bit = Fixed(False, 1, 0)
    sigmoid = Activation(spec.type, Kind.HARD_SIGMOID, bit, slope=HALF, offset=HALF, lower=ZERO, upper=ONE)
    if name == "binary_sigmoid":
        return [sigmoid]
    channels = spec.shape[-1]
    two, minus_one = np.full(channels, 2, dtype=np.int64), np.full(channels, -1, dtype=np.int64)
    return [sigmoid, BatchNorm(bit, two, Fixed(False, 2, 0), minus_one, Fixed(True, 1, 0))]
