"""Our own JSON files, read with care: whoever copies a build about may have put anything in their place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError
from .input_file import read_file

MOST_BYTES = 1 << 26


def read_json(path: Path, cure: str) -> dict[str, Any]:
    """The file's keys and values; BitsmithError, with the cure, where it is no regular file of at most 64 MiB, or holds
    anything else."""
    text = read_file(path, cure, MOST_BYTES)
    try:
        data = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise BitsmithError(f"cannot read '{path}': it is not what was written there; give {cure}")
    return data
