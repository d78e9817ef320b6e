"""The mean of every channel."""

from __future__ import annotations

from math import prod

from ..cores import Core, pixels, rounds
from ..place import Place
from .average_pool2d import mean


def mapped(place: Place) -> Core:
    op, x = place.op, place.x[0]
    count = prod(x.shape[:-1])
    lines = mean(x.type, rounds(op), {count: op.division(count)}) + pixels(x)
    headers = ["global_average_pool2d.hpp", "division.hpp", "pixels.hpp"]
    return Core("global_average_pool2d", lines, headers, result=rounds(op))
