"""A core of ours: hls4ml's takes no index beyond the table."""

from __future__ import annotations

from math import prod

from ..cores import Core, cpp, sizes, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    op, y = place.op, place.y
    rows, outputs = op.table.shape
    lines = [
        typedef("x_t", cpp(op.input_type)),
        typedef("y_t", cpp(y.type)),
        *sizes(pixels=prod(y.shape[:-1]), rows=rows, outputs=outputs),
    ]
    return Core("embedding", lines, ["embedding.hpp", "pixels.hpp"], {"table": (op.table, op.table_type)})
