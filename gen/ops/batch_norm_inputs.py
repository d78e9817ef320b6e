"""Rescaling and Normalization as a scale and an offset for each channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import FloatArray
from ...sim.table import KERAS_EPSILON
from ..read.attributes import Attributes
from ..read.network import Layer

_MOST_NUMBERS = 1 << 16


def rescaling(a: Attributes, channels: int) -> tuple[FloatArray, FloatArray]:
    """``scale`` and ``offset`` (channels,) of a Rescaling."""
    return by_channel(a, "scale", channels, None), by_channel(a, "offset", channels, 0.0)


def normalization_of_inputs(layer: Layer, a: Attributes, channels: int, axes: int) -> tuple[FloatArray, FloatArray]:
    """The scale and the offset (channels,) of a Normalization on ``axes`` axes, the last of which are channels.

    Mean and variance are attributes, or were measured and are weights.
    """
    _check_axis(a, axes)
    inverse, names = a.flag("invert", False), ("mean", "variance")
    given = [a.get(name) for name in names]
    if given[0] is None:
        mean, variance = (_measured(layer, i, name, channels) for i, name in enumerate(names))
        if "count" in layer.weights or "2" in layer.weights:
            layer.variable("count", "2")
    else:
        mean, variance = (by_channel(a, name, channels, None) for name in names)
    if (variance < 0).any():
        raise BitsmithError(f"'{layer.name}': a variance is negative; adapt the layer again")
    deviation = np.maximum(np.sqrt(variance), KERAS_EPSILON)
    return (deviation, mean) if inverse else (1 / deviation, -mean / deviation)


def _check_axis(a: Attributes, axes: int) -> None:
    """BitsmithError unless statistics are those of a channel, or one for all."""
    axis = a.get("axis", -1)
    items = list(axis) if isinstance(axis, (list, tuple)) else [] if axis is None else [axis]
    if len(items) > 1 or any(isinstance(i, bool) or i not in (-1, axes) for i in items):
        a.refuse("axis", axis, f"-1 or None: means and variances of channels, not of places ({axes} is the last axis)")


def _measured(layer: Layer, index: int, name: str, channels: int) -> FloatArray:
    values = layer.variable(name, str(index))
    if values.size not in (1, channels):
        raise BitsmithError(
            f"'{layer.name}': {name} has shape {values.shape}, expected ({channels},); save the model again"
        )
    return np.broadcast_to(values.ravel(), (channels,))


def most_numbers(a: Attributes, *names: str) -> int:
    """How many channels attributes of numbers are for: that of the longest list."""
    return max(len(_numbers(a.get(name, 0.0))) for name in names)


def by_channel(a: Attributes, name: str, channels: int, default: float | None) -> FloatArray:
    """An attribute that is a number, or a list (of lists) of one number or one for each channel."""
    given = a.get(name, default)
    values = list(_numbers(given))
    if len(values) not in (1, channels) or any(value is None for value in values):
        a.refuse(name, given, f"a number, or {channels} of them, one for each channel")
    return np.broadcast_to(np.array(values, dtype=np.float64), (channels,))


def _numbers(value: Any) -> list[float | None]:
    """All numbers of a nested list, None for what is none or beyond 2**32."""
    if isinstance(value, dict):  # Keras's wrapped numbers and arrays
        config = value.get("config")
        value = config.get("value") if isinstance(config, dict) else None
    found: list[float | None] = []
    pending = [value]
    while pending and len(found) <= _MOST_NUMBERS:
        item = pending.pop()
        if isinstance(item, (list, tuple)):
            pending += reversed(item)
        else:
            is_number = isinstance(item, (int, float)) and not isinstance(item, bool) and abs(item) <= 2.0**32
            found.append(float(item) if is_number else None)
    return found
