"""Every pixel several times."""

from __future__ import annotations

from ..cores import Core, cpp, sizes, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    op, x = place.op, place.x[0]
    factors = sizes(row_factor=op.factors[0], column_factor=op.factors[1])
    image = sizes(height=x.shape[0], width=x.shape[1], channels=x.shape[2])
    return Core("up_sampling2d", [typedef("x_t", cpp(x.type)), *image, *factors], ["up_sampling2d.hpp", "pixels.hpp"])
