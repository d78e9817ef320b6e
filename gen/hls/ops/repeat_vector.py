"""A vector as every step of a sequence."""

from __future__ import annotations

from ..cores import Core, cpp, sizes, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    x, y = place.x[0], place.y
    lines = [typedef("x_t", cpp(x.type)), *sizes(steps=y.shape[1], channels=x.shape[0])]
    return Core("repeat_vector", lines, ["repeat_vector.hpp", "pixels.hpp"])
