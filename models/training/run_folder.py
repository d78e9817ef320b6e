"""Where a training keeps its checkpoints and writes its files: what was there stays whole."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...gen.files.folder import write_text
from ...sim.errors import BitsmithError

FORMAT = 2
"""Of the checkpoints: those of another one are not read."""
Report = Callable[[str, int, int, float | None], None]
"""Called with a training's name, the epochs or steps done, all of them, and the mean loss of the last ones: after each
block of them, and once without a loss where a training goes on."""


def prepare(folder: Path, settings: Any) -> Path:
    """The checkpoints' folder; an earlier run with other settings (a dataclass) is an error: it may be days of work."""
    checkpoints = folder / "checkpoints"
    note = checkpoints / "settings.json"
    text = json.dumps({"format": FORMAT, **asdict(settings)}, indent=1) + "\n"
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        if not note.exists():
            write_text(note, text)
        elif note.read_text() != text:
            raise BitsmithError(
                f"{folder} holds an unfinished run with other settings or of another version; give another --output "
                f"or remove {checkpoints}"
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


def announce(name: str, source: str | Path | None, done: int, total: int, unit: str, report: Report) -> None:
    """Say on stderr that a training goes on from the file ``source``, or was finished; nothing where there is none."""
    if source is None:
        return
    said = f"goes on after {unit} {done} of {total}" if done < total else f"was finished, all {total} {unit}s"
    print(f"{name} {said}: {source}", file=sys.stderr)
    report(name, done, total, None)
