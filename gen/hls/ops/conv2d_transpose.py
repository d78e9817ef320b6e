"""The accumulator is the output's type; of the padding only what is cut away in front counts."""

from __future__ import annotations

from ..cores import Core, cpp, sizes, typedef, window
from ..place import Place


def mapped(place: Place) -> Core:
    op, x, y = place.op, place.x[0], place.y
    lines = [
        typedef("x_t", cpp(x.type)),
        typedef("y_t", cpp(y.type)),
        *window(x, y, (op.kernel.shape[0], op.kernel.shape[1]), op.strides, op.crop, op.dilation),
        *sizes(out_height=y.shape[0], out_width=y.shape[1]),
    ]
    weights = {"weight": (op.kernel, op.kernel_type), "bias": (op.bias, op.bias_type)}
    return Core("conv2d_transpose", lines, ["conv2d_transpose.hpp", "pixels.hpp"], weights)
