"""Fixed point inside a trainable layer: exact values forward, straight-through gradients backward.

Every function works in the dtype of its tensor. Its values are exact as long as that dtype holds them: float32 has 24
bits, which short types stay below; a layer with long ones gets ``dtype="float64"``.

Source of the gradients: Bengio et al., "Estimating or propagating gradients through stochastic neurons" (2013).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..sim.fixed import Fixed, to_float
from ..sim.table import FUNCTIONS, table

Tensor = Any
Activation = Callable[[Tensor], Tensor]
_FLOAT32_ERROR = 2.0**-20
"""More than TensorFlow's float32 sigmoid and tanh are ever wrong: sixteen units in the last place of 1."""


def parse(text: str) -> Fixed:
    """A type such as ``fixed<8,1>``; the layer fixes rounding and overflow, so they are not written."""
    return Fixed.parse(text)[0]


def to_grid(x: Tensor, type: Fixed) -> Tensor:
    """``x`` rounded to ``type``: half to even (RND_CONV), saturated (SAT). No gradient of its own."""
    import tensorflow as tf

    raw = tf.clip_by_value(tf.round(x * 2.0**type.fraction), type.raw_min, type.raw_max)
    return raw * 2.0**-type.fraction


def fake_quant(x: Tensor, type: Fixed) -> Tensor:
    """:func:`to_grid` with the gradient of the identity, also where it saturates, so that no weight is stuck there."""
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[misc, unused-ignore]
    def quantized(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        return to_grid(x, type), lambda upstream: upstream

    return quantized(x)


def table_activation(function: str, address_type: Fixed, output_type: Fixed) -> Activation:
    """Sigmoid or tanh as the hardware has it: the address by RND and SAT, then the nearest value from Bitsmith's table.

    The gradient is the real function's at the rounded address. Where rounding that real value must give the table's
    entry, it is rounded and not looked up, which takes half the time.
    """
    import tensorflow as tf

    entries = table(function, address_type, output_type)
    # The table stands in the order of two's complement bits; here it starts at the lowest address.
    ordered = np.roll(entries, -address_type.raw_min) * 2.0**-output_type.fraction
    scale, low, high = 2.0**address_type.fraction, address_type.raw_min, address_type.raw_max
    certain = _rounds_for_certain(function, address_type, output_type)
    real = {"sigmoid": tf.sigmoid, "tanh": tf.tanh}[function]

    @tf.custom_gradient  # type: ignore[misc, unused-ignore]
    def activation(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        address = tf.clip_by_value(tf.floor(x * scale + 0.5), low, high)
        y = real(address / scale)
        if certain:
            values = to_grid(y, output_type)
        else:
            values = tf.gather(tf.constant(ordered, x.dtype), tf.cast(address - low, tf.int32))
        return values, lambda upstream: upstream * _slope(function, y)

    return activation


def _slope(function: str, y: Tensor) -> Tensor:
    """The function's slope where its value is ``y``."""
    return y * (1.0 - y) if function == "sigmoid" else 1.0 - y * y


def _rounds_for_certain(function: str, address_type: Fixed, output_type: Fixed) -> bool:
    """Whether no address has a value so near to a tie that float32's error could round it to another entry."""
    addresses = np.arange(address_type.raw_min, address_type.raw_max + 1)
    raw = FUNCTIONS[function](to_float(addresses, address_type)) * 2.0**output_type.fraction
    from_tie = np.abs(raw - np.floor(raw) - 0.5).min()
    return bool(from_tie > _FLOAT32_ERROR * 2.0**output_type.fraction)


def hard_activation(function: str, output_type: Fixed) -> Activation:
    """``hard_sigmoid`` clip(x/2 + 1/2, 0, 1) or ``hard_tanh`` clip(x, -1, 1), rounded to ``output_type``, no table.

    The definitions are QKeras's ``quantized_sigmoid`` and ``quantized_tanh``. No gradient where it is clipped.
    """
    import tensorflow as tf

    def activation(x: Tensor) -> Tensor:
        real = x * 0.5 + 0.5 if function == "hard_sigmoid" else x
        lowest = 0.0 if function == "hard_sigmoid" else -1.0
        return fake_quant(tf.clip_by_value(real, lowest, 1.0), output_type)

    return activation
