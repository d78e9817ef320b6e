"""The exact difference, by our core: it broadcasts, too."""

from __future__ import annotations

from ....sim.interval import exact_difference
from ..joins import pairs
from ..place import Pairs, Place


def mapped(place: Place) -> Pairs:
    return pairs("subtract", exact_difference)
