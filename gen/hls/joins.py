"""Cores on ``join.hpp``: tensors joined value by value, two at a time."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from ...sim.fixed import Fixed
from ...sim.join import broadcast
from ...sim.op import Shape, Spec
from .cores import Core, cpp, sizes, typedef
from .place import Pairs


def pairs(stem: str, joined_type: Callable[[Fixed, Fixed], Fixed]) -> Pairs:
    """``<stem>.hpp`` for each two tensors; ``joined_type`` is the type of what two of more than two give."""

    def core(left: Spec, right: Spec, y: Spec) -> Core:
        return Core(stem, [typedef("y_t", cpp(y.type)), *sides(left, right, y.shape)], headers(stem))

    def joined(left: Spec, right: Spec) -> Spec:
        shape = broadcast((left.shape, right.shape))
        assert shape is not None, "infer has compared the shapes"
        return Spec(shape, joined_type(left.type, right.type))

    return Pairs(core, joined)


def headers(stem: str) -> list[str]:
    """Of a core on ``join.hpp``."""
    return [f"{stem}.hpp", "join.hpp", "pixels.hpp"]


def sides(left: Spec, right: Spec, shape: Shape) -> list[str]:
    """What ``join.hpp`` reads of two tensors whose result has this shape."""
    both = {"left": left, "right": right}
    rows, columns, channels = _image(shape)
    lines = [typedef(f"{name}_t", cpp(spec.type)) for name, spec in both.items()]
    lines += sizes(rows=rows, columns=columns, channels=channels)
    for name, spec in both.items():
        lines += _side(name, _image(spec.shape), rows * columns)
    return lines


def _image(shape: Shape) -> Shape:
    return (1,) * (3 - len(shape)) + shape


def _side(name: str, shape: Shape, pixels: int) -> list[str]:
    """An input's sizes; ``held`` pixels of it are read beforehand and kept, none where it has as many as the output."""
    held = 0 if prod(shape[:2]) == pixels else prod(shape[:2])
    values = dict(zip(("rows", "columns", "channels", "held"), (*shape, held)))
    return sizes(**{f"{name}_{key}": value for key, value in values.items()})
