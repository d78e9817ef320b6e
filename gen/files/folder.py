"""Output folders: written beside, renamed when whole, and never in the place of what is not ours."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError
from .json_file import read_json
from .workplace import WORK, flush, remaking, sweep, work_folder

MARK = "bitsmith.json"
OURS = frozenset(
    {
        MARK,
        "graph.json",
        "hls",
        "rtl",
        "tb",
        "vectors",
        "estimate.json",
        "verify.json",
        "report.html",
        "sim",
        "synth",
        "synth.json",
    }
)
"""What a build folder may hold; anything else in it was put there by somebody else and is not deleted."""
_EARLIER = "verify.json.new"
"""What a version before work folders left of a verify.json on a full disk."""
_SHORT = re.compile(r"\d+ requested and \d+ written")  # all that numpy says of a full disk


@contextmanager
def replacing(target: str | Path, sources: Iterable[str | Path] = ()) -> Iterator[Path]:
    """A new folder beside ``target`` that takes its place when the block ends well, and is removed when it doesn't.

    ``target`` may be absent, empty, or a folder that we made; ``sources`` are the files we read, which must not lie
    in it. BitsmithError otherwise, and what was there is left whole.
    """
    place = check_target(target, sources)
    with _parents(place, target), remaking(place) as fresh:
        yield fresh
        check_target(target, sources)  # minutes later


def check_target(shown: str | Path, sources: Iterable[str | Path] = ()) -> Path:
    """The real path of an output folder; BitsmithError where a build may not replace it.

    What a killed build left beside it is removed, and what it took away is there again.
    """
    if str(shown) == "":
        raise BitsmithError("the output folder has no name; give one with -o")
    for path in (shown, *sources):
        if "\0" in str(path):
            raise BitsmithError(f"'{path}' is no path: it holds a null character; give a file's path")
    place = Path(os.path.realpath(shown))
    sweep(place.parent)
    if os.path.islink(place):  # noqa: PTH114  (never an OSError) all others were followed
        raise BitsmithError(f"'{shown}' is a link to itself; choose another name with -o")
    here = Path(os.path.realpath("."))
    if place == here or place in here.parents:
        raise BitsmithError(f"'{shown}' is the folder we stand in, or above it; name a new folder with -o")
    for source in sources:
        if place in Path(os.path.realpath(source)).parents:
            raise BitsmithError(f"'{source}' lies in the output folder '{shown}'; move it or choose another folder")
    _check_ours(place, shown)
    return place


def _check_ours(place: Path, shown: str | Path) -> None:
    """Another build may replace the folder while we look at it; then we look again."""
    while (before := _identity(place)) is not None:
        reason = _not_ours(place, shown)
        if _identity(place) == before:
            if reason:
                raise BitsmithError(reason)
            return


def _identity(place: Path) -> tuple[int, int] | None:
    try:
        found = place.stat()
    except OSError:  # nothing there, or no way to it: whoever makes it will say so
        return None
    return found.st_dev, found.st_ino


def _not_ours(place: Path, shown: str | Path) -> str:
    """Why the folder may not be replaced; nothing where it may."""
    if not place.is_dir():
        return f"'{shown}' is not a folder; choose another name with -o"
    try:
        names = set(os.listdir(place))
    except OSError as error:
        return f"cannot read '{shown}': {error.strerror}; choose another folder with -o"
    if names and not is_ours(place):
        return f"'{shown}' is not empty and not made by Bitsmith; choose another folder with -o"
    foreign = sorted(name for name in names - OURS if not _litter(name))
    if foreign:
        return f"'{shown}' holds '{foreign[0]}', which Bitsmith did not make; move it elsewhere first"
    return ""


def _litter(name: str) -> bool:
    """Whether it is one of our files or folders, half made by a process that was killed."""
    found = WORK.fullmatch(name)
    return name == _EARLIER or (found is not None and found[1] in OURS)


def is_ours(folder: Path) -> bool:
    """Whether the folder has our mark: a readable bitsmith.json with our name in it."""
    return _mark(folder) is not None


def _mark(folder: Path) -> dict[str, Any] | None:
    try:
        mark = read_json(folder / MARK, "a build folder")
    except BitsmithError:
        return None
    return mark if mark.get("made_by") == "bitsmith" else None


def open_build(folder: str | Path) -> dict[str, Any]:
    """The contents of bitsmith.json; BitsmithError unless the folder is a build of ours."""
    path = Path(folder)
    if not path.exists():
        sweep(Path(os.path.realpath(path)).parent)  # a build that was killed may have taken it away
    if not path.exists():
        raise BitsmithError(f"no folder '{folder}'; make it with 'bitsmith build MODEL -o {folder}'")
    mark = _mark(path) if path.is_dir() else None
    if mark is None:
        raise BitsmithError(f"'{folder}' is no build folder of Bitsmith's; make one with 'bitsmith build MODEL -o DIR'")
    return mark


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """A file of the same name in a folder beside, for the block to write; it takes the place of ``path`` in the end.

    Where the block fails, and where the process is killed, what was there is whole. BitsmithError where it cannot be
    written.
    """
    place = Path(os.path.realpath(path))
    if os.path.lexists(place) and not place.is_file():
        raise BitsmithError(f"'{path}' is no file that can be replaced; choose another name")
    with writes_to(path), work_folder(place) as work:
        fresh = work / place.name
        yield fresh
        flush(fresh)
        fresh.replace(place)
        flush(place.parent)


def write_text(path: Path, text: str) -> None:
    """The whole file or none of it: written beside, then renamed. BitsmithError where it cannot be written."""
    write_bytes(path, text.encode("utf-8", errors="backslashreplace"))


def write_bytes(path: Path, data: bytes) -> None:
    """The same with bytes."""
    with writing(path) as fresh:
        fresh.write_bytes(data)


def write_json(path: Path, data: object) -> None:
    """``data`` as indented JSON, the whole file or none of it; NaN and infinity are refused."""
    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


@contextmanager
def writes_to(path: str | Path) -> Iterator[None]:
    """BitsmithError with ``path`` where the block, which writes there, fails."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: str | Path, error: OSError) -> BitsmithError:
    """The one line for a full disk, a missing permission and the like."""
    reason, cure = error.strerror or str(error), "choose another folder"
    if error.errno == errno.EFBIG:
        cure = "raise the limit (ulimit -f) and start again"
    elif error.errno in (errno.ENOSPC, errno.EDQUOT) or _SHORT.search(reason):
        reason, cure = f"the disk is full ({reason})", "make room or choose another folder"
    return BitsmithError(f"cannot write '{path}': {reason}; {cure}")


@contextmanager
def _parents(place: Path, shown: str | Path) -> Iterator[None]:
    """Make the missing parents; on failure remove again those that we made."""
    missing = [parent for parent in place.parents if not os.path.lexists(parent)]
    try:
        for parent in reversed(missing):
            parent.mkdir(exist_ok=True)
        yield
    except BaseException as error:
        for parent in missing:
            with suppress(OSError):  # somebody else's by now, or never made: either way not ours to remove
                parent.rmdir()
        if isinstance(error, OSError):
            raise cannot_write(shown, error) from error
        raise
