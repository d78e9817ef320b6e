"""hls4ml's own maximum where it is exact, else ours."""

from __future__ import annotations

from ....sim.params import NO_PADDING
from ..cores import Core, cpp, typedef, window
from ..native import Native, image
from ..place import Place


def mapped(place: Place) -> Native | Core:
    op, x, y = place.op, place.x[0], place.y
    if op.padding == NO_PADDING and op.pool == op.strides:
        return _side_by_side(place)
    types = [typedef("x_t", cpp(x.type)), typedef("y_t", cpp(y.type))]
    lines = types + window(x, y, op.pool, op.strides, op.padding)
    return Core("max_pool2d", lines, ["max_pool2d.hpp", "window.hpp", "pixels.hpp"])


def _side_by_side(place: Place) -> Native:
    """hls4ml's streams want windows side by side; its padding counts as zero or the type's default."""
    op, x, y = place.op, place.x[0], place.y
    attributes = {
        **image(x, y),
        "n_filt": x.shape[2],
        "pool_height": op.pool[0],
        "pool_width": op.pool[1],
        "stride_height": op.strides[0],
        "stride_width": op.strides[1],
        **dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), 0),
        "precision_accum": y.type,
    }
    return Native("MaxPooling2D", attributes)
