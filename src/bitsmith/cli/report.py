"""``bitsmith report DIR``."""

from __future__ import annotations

from .options import Build, Json
from .outcome import Outcome, printable


def report(folder: Build, json: Json = False) -> Outcome:
    """Write DIR/report.html, one page."""
    from ..api import report as write

    page = write(folder)
    return Outcome({"report": str(page)}, printable(page), json)
