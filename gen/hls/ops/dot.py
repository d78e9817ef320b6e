"""The exact sum of products, by our core: hls4ml has one for arrays only."""

from __future__ import annotations

from ..cores import Core, cpp, sizes, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    names = {"left_t": place.x[0], "right_t": place.x[1], "y_t": place.y}
    lines = [typedef(name, cpp(spec.type)) for name, spec in names.items()]
    return Core("dot", [*lines, *sizes(size=place.op.size)], ["dot.hpp", "pixels.hpp"])
