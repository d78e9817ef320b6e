"""The attributes of hls4ml's own layers, with every type given; where they are exact, and where not."""

from __future__ import annotations

from math import prod
from typing import Any

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, IntArray, to_float
from ...sim.op import Spec
from ...sim.ops import Activation, BatchNorm, Conv2D, Dense, Kind, MaxPool2D
from ...sim.params import NO_PADDING

WIDEST_WEIGHT = 53  # hls4ml prints weights as decimal numbers by way of float64


def values(raw: IntArray, type: Fixed, where: str) -> Any:
    """Weights as real numbers, exact; BitsmithError where a float64 cannot hold them."""
    if max(abs(int(raw.min())), abs(int(raw.max()))) >= 1 << WIDEST_WEIGHT:
        raise BitsmithError(f"'{where}': weights of {type} need more than 53 bits in HLS; use a narrower type")
    return to_float(raw, type)


def exact_conv2d(op: Conv2D, io_type: str) -> bool:
    """Not with dilation; and hls4ml's streams ignore the row stride of a kernel of height 1."""
    rows = op.kernel.shape[0] > 1 or op.strides[0] == 1 or io_type == "io_parallel"
    return op.dilation == (1, 1) and rows


def exact_activation(op: Activation) -> bool:
    """relu and linear: no limits, and room for the rounding (see ``cores.roomy``)."""
    plain = op.kind in (Kind.LINEAR, Kind.RELU) and op.lower is None and op.upper is None
    return plain and op.input_type.fraction - op.output_type.fraction <= op.input_type.width


def exact_max_pool2d(op: MaxPool2D) -> bool:
    """hls4ml's streams want windows side by side; its padding counts as zero or the type's default."""
    return op.padding == NO_PADDING and op.pool == op.strides


def conv2d(name: str, op: Conv2D, x: Spec, y: Spec) -> dict[str, Any]:
    (top, bottom), (left, right) = op.padding
    return {
        **_image(x, y),
        "n_chan": x.shape[2],
        "n_filt": y.shape[2],
        "filt_height": op.kernel.shape[0],
        "filt_width": op.kernel.shape[1],
        "stride_height": op.strides[0],
        "stride_width": op.strides[1],
        "pad_top": top,
        "pad_bottom": bottom,
        "pad_left": left,
        "pad_right": right,
        **_weights(name, op, y),
    }


def dense(name: str, op: Dense, y: Spec) -> dict[str, Any]:
    return {"n_in": op.kernel.shape[0], "n_out": op.kernel.shape[1], **_weights(name, op, y)}


def batch_norm(name: str, op: BatchNorm, y: Spec) -> dict[str, Any]:
    return {
        "n_in": prod(y.shape),
        "n_filt": y.shape[-1],
        "scale_data": values(op.scale, op.scale_type, name),
        "bias_data": values(op.offset, op.offset_type, name),
        "precision_scale": op.scale_type,
        "precision_bias": op.offset_type,
    }


def max_pool2d(op: MaxPool2D, x: Spec, y: Spec) -> dict[str, Any]:
    return {
        **_image(x, y),
        "n_filt": x.shape[2],
        "pool_height": op.pool[0],
        "pool_width": op.pool[1],
        "stride_height": op.strides[0],
        "stride_width": op.strides[1],
        **dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), 0),
        "precision_accum": y.type,
    }


def _image(x: Spec, y: Spec) -> dict[str, Any]:
    return {
        "data_format": "channels_last",
        "in_height": x.shape[0],
        "in_width": x.shape[1],
        "out_height": y.shape[0],
        "out_width": y.shape[1],
    }


def _weights(name: str, op: Conv2D | Dense, y: Spec) -> dict[str, Any]:
    """The accumulator has the exact type of the result."""
    return {
        "weight_data": values(op.kernel, op.kernel_type, name),
        "bias_data": values(op.bias, op.bias_type, name),
        "precision_weight": op.kernel_type,
        "precision_bias": op.bias_type,
        "precision_accum": y.type,
    }
