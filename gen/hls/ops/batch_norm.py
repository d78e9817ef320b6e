"""hls4ml's own, exact with these types."""

from __future__ import annotations

from math import prod

from ..native import Native, values
from ..place import Place


def mapped(place: Place) -> Native:
    op, y, name = place.op, place.y, place.node.name
    attributes = {
        "n_in": prod(y.shape),
        "n_filt": y.shape[-1],
        "scale_data": values(op.scale, op.scale_type, name),
        "bias_data": values(op.offset, op.offset_type, name),
        "precision_scale": op.scale_type,
        "precision_bias": op.offset_type,
    }
    return Native("BatchNormalization", attributes)
