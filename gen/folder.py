"""Output folders: written beside, renamed when whole, and never in the place of what is not ours."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..sim.errors import BitsmithError

MARK = "bitsmith.json"
OURS = frozenset(
    {
        MARK,
        "graph.json",
        "hls",
        "rtl",
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


@contextmanager
def replacing(target: str | Path, sources: Iterable[str | Path] = ()) -> Iterator[Path]:
    """A new folder beside ``target`` that takes its place when the block ends well, and is removed when it doesn't.

    ``target`` may be absent, empty, or a folder that we made; ``sources`` are the files we read, which must not lie
    in it. BitsmithError otherwise, and what was there is left whole.
    """
    place = check_target(target, sources)
    with _parents(place, target):
        fresh = _sibling(place, "new")
        try:
            fresh.mkdir()
            yield fresh
            _swap(fresh, place)
        except OSError as error:
            raise cannot_write(target, error) from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def check_target(shown: str | Path, sources: Iterable[str | Path] = ()) -> Path:
    """The real path of an output folder; BitsmithError where a build may not replace it."""
    if str(shown) == "":
        raise BitsmithError("the output folder has no name; give one with -o")
    place = Path(os.path.realpath(shown))
    here = Path(os.path.realpath("."))
    if place == here or place in here.parents:
        raise BitsmithError(f"'{shown}' is the folder we stand in, or above it; name a new folder with -o")
    for source in sources:
        if place in Path(os.path.realpath(source)).parents:
            raise BitsmithError(f"'{source}' lies in the output folder '{shown}'; move it or choose another folder")
    if os.path.lexists(place):
        if not place.is_dir():
            raise BitsmithError(f"'{shown}' is not a folder; choose another name with -o")
        _check_ours(place, shown)
    return place


def _check_ours(place: Path, shown: str | Path) -> None:
    try:
        names = set(os.listdir(place))
    except OSError as error:
        raise BitsmithError(f"cannot read '{shown}': {error.strerror}; choose another folder with -o") from error
    if names and not is_ours(place):
        raise BitsmithError(f"'{shown}' is not empty and not made by Bitsmith; choose another folder with -o")
    foreign = sorted(names - OURS)
    if foreign:
        raise BitsmithError(f"'{shown}' holds '{foreign[0]}', which Bitsmith did not make; move it elsewhere first")


def is_ours(folder: Path) -> bool:
    """Whether the folder has our mark: a readable bitsmith.json with our name in it."""
    try:
        mark = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(mark, dict) and mark.get("made_by") == "bitsmith"


def open_build(folder: str | Path) -> dict[str, Any]:
    """The contents of bitsmith.json; BitsmithError unless the folder is a build of ours."""
    path = Path(folder)
    if not path.exists():
        raise BitsmithError(f"no folder '{folder}'; make it with 'bitsmith build MODEL -o {folder}'")
    if not path.is_dir() or not is_ours(path):
        raise BitsmithError(f"'{folder}' is no build folder of Bitsmith's; make one with 'bitsmith build MODEL -o DIR'")
    mark: dict[str, Any] = json.loads((path / MARK).read_text(encoding="utf-8"))
    return mark


def write_text(path: Path, text: str) -> None:
    """The whole file or none of it: written beside, then renamed. BitsmithError where it cannot be written."""
    beside = _sibling(path, "new")
    try:
        beside.write_text(text, encoding="utf-8", errors="backslashreplace")
        beside.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            beside.unlink()


def write_json(path: Path, data: object) -> None:
    """``data`` as indented JSON, the whole file or none of it; NaN and infinity are refused."""
    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


def cannot_write(path: str | Path, error: OSError) -> BitsmithError:
    """The one line for a full disk, a missing permission and the like."""
    return BitsmithError(f"cannot write '{path}': {error.strerror or error}; make room or choose another folder")


def _sibling(path: Path, what: str) -> Path:
    # 40 characters: a name may be 255 bytes long, and one character up to 4 bytes
    return path.with_name(f".{path.name[:40]}.{what}-{secrets.token_hex(4)}")


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


def _swap(fresh: Path, place: Path) -> None:
    """``fresh`` takes the place of ``place``; on any failure, Ctrl-C included, the old one is put back."""
    if not place.exists():
        fresh.rename(place)
        return
    old = _sibling(place, "old")
    place.rename(old)
    try:
        fresh.rename(place)
    except BaseException:
        old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)
