"""What a command hands back: data for machines, text for people, and the exit status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..sim.shown import escape, html_table, one_line, printable

__all__ = ["Outcome", "View", "one_line", "printable", "table"]

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


Table = tuple[Sequence[str], Sequence[Sequence[object]]]


@dataclass(frozen=True)
class View:
    """How data is shown: tables (head, rows), lines below them, and all of it in one line, ``summary``."""

    tables: Sequence[Table]
    lines: Sequence[str]
    summary: str

    def text(self) -> str:
        """For a terminal; a table without columns is none."""
        return "\n".join([*(table(head, rows) for head, rows in self.tables if head), *self.lines])

    def html(self) -> str:
        """For a notebook."""
        tables = [html_table(head, rows) for head, rows in self.tables if head]
        return "".join([*tables, *(f"<p>{escape(line)}</p>" for line in self.lines)])


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
