"""The exact product of two matrices of values, by our core."""

from __future__ import annotations

from ..cores import Core, cpp, sizes, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    op = place.op
    names = {"left_t": place.x[0], "right_t": place.x[1], "y_t": place.y}
    lines = [
        *(typedef(name, cpp(spec.type)) for name, spec in names.items()),
        *sizes(rows=place.x[0].shape[1], held=op.held, heads=op.heads, size=op.size),
        *sizes(columns=op.columns, terms=op.terms),
        f"static const bool transposed = {str(op.transposed).lower()};",
        "static const unsigned reuse_factor = $reuse_factor;",
    ]
    return Core("matmul", lines, ["matmul.hpp", "pixels.hpp"])
