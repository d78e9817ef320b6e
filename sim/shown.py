"""Text for people: safe on a terminal and in HTML, whatever a model file calls its layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["escape", "html_table", "printable"]


def printable(text: object) -> str:
    """Names come from model files: nothing in them may steer the terminal or break a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


def html_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of plain cells."""
    top = "".join(f"<th>{escape(printable(cell))}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(printable(c))}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
