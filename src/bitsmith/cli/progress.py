"""What is being done right now, for somebody who watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .outcome import printable


@contextmanager
def progress(shown: bool) -> Iterator[Callable[[str], None] | None]:
    """A line on stderr that says what is being done and vanishes; None where nobody is watching."""
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("") as status:
        yield lambda line: status.update(Text(printable(line)))
