"""An image inside of zeros."""

from __future__ import annotations

from ..cores import Core, cpp, sizes, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    op, x, y = place.op, place.x[0], place.y
    image = sizes(height=x.shape[0], width=x.shape[1], channels=x.shape[2])
    inside = sizes(top=op.padding[0][0], left=op.padding[1][0], rows=y.shape[0], columns=y.shape[1])
    return Core("zero_padding2d", [typedef("x_t", cpp(x.type)), *image, *inside], ["zero_padding2d.hpp", "pixels.hpp"])
