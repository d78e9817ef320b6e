"""Keys as hls4ml's files spell them, brought to one: older names, snake case, types beside ``Precision``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

from ..suggest import suggest


def one_part(data: Any) -> Any:
    """``XilinxPart``, the older name of ``Part``; ValueError where both stand there and differ."""
    if not isinstance(data, dict) or "XilinxPart" not in data:
        return data
    older = data["XilinxPart"]
    rest = {key: value for key, value in data.items() if key != "XilinxPart"}
    if rest.setdefault("Part", older) != older:
        raise ValueError(f"XilinxPart is Part by its older name, and Part is {rest['Part']!r}; leave XilinxPart out")
    return rest


def one_spelling(data: Any, names: Iterable[str]) -> Any:
    """A layer's keys under their ``names``: hls4ml reads ``TableSize`` and ``table_size`` alike.

    ValueError where a section has one key in two spellings.
    """
    if not isinstance(data, dict):
        return data
    known = {_snake(name): name for name in names}
    found: dict[Any, Any] = {}
    for key, value in data.items():
        alias = known.get(_snake(key), key) if isinstance(key, str) else key
        if alias in found:
            raise ValueError(f"{key} is {alias} in another spelling, and both are given; leave one out")
        found[alias] = value
    return found


def _snake(key: str) -> str:
    """As hls4ml turns a key into an attribute's name; a key in capitals is one word."""
    return key.lower() if key.isupper() else re.sub(r"(?<!^)(?<!_)(?=[A-Z])", "_", key).lower()


def types_in_precision(data: Any, kinds: Collection[str]) -> Any:
    """``exp_table_t: TYPE`` beside ``Precision``, as older files have it, is its kind ``exp_table``.

    ValueError for a kind that there is not, and where both give a type.
    """
    if not isinstance(data, dict):
        return data
    beside = {key: value for key, value in data.items() if isinstance(key, str) and key.endswith("_t")}
    if not beside:
        return data
    rest = {key: value for key, value in data.items() if key not in beside}
    given = rest.get("Precision")
    precision = dict(given) if isinstance(given, dict) else {} if given is None else {"default": given}
    for key, value in beside.items():
        kind = key.removesuffix("_t")
        if kind not in kinds:
            raise ValueError(f"unknown type '{key}'{suggest(kind, kinds)}")
        if not isinstance(value, str):
            raise ValueError(f"{key}: give a type, e.g. fixed<18,8>")
        if precision.setdefault(kind, value) != value:
            raise ValueError(f"{key} is Precision: {kind}, which is given too; leave one out")
    return rest | {"Precision": precision}
