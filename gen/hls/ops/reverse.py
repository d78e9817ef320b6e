"""A sequence from its last step."""

from __future__ import annotations

from ..cores import Core, cpp, pixels, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    x = place.x[0]
    return Core("reverse", [typedef("x_t", cpp(x.type)), *pixels(x)], ["reverse.hpp", "pixels.hpp"])
