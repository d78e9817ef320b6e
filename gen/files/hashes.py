"""What a build folder was made of, by SHA-256: which of its files were changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError
from .folder import MARK

PARTS = ("hls", "rtl", "tb", "vectors")
FILES, OWN = "files", "hash"
"""Keys of bitsmith.json: every file's hash by its path, and that of all else in it, the configuration too."""
REWRITTEN = frozenset({"hls/build_opt.tcl"})
"""What a later command of ours writes again."""
CHANGED = "was changed since it was built: run 'bitsmith build' again"
CHUNK = 1 << 20


def sealed(folder: Path, mark: dict[str, Any]) -> dict[str, Any]:
    """``mark`` with the hashes of graph.json, of every file in hls/, rtl/, tb/ and vectors/, and of itself."""
    below = (path for part in PARTS for path in (folder / part).rglob("*") if path.is_file())
    names = ["graph.json", *(path.relative_to(folder).as_posix() for path in below)]
    whole = {**mark, FILES: {name: of_file(folder / name) for name in sorted(names) if name not in REWRITTEN}}
    return {**whole, OWN: _of_mark(whole)}


def changed(folder: str | Path, mark: dict[str, Any], names: Iterable[str] | None = None) -> list[str]:
    """The files, all or those of ``names``, that are not as they were built; bitsmith.json may be among them.

    BitsmithError where one is missing, or where bitsmith.json, ``mark``, has no hashes.
    """
    home, known = Path(folder), mark.get(FILES)
    if not isinstance(known, dict) or not all(isinstance(value, str) for value in known.values()):
        raise BitsmithError(f"'{home / MARK}' holds no hashes of the build's files: run 'bitsmith build' again")
    found = [] if mark.get(OWN) == _of_mark(mark) else [MARK]
    for name in known if names is None else names:
        path = home / name
        if not path.is_file():
            raise BitsmithError(f"'{path}' is missing: run 'bitsmith build' again")
        if of_file(path) != known.get(name):
            found.append(name)
    return found


def demand(folder: str | Path, mark: dict[str, Any], names: Iterable[str]) -> None:
    """BitsmithError where one of these files, or bitsmith.json, is not as it was built."""
    for name in changed(folder, mark, names):
        raise BitsmithError(f"'{Path(folder) / name}' {CHANGED}")


def lines(folder: str | Path, names: Iterable[str]) -> list[str]:
    """For people: a line for each changed file."""
    return [f"'{Path(folder) / name}' {CHANGED}" for name in names]


def of_file(path: Path) -> str:
    """The SHA-256 of a file, read piece by piece."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise BitsmithError(f"cannot read '{path}': {error.strerror or error}") from error
    return digest.hexdigest()


def _of_mark(mark: dict[str, Any]) -> str:
    own = {key: value for key, value in mark.items() if key != OWN}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()
