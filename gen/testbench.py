"""Writes ``tb/``: the cocotb bench of a top, the same file for every model, and its Makefile."""

from __future__ import annotations

import shutil
from pathlib import Path

from .simulate.ports import Top

SOURCES = Path(__file__).resolve().parent.parent / "tb"
CYCLES, MOST = 10_000, 64
"""A test's frames should take about so many cycles, and be no more than so many."""
MAKEFILE, BENCH, VISIBLE = "Makefile", "bench.py", "top.vlt"


def emit(top: Top, folder: Path) -> None:
    """The bench, its Makefile, and what Verilator lets it see: the top's own signals."""
    import jinja2

    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SOURCES / BENCH, folder / BENCH)
    template = (SOURCES / f"{MAKEFILE}.j2").read_text()
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    text = environment.from_string(template).render(top=top.name, files=top.files, frames=frames(top))
    (folder / MAKEFILE).write_text(text)
    (folder / VISIBLE).write_text(f'`verilator_config\npublic_flat_rw -module "{top.name}" -var "*"\n')


def frames(top: Top) -> int:
    """How many frames a test has where nobody says: two show an interval, more where they are short."""
    interval = max((ends[-1] - ends[-2] for ends in (top.frame_ends or {}).values() if len(ends) > 1), default=1)
    return max(2, min(MOST, CYCLES // interval))
