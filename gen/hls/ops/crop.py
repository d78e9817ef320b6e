"""A part of an image."""

from __future__ import annotations

from ..cores import Core, cpp, sizes, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    op, x, y = place.op, place.x[0], place.y
    first = sizes(first_row=op.rows[0], first_column=op.columns[0], first_channel=op.channels[0])
    part = sizes(rows=y.shape[0], columns=y.shape[1], outputs=y.shape[2])
    image = sizes(height=x.shape[0], width=x.shape[1], channels=x.shape[2])
    return Core("crop", [typedef("x_t", cpp(x.type)), *image, *first, *part], ["crop.hpp", "pixels.hpp"])
