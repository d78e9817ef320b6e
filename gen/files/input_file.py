"""Files that a user names: regular ones only, none beyond a size: reading neither waits for ever nor fills memory."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...sim.errors import BitsmithError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_BYTES = 1 << 36
"""Of data; what is small by nature has a limit of its own."""
UNKNOWN_BYTES = 1 << 20
"""So much is read of a file that says it is empty, as those of /proc do."""


def check_file(path: Path, what: str, most: int = MOST_BYTES) -> int:
    """The size of a file; BitsmithError unless it is a regular one of at most ``most`` bytes. ``what`` says the cure.

    A pipe or a device is refused before it is opened: opening a pipe waits for a writer, and /dev/zero has no end.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise BitsmithError(f"cannot read '{path}': no such file; give {what}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BitsmithError(f"cannot read '{path}': {reason}; give {what}") from None
    if not stat.S_ISREG(found.st_mode):
        raise BitsmithError(f"cannot read '{path}': it is {_kind(found.st_mode)}; give {what}")
    if found.st_size > most:
        raise BitsmithError(f"cannot read '{path}': it has {found.st_size:,} bytes, more than {most:,}; give {what}")
    return found.st_size


def read_file(path: Path, what: str, most: int) -> bytes:
    """The whole file; BitsmithError unless it is a regular one of at most ``most`` bytes."""
    limit = min(most, max(check_file(path, what, most), UNKNOWN_BYTES))
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise BitsmithError(f"cannot read '{path}': {error.strerror}; give {what}") from None
    if len(data) > limit:
        raise BitsmithError(f"cannot read '{path}': it has more than {limit:,} bytes; give {what}")
    return data


def as_array(data: Any, what: str) -> NDArray[Any]:
    """What a caller gives as an array; BitsmithError that begins with ``what`` where it is none, as a ragged list."""
    import numpy as np  # the list of commands imports this file, and is there in half a second

    try:
        return np.asarray(data)
    except (ValueError, TypeError, OverflowError) as error:
        text = " ".join(str(error).split())[:80]
        raise BitsmithError(f"{what}: no array of numbers ({text}); give a numpy array") from None


def _kind(mode: int) -> str:
    kinds = {stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket"}
    return next((name for test, name in kinds.items() if test(mode)), "a device")
