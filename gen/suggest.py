"""Messages that name the nearest right word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


def suggest(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?``, or the list of what there is where nothing is near."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if not near:
        lower = {k.lower(): k for k in names}
        near = [lower[m] for m in difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)]
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"; did you mean '{near[0]}'?" if near else f"; there are {shown}" if names else ""


def choose(key: str, value: Any, known: dict[str, str]) -> str:
    """The meaning of a spelling, whatever its case; ValueError that suggests one."""
    found = known.get(str(value).lower())
    if found is None:
        raise ValueError(f"{key}: '{value}' is not supported{suggest(str(value).lower(), known)}")
    return found
