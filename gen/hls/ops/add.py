"""hls4ml's own sum of two tensors."""

from __future__ import annotations

from ..native import Native
from ..place import Place


def mapped(place: Place) -> Native:
    return Native("Merge", {"op": "add"})
