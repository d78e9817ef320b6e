"""Weights through ``quantized_linear``: clipped, then rounded half to even, in steps that may come from the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...sim.fixed import FloatArray
from .auto_scale import EPSILON, Float32Array, check_axes, least_squares, nearest_power, reduced_axes
from .quantizers import Quantizer


def is_sign(q: Quantizer) -> bool:
    """Whether it has two values, and so none at 0."""
    return bool(q["bits"] == 1 and q["keep_negative"])


def _ends(q: Quantizer) -> tuple[float, float]:
    """The first and the last level."""
    if is_sign(q):
        return -0.5, 0.5
    signed = bool(q["keep_negative"])
    count = 2.0 ** (int(q["bits"]) - signed)
    return signed * (-count + bool(q["symmetric"])), count - 1


def data_type_step(q: Quantizer) -> float:
    """The step that bits and integer mean."""
    return float(2.0 ** (int(q["integer"]) - int(q["bits"]) + bool(q["keep_negative"])))


def linear_levels(q: Quantizer, values: FloatArray, where: str) -> tuple[FloatArray, Any]:
    """Levels (whole numbers; -1/2 and 1/2 where there are two values) and the step, which broadcasts to them."""
    x = values.astype(np.float32)
    alpha = q["alpha"]
    if not isinstance(alpha, str):
        step: Any = np.float32(1 if alpha is None else alpha) * np.float32(data_type_step(q))
        return _levels(q, x, step), step
    check_axes(q, values, where)
    step = _from_largest(q, x)
    if alpha == "auto_po2":
        step = nearest_power(step + EPSILON)
        for _ in range(1 if is_sign(q) else 5):
            step = least_squares(q, x, _levels(q, x, step).astype(np.float32))
    return _levels(q, x, step), step


def _levels(q: Quantizer, x: Float32Array, step: Any) -> FloatArray:
    low, high = _ends(q)
    shift = np.float32(0.5 if is_sign(q) else 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        clipped = np.clip(x / step, np.float32(low), np.float32(high))
    levels: FloatArray = (np.rint(clipped - shift) + shift).astype(np.float64)
    return levels


def _from_largest(q: Quantizer, x: Float32Array) -> Float32Array:
    """The step at which the largest weight is the last level."""
    low, high = _ends(q)
    axes = reduced_axes(q, x.ndim)
    if q["keep_negative"]:
        step = np.abs(x).max(axis=axes, keepdims=True) * np.float32(2) / np.float32(high - low)
    else:
        step = x.max(axis=axes, keepdims=True) / np.float32(high - low)
    result: Float32Array = np.maximum(step, EPSILON)
    return result
