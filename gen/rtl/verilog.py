"""Amaranth modules to Verilog that people can read."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..progress import Say, silent
from .module import Writer

HEADER = "// Made by Bitsmith. Do not edit: change the model or its configuration and build again.\n"
OBJECTS = 200_000  # made between two searches for garbage; Python's own number is 700
DEPTH = 20_000  # of nested expressions


def to_verilog(
    modules: Mapping[str, Any],
    shared: frozenset[str] = frozenset(),
    say: Say = silent,
    comments: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The Verilog of each module under its name; deterministic. ``shared``: modules with several instances. ``names``:
    what modules are called in Verilog, where that is another name.

    A kernel that stands in several lanes is compiled once by Verilator; other tools read a comment.
    """
    texts = {}
    with rarely_searched():
        for i, (name, module) in enumerate(modules.items()):
            say(f"Verilog: {name}, module {i + 1} of {len(modules)}")
            comment = (comments or {}).get(name, "")
            texts[name] = Writer(name, module, module.ports(), name in shared, comment, names or {}).text()
    return texts


@contextmanager
def rarely_searched() -> Iterator[None]:
    """Garbage is looked for less often: Amaranth makes millions of small objects, and nearly all are still in use."""
    before, depth = gc.get_threshold(), sys.getrecursionlimit()
    gc.set_threshold(OBJECTS, *before[1:])
    sys.setrecursionlimit(max(depth, DEPTH))
    try:
        yield
    finally:
        gc.set_threshold(*before)
        sys.setrecursionlimit(depth)
