"""The exact maximum, by our core: it broadcasts, too."""

from __future__ import annotations

from ....sim.interval import exact_maximum
from ..joins import pairs
from ..place import Pairs, Place


def mapped(place: Place) -> Pairs:
    return pairs("maximum", exact_maximum)
