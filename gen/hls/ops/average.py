"""The mean, rounded once: sums of two at a time, and the last is divided."""

from __future__ import annotations

from dataclasses import replace

from ....sim.interval import exact_sum
from ....sim.op import Spec
from ..cores import Core, sizes
from ..joins import headers, pairs, sides
from ..place import Pairs, Place
from .average_pool2d import mean


def mapped(place: Place) -> Pairs:
    op, count = place.op, len(place.x)

    def last(left: Spec, right: Spec, y: Spec) -> Core:
        result = (op.to.type, op.to.rounding, op.to.overflow)
        lines = mean(exact_sum(left.type, right.type), result, {count: op.division})
        lines += [*sides(left, right, y.shape), *sizes(tensors=count)]
        return Core("average", lines, [*headers("average"), "division.hpp"], result=result)

    return replace(pairs("add", exact_sum), last=last)
