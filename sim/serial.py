"""Operators, types and arrays to plain JSON-able values and back, driven by the dataclasses' own annotations.

Deterministic: equal values give equal JSON. ``Fixed`` is its short text (``"ufixed<8,0>"``), an enum its value, an
array ``{"dtype", "shape", "data"}`` with base64 of the smallest little-endian integers that hold it, an operator a
dictionary of its fields with its stem under ``"op"``.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import types
import typing
from enum import Enum
from functools import cache
from math import prod
from typing import Any

import numpy as np

from . import ops  # noqa: F401  fills Operator.registry
from .errors import BitsmithError
from .fixed import Fixed, IntArray
from .op import Operator

_DTYPES = ("<i1", "<i2", "<i4", "<i8")


def encode(value: Any) -> Any:
    """A JSON-able value; BitsmithError for what has no such form."""
    if isinstance(value, Fixed):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, np.ndarray):
        return _encode_array(value)
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        head = {"op": value.stem} if isinstance(value, Operator) else {}
        return head | {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    raise BitsmithError(f"a {type(value).__name__} cannot be saved; use integers, text, types, arrays and dataclasses")


def decode_operator(data: Any) -> Operator:
    """The operator that ``encode`` was given; BitsmithError for anything malformed."""
    if not isinstance(data, dict) or not isinstance(data.get("op"), str):
        raise BitsmithError("an operator is missing its name under 'op'; build the model again")
    if data["op"] not in Operator.registry:
        known = ", ".join(sorted(Operator.registry))
        raise BitsmithError(f"unknown operator '{data['op']}'; known are {known}")
    fields = {key: value for key, value in data.items() if key != "op"}
    operator = _decode_dataclass(Operator.registry[data["op"]], fields, data["op"])
    assert isinstance(operator, Operator)
    return operator


def decode(hint: Any, data: Any, where: str = "value") -> Any:
    """``data`` as the annotated type ``hint``; BitsmithError, naming ``where``, for anything malformed."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _decode_optional(arguments, data, where)
    if hint == IntArray:  # by name: what numpy's alias is made of changes from version to version
        return _decode_array(data, where)
    if origin is tuple:
        return _decode_tuple(arguments, data, where)
    if hint is Fixed:
        return Fixed.parse(_plain(str, data, where))[0]
    if hint in (bool, int, str):
        return _plain(hint, data, where)
    if isinstance(hint, type) and issubclass(hint, Operator):
        return decode_operator(data)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _decode_enum(hint, data, where)
    if dataclasses.is_dataclass(hint):
        return _decode_dataclass(hint, data, where)
    raise BitsmithError(f"{where}: no way to read a {hint}; build the model again")


def _plain(kind: type, data: Any, where: str) -> Any:
    if type(data) is not kind:
        raise BitsmithError(f"{where}: found {str(data)[:40]!r}, expected {kind.__name__}; build the model again")
    return data


def _decode_optional(arguments: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None and types.NoneType in arguments:
        return None
    return decode(next(a for a in arguments if a is not types.NoneType), data, where)


def _decode_tuple(arguments: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    items = _plain(list, data, where)
    hints = [arguments[0]] * len(items) if len(arguments) == 2 and arguments[1] is ... else list(arguments)
    if len(hints) != len(items):
        raise BitsmithError(f"{where}: found {len(items)} values, expected {len(hints)}; build the model again")
    return tuple(decode(hint, item, where) for hint, item in zip(hints, items))


def _decode_enum(hint: type[Enum], data: Any, where: str) -> Enum:
    try:
        return hint(data)
    except ValueError:
        known = ", ".join(str(member.value) for member in hint)
        raise BitsmithError(
            f"{where}: found {str(data)[:40]!r}, expected one of {known}; build the model again"
        ) from None


@cache
def _hints(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}


def _decode_dataclass(cls: Any, data: Any, where: str) -> Any:
    hints, given = _hints(cls), _plain(dict, data, where)
    if set(hints) != set(given):
        odd = ", ".join(sorted(set(hints) ^ set(map(str, given))))
        raise BitsmithError(f"{where}: missing or unknown fields: {odd}; build the model again")
    return cls(**{name: decode(hint, given[name], f"{where}.{name}") for name, hint in hints.items()})


def _encode_array(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    if array.dtype.kind not in "iu":
        raise BitsmithError(f"an array of dtype {array.dtype} cannot be saved; use integers")
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    fits = (name for name in _DTYPES if np.iinfo(name).min <= low and high <= np.iinfo(name).max)
    dtype = next(fits, None)
    if dtype is None:
        raise BitsmithError(f"an array holds {high}, more than 64 signed bits; use narrower integers")
    data = base64.b64encode(np.ascontiguousarray(array).astype(dtype).tobytes()).decode("ascii")
    return {"dtype": dtype, "shape": list(array.shape), "data": data}


def _decode_array(data: Any, where: str) -> IntArray:
    fields = _plain(dict, data, where)
    if set(fields) != {"dtype", "shape", "data"} or fields["dtype"] not in _DTYPES:
        raise BitsmithError(f"{where}: not an array of integers; build the model again")
    shape = [_plain(int, n, where) for n in _plain(list, fields["shape"], where)]
    try:
        content = base64.b64decode(_plain(str, fields["data"], where), validate=True)
    except (binascii.Error, ValueError):
        raise BitsmithError(f"{where}: the array's base64 is damaged; build the model again") from None
    if any(n < 0 for n in shape) or len(content) != prod(shape) * np.dtype(fields["dtype"]).itemsize:
        raise BitsmithError(f"{where}: {len(content)} bytes do not fill shape {tuple(shape)}; build the model again")
    return np.frombuffer(content, dtype=fields["dtype"]).astype(np.int64).reshape(shape)
