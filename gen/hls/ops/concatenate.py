"""Two tensors at a time."""

from __future__ import annotations

from math import prod

from ....sim.op import Spec
from ..cores import Core, cpp, sizes, typedef
from ..place import Pairs, Place


def mapped(place: Place) -> Pairs:
    return Pairs(_core, _joined)


def _joined(left: Spec, right: Spec) -> Spec:
    return Spec((*left.shape[:-1], left.shape[-1] + right.shape[-1]), left.type)


def _core(left: Spec, right: Spec, y: Spec) -> Core:
    counts = sizes(pixels=prod(left.shape[:-1]), left_channels=left.shape[-1], right_channels=right.shape[-1])
    return Core("concatenate", [typedef("x_t", cpp(left.type)), *counts], ["concatenate.hpp", "pixels.hpp"])
