"""What is being done right now, for somebody who watches."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..gen.progress import Say, silent
from .outcome import printable


def watched(json: bool) -> bool:
    """Whether somebody looks at stderr: it is a terminal, and no machine reads the result."""
    return not json and sys.stderr.isatty()


@contextmanager
def progress(shown: bool) -> Iterator[Say]:
    """A line on stderr that says what is being done and vanishes; silent where nobody is watching."""
    if not shown:
        yield silent
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("") as status:
        yield lambda line: status.update(Text(printable(line)))
