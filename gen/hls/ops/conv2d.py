"""hls4ml's own convolution where it is exact, else ours."""

from __future__ import annotations

from math import prod
from typing import Any

from ....sim.op import Spec
from ..cores import Core, cpp, typedef, window
from ..native import Native, image, weights
from ..place import Place


def mapped(place: Place) -> Native | Core:
    if not _exact(place):
        return convolution(place.op, place.x[0], place.y)
    op, x, y = place.op, place.x[0], place.y
    (top, bottom), (left, right) = op.padding
    attributes = {
        **image(x, y),
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
        **weights(place.node.name, op, y),
    }
    return Native("Conv2D", attributes, most_reuse=_most_reuse(place))


def _most_reuse(place: Place) -> int | None:
    """With more, hls4ml's convolution of arrays reads behind the end of its window: it counts the factor as its places.

    That of streams takes hls4ml's dense layer, which knows better.
    """
    return prod(place.op.kernel.shape[:3]) if place.io_type == "io_parallel" else None


def _exact(place: Place) -> bool:
    """Not with dilation; and hls4ml's streams ignore the row stride of a kernel of height 1."""
    op = place.op
    rows = op.kernel.shape[0] > 1 or op.strides[0] == 1 or place.io_type == "io_parallel"
    return op.dilation == (1, 1) and rows


def convolution(op: Any, x: Spec, y: Spec) -> Core:
    """Our core of conv2d and depthwise_conv2d; the accumulator is the output's type."""
    types = [typedef("x_t", cpp(x.type)), typedef("y_t", cpp(y.type))]
    lines = types + window(x, y, op.kernel.shape[:2], op.strides, op.padding, op.dilation)
    weights = {"weight": (op.kernel, op.kernel_type), "bias": (op.bias, op.bias_type)}
    return Core(op.stem, lines, [f"{op.stem}.hpp", "window.hpp", "pixels.hpp"], weights)
