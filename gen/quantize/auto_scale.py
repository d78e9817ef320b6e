"""Scales that QKeras finds from the weights themselves: alpha="auto" and "auto_po2".

In float32, in TensorFlow's order, so that the same integers come out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...sim.errors import BitsmithError
from ...sim.fixed import FloatArray
from ...sim.table import KERAS_EPSILON
from .quantizers import Quantizer
from .signatures import RECENT, post_training_scale

LOG2 = np.float32(np.log(2.0))
EPSILON = np.float32(KERAS_EPSILON)
Float32Array = NDArray[np.float32]


def reduced_axes(q: Quantizer, count: int) -> tuple[int, ...]:
    """The axes that one scale counts for, without groups: all but ``scale_axis``, by default the last."""
    axis = q.get("scale_axis")
    if axis is None:
        return tuple(range(max(count - 1, 0)))
    if isinstance(axis, list):
        return tuple(i for i in range(count) if i not in axis)
    return (*range(axis), *range(axis + 1, count))


def quantized_bits_levels(q: Quantizer, values: FloatArray, where: str) -> tuple[Float32Array, Float32Array]:
    """Levels and their scale, which is the weights' without the factor 2**integer."""
    bits = int(q["bits"])
    if bits < 2:
        raise BitsmithError(f"{where}: bits={bits} with alpha={q['alpha']!r} is not supported; supported: 2 and more")
    check_axes(q, values, where)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = values.astype(np.float32) / np.float32(2.0 ** int(q["integer"]))
        half = np.float32(2 ** (bits - 1) - 1)
        if q[RECENT] is not None:
            scale = _kept(q, x, where) / np.float32(2.0 ** (bits - bool(q["keep_negative"])))
            return _levels(x, scale, half), scale
        axes = reduced_axes(q, x.ndim) if x.ndim > 1 else (0,)
        scale = np.abs(x).max(axis=axes, keepdims=True) * np.float32(2) / (half * np.float32(2))
        if q["alpha"] == "auto":
            return _levels(x, scale, half), scale
        scale = nearest_power(scale + EPSILON)
        for _ in range(5):
            z = _levels(x, scale, half)
            scale = least_squares(q, x, z)
        return _levels(x, scale, half) if q.recent else z, scale


def _kept(q: Quantizer, x: Float32Array, where: str) -> Float32Array:
    scale: Float32Array = post_training_scale(q[RECENT])
    try:
        fits = np.broadcast_shapes(scale.shape, x.shape) == x.shape
    except ValueError:
        fits = False
    if not fits:
        raise BitsmithError(f"{where}: post_training_scale has shape {scale.shape}, the weights {x.shape}; train again")
    return scale


def _levels(x: Float32Array, scale: Float32Array, half: Any) -> Float32Array:
    v = np.floor(np.abs(x) / scale + np.float32(0.5))
    result: Float32Array = np.sign(x) * np.where(v < half, v, half)  # 0/0 is no level: sign(0) makes it 0
    return result


def nearest_power(scale: Float32Array) -> Float32Array:
    exponent = np.rint(np.log(scale) / LOG2)
    result: Float32Array = np.ldexp(np.float32(1), exponent.astype(np.int32))
    return result


def least_squares(q: Quantizer, x: Float32Array, z: Float32Array) -> Float32Array:
    """qkeras's ``_get_least_squares_scale``: one for each output or group, or for each value of a single axis."""
    qx, qq = x * z, z * z
    if x.ndim > 1:
        qx, qq = _mean(q, qx), _mean(q, qq)
    scale: Float32Array = qx / (qq + EPSILON)
    if q["alpha"] != "auto_po2":
        return scale
    low, high = q.get("min_po2_exponent"), q.get("max_po2_exponent")
    scale = nearest_power(scale + EPSILON)
    scale = scale if high is None else np.minimum(scale, np.float32(2.0**high))
    return scale if low is None else np.maximum(scale, np.float32(2.0**low))  # the lower limit is the stronger one


def _mean(q: Quantizer, v: Float32Array) -> Float32Array:
    """The mean that one scale counts for; groups along the scaled axes are repeated for their members."""
    group = q.get("elements_per_scale")
    if group is None:
        whole: Float32Array = v.mean(axis=reduced_axes(q, v.ndim), keepdims=True)
        return whole
    sizes = _groups(q)
    unrolled, kept = list[int](), list[int]()
    for axis, n in enumerate(v.shape):
        kept += [len(unrolled)] if axis in sizes else []
        unrolled += [n // sizes[axis], sizes[axis]] if axis in sizes else [n]
    others = tuple(i for i in range(len(unrolled)) if i not in kept)
    mean = v.reshape(unrolled).mean(axis=others, keepdims=True)
    mean = mean.reshape([n // sizes[axis] if axis in sizes else 1 for axis, n in enumerate(v.shape)])
    for axis, size in sizes.items():
        mean = mean.repeat(size, axis=axis)
    result: Float32Array = mean
    return result


def _groups(q: Quantizer) -> dict[int, int]:
    """How many members a group has along each scaled axis."""
    axis, group = q["scale_axis"], q["elements_per_scale"]
    axes = axis if isinstance(axis, list) else [axis]
    return dict(zip(axes, group if isinstance(group, list) else [group] * len(axes)))


def check_axes(q: Quantizer, values: FloatArray, where: str) -> None:
    """BitsmithError where the weights have no such axis, or one that groups do not divide."""
    if values.ndim < 2:
        return
    axis = q.get("scale_axis")
    axes = axis if isinstance(axis, list) else [] if axis is None else [axis]
    if any(a >= values.ndim for a in axes):
        raise BitsmithError(f"{where}: scale_axis={axis} of {q.name}: the weights have {values.ndim} axes; train again")
    if q.get("elements_per_scale") is None:
        return
    for a, size in _groups(q).items():
        if values.shape[a] % size:
            raise BitsmithError(
                f"{where}: elements_per_scale={size} of {q.name} does not divide the {values.shape[a]} of axis {a}; "
                "train again"
            )
