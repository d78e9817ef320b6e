"""Where a training keeps its checkpoints and writes its files: what was there stays whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..sim.errors import BitsmithError


def prepare(folder: Path, settings: Any) -> Path:
    """The checkpoints' folder; an earlier run with other settings (a dataclass) is an error: it may be days of work."""
    checkpoints = folder / "checkpoints"
    note = checkpoints / "settings.json"
    text = json.dumps(asdict(settings), indent=1) + "\n"
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        if not note.exists():
            note.write_text(text)
        elif note.read_text() != text:
            raise BitsmithError(
                f"{folder} holds an unfinished run with other settings; give another --output or remove {checkpoints}"
            )
    except OSError as error:
        raise BitsmithError(f"cannot write to {folder}: {error.strerror}; give another --output") from None
    return checkpoints


def write_beside(path: Path, write: Callable[[Path], object]) -> None:
    """Write to a neighbour, then rename, so that a file that was there stays whole until the new one is."""
    beside = path.with_name(f".{path.stem}.part{path.suffix}")
    write(beside)
    beside.replace(path)
