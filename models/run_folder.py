"""Where a training keeps its checkpoints and writes its files: what was there stays whole."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..gen.folder import write_text
from ..sim.errors import BitsmithError


def prepare(folder: Path, settings: Any) -> Path:
    """The checkpoints' folder; an earlier run with other settings (a dataclass) is an error: it may be days of work."""
    checkpoints = folder / "checkpoints"
    note = checkpoints / "settings.json"
    text = json.dumps(asdict(settings), indent=1) + "\n"
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        if not note.exists():
            write_text(note, text)
        elif note.read_text() != text:
            raise BitsmithError(
                f"{folder} holds an unfinished run with other settings; give another --output or remove {checkpoints}"
            )
    except OSError as error:
        raise BitsmithError(f"cannot write to {folder}: {error.strerror}; give another --output") from None
    return checkpoints


def save_checkpoint(manager: Any) -> None:
    """The next checkpoint of TensorFlow's manager; on a full disk the last one stays and BitsmithError says so."""
    from tensorflow.errors import OpError

    try:
        manager.save()
    except (OpError, OSError) as error:
        reason = re.sub(r"{{.*?}} ?", "", str(getattr(error, "message", error))).strip("; ")
        raise BitsmithError(
            f"cannot write a checkpoint in '{manager.directory}': {reason}; make room and give the same command "
            "again: it goes on from the last checkpoint"
        ) from error
