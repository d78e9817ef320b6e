"""A core of ours: hls4ml's has no type for each product."""

from __future__ import annotations

from ..cores import Core, cpp, pixels, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    op, x, y = place.op, place.x[0], place.y
    lines = [typedef("x_t", cpp(op.input_type)), typedef("y_t", cpp(y.type)), *pixels(x)]
    return Core("prelu", lines, ["prelu.hpp", "pixels.hpp"], {"slope": (op.slope, op.slope_type)})
