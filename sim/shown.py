"""Text for people: safe on a terminal and in HTML, whatever a model file calls its layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["escape", "html_table", "one_line", "printable"]

LONGEST = 500
"""Characters of an error: a value from a file may have a million."""


def printable(text: object) -> str:
    """Names come from model files: nothing in them may steer the terminal or break a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


def one_line(text: str) -> str:
    """An error as one line; of one that is too long the middle is left out: its cause comes first, its cure last."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 160]} ... {line[-155:]}"


def html_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of plain cells."""
    top = "".join(f"<th>{escape(printable(cell))}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(printable(c))}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
