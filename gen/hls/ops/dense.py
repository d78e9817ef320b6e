"""hls4ml's own, exact with these types."""

from __future__ import annotations

from ..native import Native, weights
from ..place import Place


def mapped(place: Place) -> Native:
    op = place.op
    sizes = {"n_in": op.kernel.shape[0], "n_out": op.kernel.shape[1]}
    return Native("Dense", {**sizes, **weights(place.node.name, op, place.y)})
