"""The exact minimum, by our core: it broadcasts, too."""

from __future__ import annotations

from ....sim.interval import exact_minimum
from ..joins import pairs
from ..place import Pairs, Place


def mapped(place: Place) -> Pairs:
    return pairs("minimum", exact_minimum)
