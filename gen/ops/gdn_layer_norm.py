"""LayerNormalization: what stands around the gdn that divides by the root of the variance.

With ``k = floor(log2(C))`` and ``r = C / 2**k`` the steps are: ``d = r * (x - mean)``, exact, as ``x * r`` minus the
sum times ``2**-k``; ``z = d / sqrt(r**3 * epsilon + 2**-k * sum d**2)``, which is the normalized value over
``sqrt(r)``; and a batch_norm that has the layer's own gamma and beta, and that root.
"""

from __future__ import annotations

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, FloatArray
from ...sim.op import Operator
from ...sim.ops.batch_norm import BatchNorm
from ...sim.ops.conv2d import Conv2D
from ...sim.ops.dense import Dense
from ...sim.ops.subtract import Subtract
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.network import Layer

BITS = 18
"""Of the differences from the mean and of the normalized values, at most: a narrow port of a DSP."""


def parameters(layer: Layer, a: Attributes, channels: int, axes: int) -> tuple[FloatArray, FloatArray, float]:
    """gamma and beta (channels,), ones and zeros where there are none, and epsilon."""
    a.only("axis", -1, axes)
    a.only("rms_scaling", False)
    epsilon, index = a.number("epsilon", 1e-3) or 0.0, 0
    found = []
    for name, flag, absent in (("gamma", "scale", 1.0), ("beta", "center", 0.0)):
        if a.flag(flag, True):
            found.append(layer.weight(index, (name,), (channels,)))
            index += 1
        else:
            found.append(np.full(channels, absent))
    if epsilon <= 0:
        a.refuse("epsilon", epsilon, "numbers above 0")
    return found[0], found[1], epsilon


def stretch(channels: int) -> tuple[int, float]:
    """k and r."""
    k = channels.bit_length() - 1
    return k, channels / (1 << k)


def differences(build: Builder, layer: Layer, x: Tensor) -> Tensor:
    """``d``: each channel minus the mean of all, times r."""
    channels, (k, r) = x.shape[-1], stretch(x.shape[-1])
    one, none, nothing = Fixed(False, 1 - k, k), np.zeros(1, dtype=np.int64), Fixed(False, 1, 0)
    ones = np.ones((channels, 1), dtype=np.int64)
    if len(x.shape) == 1:
        total: Operator = Dense(x.type, ones, one, none, nothing)
    else:
        total = Conv2D(x.type, ones[None, None], one, none, nothing)
    mean = build.add(layer, total, x, suffix="sum", shape=(*x.shape[:-1], 1))
    if r != 1:
        times = np.full(channels, channels, dtype=np.int64)
        op = BatchNorm(x.type, times, Fixed.holding(0, channels, k), np.zeros(channels, dtype=np.int64), nothing)
        x = build.add(layer, op, x, suffix="times", shape=x.shape)
    return build.add(layer, Subtract((x.type, mean.type)), x, mean, suffix="difference", shape=x.shape)


def narrow(type: Fixed) -> Fixed:
    """A type of at most ``BITS`` bits with the same range."""
    return Fixed(type.signed, type.integer, type.fraction - max(type.width - BITS, 0))


def normalized_type(channels: int) -> Fixed:
    """Holds every normalized value: none is larger than the root of the number of channels."""
    integer = max((channels.bit_length() + 1) // 2, 1)
    return Fixed(True, integer, BITS - 1 - integer)


def check_channels(layer: Layer, channels: int) -> None:
    if channels < 2:
        raise BitsmithError(f"'{layer.name}': the normalization of one channel is zero everywhere; remove it")
