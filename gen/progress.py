"""What a long step says of itself, for somebody who watches; nobody by default."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]
"""Takes a line about what begins now."""


def silent(line: str) -> None:
    """Nobody is watching."""
