"""How Verilog's lines are laid out: blocks, cases, ranges of bits."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

WIDTH = 118
Lines = list[str]


def headed(head: str, body: list[Lines], bare: bool = False) -> Lines:
    """Statements behind a condition; ``bare``: one statement needs no brackets, even if it is an ``if``."""
    inner = [f"  {line}" for lines in body for line in lines]
    if len(body) == 1 and (bare or len(body[0]) == 1 or body[0][0].startswith("case")):
        return [head, *inner]
    return [f"{head} begin", *inner, "end"]


def otherwise(lines: Lines, body: list[Lines]) -> Lines:
    """An ``if`` with what happens else."""
    if len(body) == 1 and body[0][0].startswith("if "):
        found = [f"else {body[0][0]}", *body[0][1:]]
    else:
        found = headed("else", body, True)
    return [*lines[:-1], f"end {found[0]}", *found[1:]] if lines[-1] == "end" else [*lines, *found]


def runs(mask: int, width: int) -> Iterator[tuple[int, int]]:
    """(from, to) of the bits that are set."""
    start = None
    for k in range(width + 1):
        bit = k < width and mask >> k & 1
        if bit and start is None:
            start = k
        elif not bit and start is not None:
            yield start, k
            start = None


def place(low: int, high: int) -> str:
    return f"[{high - 1}:{low}]" if high - low > 1 else f"[{low}]"


def bit_range(width: int) -> str:
    return f"[{width - 1}:0] " if width > 1 else ""


def shape(signal: Any) -> str:
    return f"{'signed ' if signal.shape().signed else ''}{bit_range(len(signal))}"


def wrapped(line: str) -> list[str]:
    if len(line) <= WIDTH or '"' in line:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
