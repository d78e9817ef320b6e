"""What is compiled once for a user and used again: a simulator's runtime, simulation programs.

An entry is a folder ``<kind>-<key>`` in $BITSMITH_CACHE, else in the user's cache folder. Its key is the SHA-256 of all
that went into it: the tools' versions, their options and every text. Beside its files stands ``hashes.json``; an entry
whose files are not those any more is removed and made again. Those that were not used for longest are removed when all
are larger than ``LIMIT``. What a comparison found is never kept. Where the folder cannot be used, all works without it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from .workplace import remaking, sweep

VARIABLE = "BITSMITH_CACHE"
OFF = frozenset({"", "0", "off", "no", "false"})
LIMIT = 2 << 30
"""Bytes of all entries; a simulation program takes 0.2 to 3 MB."""
HASHES = "hashes.json"
_ENTRY = re.compile(r"[a-z]+-[0-9a-f]{64}")


def place() -> Path | None:
    """The cache's folder, which need not be there yet; None where it is switched off."""
    given = os.environ.get(VARIABLE)
    if given is not None:
        return None if given.strip().lower() in OFF else Path(given).absolute()
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "bitsmith"
    except RuntimeError:  # no home
        return None


def key(*texts: str) -> str:
    """Of everything that an entry is made from."""
    return hashlib.sha256("\0".join(texts).encode(errors="surrogateescape")).hexdigest()


def filled(kind: str, key: str, work: Path, kept: Sequence[str], make: Callable[[Path], None]) -> None:
    """``work`` holds the files ``kept``: taken from the cache, or written by ``make`` and put there.

    What ``make`` raises is raised, and nothing is kept of it.
    """
    home = place()
    entry = home / f"{kind}-{key}" if home else None
    if entry is not None and _taken(entry, work):
        return
    make(work)
    if entry is not None:
        with suppress(OSError):  # a full disk, a folder that is not ours to write
            _keep(entry, work, kept)
            trim(entry.parent)


def _taken(entry: Path, work: Path) -> bool:
    """The entry's files in ``work``; False, and no entry any more, where one is not what it was."""
    if not entry.is_dir():
        return False
    hashes = _hashes(entry)
    try:
        right = bool(hashes) and all(_copied(entry / name, work / name) == found for name, found in hashes.items())
    except OSError:  # or another process removes it just now
        right = False
    if not right:
        for name in hashes:
            (work / name).unlink(missing_ok=True)
        shutil.rmtree(entry, ignore_errors=True)
        return False
    with suppress(OSError):  # a folder that we may only read
        os.utime(entry)
    return True


def _hashes(entry: Path) -> dict[str, str]:
    """By the names of an entry's files; nothing where it is no entry, or damaged."""
    try:
        found = json.loads((entry / HASHES).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    sound = isinstance(found, dict) and all(Path(name).name == name for name in found)
    return found if sound else {}


def _copied(source: Path, target: Path) -> str:
    """The hash of the copy, so that nobody can change what was looked at."""
    shutil.copy(source, target)
    return _hash(target)


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _keep(entry: Path, work: Path, names: Sequence[str]) -> None:
    """Of two processes that do so at the same time the last one wins; each leaves a whole entry."""
    with remaking(entry) as fresh:
        hashes = {name: _copied(work / name, fresh / name) for name in names}
        (fresh / HASHES).write_text(json.dumps(hashes, indent=1), encoding="utf-8")


def trim(home: Path, limit: int | None = None) -> None:
    """Remove the entries that were not used for longest until the others fit."""
    sweep(home)
    entries = []
    for entry in home.iterdir():
        if _ENTRY.fullmatch(entry.name) and (entry / HASHES).is_file():  # the folder may be any folder of the user's
            with suppress(OSError):  # another process removed it
                entries.append((entry.stat().st_mtime_ns, sum(p.stat().st_size for p in entry.iterdir()), entry))
    total = sum(size for _, size, _ in entries)
    for _, size, entry in sorted(entries):
        if total <= (LIMIT if limit is None else limit):
            break
        shutil.rmtree(entry, ignore_errors=True)
        total -= size
