"""What a command hands back: data for machines, text for people, and the exit status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

DONE, FAILED, BAD_INPUT = 0, 1, 2
INTERRUPTED, TERMINATED, BROKEN_PIPE = 130, 143, 141  # 128 + the signal, as a shell reports it


@dataclass(frozen=True)
class Outcome:
    """``data`` is printed with --json, ``text`` without; ``status`` is the exit status, ``error`` a line for stderr."""

    data: dict[str, Any]
    text: str
    json: bool = False
    status: int = DONE
    error: str = ""


def printable(text: object) -> str:
    """Names come from model files: nothing in them may steer the terminal or break a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns in line, numbers to the right, two spaces between; never wrapped, so that grep and awk work on it."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    right = [bool(cells) and all(_is_number(row[i]) for row in cells) for i in range(len(head))]
    return "\n".join(_line(row, widths, right) for row in [list(head), *cells])


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    parts = (cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right))
    return "  ".join(parts).rstrip()


def _is_number(text: str) -> bool:
    return text in ("", "-") or text.replace(",", "").replace(".", "", 1).lstrip("-").isdigit()
