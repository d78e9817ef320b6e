"""The decision: of vectors only."""

from __future__ import annotations

from ....sim.errors import BitsmithError
from ..cores import Core, cpp, sizes, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    x = place.x[0]
    if len(x.shape) != 1:
        raise BitsmithError(f"argmax of an input of shape {x.shape} has no HLS core; flatten it, or use the Verilog")
    lines = [typedef("x_t", cpp(x.type)), typedef("y_t", cpp(place.y.type)), *sizes(channels=x.shape[-1])]
    return Core("argmax", lines, ["argmax.hpp", "pixels.hpp"])
