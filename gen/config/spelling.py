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
    """A layer's keys under their ``names``: hls4ml reads ``TableSize`` and ``table_size`` alike, and of both the later.

    It writes the first into a configuration; the second is what somebody set afterwards.
    """
    if not isinstance(data, dict):
        return data
    known = {_snake(name): name for name in names}
    found: dict[Any, Any] = {}
    for key, value in data.items():
        alias = known.get(_snake(key), key) if isinstance(key, str) else key
        found[alias] = value
    return found


def _snake(key: str) -> str:
    """As hls4ml turns a key into an attribute's name; a key in capitals is one word."""
    return key.lower() if key.isupper() else re.sub(r"(?<!^)(?<!_)(?=[A-Z])", "_", key).lower()


_OLDER_KINDS = {"dw_output": "depthwise_result"}
"""Kinds that hls4ml has under two names: the second is what it writes."""


def types_in_precision(data: Any, kinds: Collection[str]) -> Any:
    """``exp_table_t: TYPE`` beside ``Precision`` is its kind ``exp_table``, and counts before it, as in hls4ml.

    ValueError for a kind that there is not.
    """
    if not isinstance(data, dict):
        return data
    beside = {key: value for key, value in data.items() if isinstance(key, str) and key.endswith("_t")}
    given = data.get("Precision")
    older = isinstance(given, dict) and any(kind in given for kind in _OLDER_KINDS)
    if not beside and not older:
        return data
    rest = {key: value for key, value in data.items() if key not in beside}
    whole = {} if given is None else {"default": given}
    precision = {_OLDER_KINDS.get(k, k): v for k, v in (given.items() if isinstance(given, dict) else whole.items())}
    for key, value in beside.items():
        kind = _OLDER_KINDS.get(key.removesuffix("_t"), key.removesuffix("_t"))
        if kind not in kinds:
            raise ValueError(f"unknown type '{key}'{suggest(kind, kinds)}")
        if not isinstance(value, str):
            raise ValueError(f"{key}: give a type, e.g. fixed<18,8>")
        precision[kind] = value
    return rest | {"Precision": precision}
