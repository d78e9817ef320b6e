"""Checks that operators run on their parameters: arrays of integers, pairs, paddings."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np

from .errors import BitsmithError
from .fixed import Fixed, IntArray
from .op import Operator

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

NO_PADDING: Padding = ((0, 0), (0, 0))


def freeze_array(op: Operator, name: str, shape: tuple[int | None, ...], type: Fixed) -> IntArray:
    """Replace the field by a read-only int64 copy; BitsmithError for a wrong shape, dtype or a value outside ``type``.

    ``None`` in ``shape`` leaves that axis free.
    """
    given = np.asarray(getattr(op, name))
    if given.dtype.kind not in "iu":
        raise BitsmithError(f"{op.stem}: {name} has dtype {given.dtype}; give raw integers (quantize them first)")
    if len(given.shape) != len(shape) or any(n not in (None, m) for n, m in zip(shape, given.shape)):
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise BitsmithError(f"{op.stem}: {name} has shape {given.shape}, expected {wanted}; give one value for each")
    if given.size == 0:
        raise BitsmithError(f"{op.stem}: {name} has shape {given.shape}, which holds no value; give at least one")
    low, high = int(given.min()), int(given.max())
    if low < type.raw_min or high > type.raw_max:
        raise BitsmithError(
            f"{op.stem}: {name} holds raw {low}..{high}, outside {type} ({type.raw_min}..{type.raw_max}); "
            "widen the type"
        )
    array = np.array(given, dtype=np.int64, order="C")
    array.setflags(write=False)
    object.__setattr__(op, name, array)
    return array


def freeze_pair(op: Operator, name: str, least: int = 1) -> Pair:
    """Replace the field by a pair of plain ints; BitsmithError unless both are at least ``least``."""
    value = _ints(op, name, getattr(op, name))
    if len(value) != 2 or min(value) < least:
        raise BitsmithError(f"{op.stem}: {name}={getattr(op, name)!r}; give two integers of at least {least}")
    object.__setattr__(op, name, value)
    return value[0], value[1]


def freeze_padding(op: Operator, name: str = "padding") -> Padding:
    """Replace the field by ``((top, bottom), (left, right))`` of plain ints, none negative."""
    value: Any = getattr(op, name)
    try:
        pairs = tuple(_ints(op, name, pair) for pair in value)
    except TypeError:
        pairs = ()
    if len(pairs) != 2 or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
        raise BitsmithError(f"{op.stem}: {name}={value!r}; give ((top, bottom), (left, right)), none negative")
    object.__setattr__(op, name, pairs)
    return (pairs[0][0], pairs[0][1]), (pairs[1][0], pairs[1][1])


def freeze_enum(op: Operator, name: str, kind: type[Enum]) -> None:
    """Replace the field by a member of ``kind``; its value as text will do."""
    try:
        object.__setattr__(op, name, kind(getattr(op, name)))
    except ValueError:
        known = ", ".join(str(member.value) for member in kind)
        raise BitsmithError(f"{op.stem}: {name} {getattr(op, name)!r} is unknown; use one of {known}") from None


def freeze_shape(op: Operator, name: str = "shape") -> tuple[int, ...]:
    """Replace the field by a tuple of positive plain ints."""
    value = _ints(op, name, getattr(op, name))
    if not value or min(value) < 1:
        raise BitsmithError(f"{op.stem}: {name}={getattr(op, name)!r}; give at least one positive size")
    object.__setattr__(op, name, value)
    return value


def _ints(op: Operator, name: str, value: Any) -> tuple[int, ...]:
    try:
        items = tuple(value)
        if any(isinstance(item, bool) or int(item) != item for item in items):
            raise ValueError
        return tuple(int(item) for item in items)
    except (TypeError, ValueError):
        raise BitsmithError(f"{op.stem}: {name}={value!r}; give whole numbers") from None
