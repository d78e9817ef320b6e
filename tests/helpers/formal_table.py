"""``pytest -p formal_table``: a table of all proofs behind the tests, and with FORMAL_JSON=FILE the same as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

HEAD = ("part", "property", "result", "depth", "seconds")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows = _rows(terminalreporter)
    if file := os.environ.get("FORMAL_JSON"):
        Path(file).write_text(json.dumps([dict(zip(HEAD, row)) for row in rows], indent=1) + "\n")
    terminalreporter.section("proofs")
    lines = [[str(cell) for cell in row] for row in [HEAD, *_apart(rows)]]
    widths = [max(len(line[k]) for line in lines) for k in range(len(HEAD))]
    for line in lines:
        terminalreporter.write_line("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    proven, broken = (sum(row[2] == result for row in rows) for result in ("proven", "broken"))
    seconds = sum(float(row[4]) for row in rows)
    late = len(rows) - proven - broken
    terminalreporter.write_line(f"{proven} proven, {broken} with a bug found, {late} not in time, {seconds:.0f} s")


def _rows(terminalreporter: Any) -> list[list[Any]]:
    """What the tests have said of their proofs."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, ())]
    found: list[Any] = [r.user_properties for r in reports if isinstance(r, pytest.TestReport)]
    return [list(value) for properties in found for key, value in properties if key == "proof"]


def _apart(rows: list[list[Any]]) -> list[list[Any]]:
    """A line for each property."""
    lines = []
    for part, names, *rest in rows:
        lines += [[part, names[0], *rest], *(["", name, "", "", ""] for name in names[1:])]
    return lines
