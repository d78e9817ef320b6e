"""The maximum of every channel."""

from __future__ import annotations

from ..cores import Core, cpp, pixels, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    x = place.x[0]
    lines = [typedef("x_t", cpp(x.type)), typedef("y_t", cpp(x.type)), *pixels(x)]
    return Core("global_max_pool2d", lines, ["global_max_pool2d.hpp", "pixels.hpp"])
