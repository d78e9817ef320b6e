"""The commands that are killed, what stands there before, and what must stand there in the end."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORK = re.compile(r"\..+\.new-[0-9a-f]{8}")
"""The name of a work folder."""
CHOICES = {"build": 60, "report": 20, "verify": 14, "synth": 6}
"""How many of a hundred kills a command gets; verify and synth compile or synthesize for seconds."""
COMMANDS = {
    "build": ("build", "model.h5", "-o", "out"),
    "report": ("report", "out"),
    "verify": ("verify", "out", "--vectors", "8"),
    "synth": ("synth", "out", "--tool", "yosys"),
}
_SECONDS = frozenset({"seconds"})
"""What no two runs of a command share."""


@dataclass
class Task:
    """What stands there ``before``, the ``seconds`` that it takes undisturbed, and what stands there in the ``end``."""

    name: str
    before: Path
    seconds: float = 0.0
    end: dict[str, str] = field(default_factory=dict)

    @property
    def command(self) -> tuple[str, ...]:
        return COMMANDS[self.name]


def fill(folder: Path, before: Path) -> None:
    """A copy of what stands there before, in the same place for every kill: names of programs depend on it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(before, folder, symlinks=True)


def state(folder: Path) -> dict[str, str]:
    """Every file below, by a hash of what is in it, but for seconds; compiled programs by their names alone.

    Work folders that a killed process left are not looked into.
    """
    found = {}
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not WORK.fullmatch(name)]
        for name in names:
            path = Path(root, name)
            found[str(path.relative_to(folder))] = _digest(path)
    return found


def _digest(path: Path) -> str:
    if "sim" in path.parts or path.suffix == ".log":
        return "there"
    data = path.read_bytes()
    if path.name in ("verify.json", "synth.json"):
        data = json.dumps(_timeless(json.loads(data)), sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(part) for key, part in value.items() if key not in _SECONDS}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


def left(folder: Path) -> list[str]:
    """Work folders below."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".*") if WORK.fullmatch(path.name))


def mixed(now: dict[str, str], before: dict[str, str], end: dict[str, str], command: str) -> list[str]:
    """What is neither as before nor as it will be. A build changes as a whole, other commands change single files."""
    if command == "build":
        builds = [{k: v for k, v in one.items() if k.startswith("out/")} for one in (now, before, end)]
        return [] if builds[0] in builds[1:] else ["out/ is neither the old nor the new"]
    return sorted(name for name in now.keys() | before.keys() if not _known(name, now, before, end))


def _known(name: str, now: dict[str, str], before: dict[str, str], end: dict[str, str]) -> bool:
    """A file that was there is there, as it was or as it will be; one that was not may be."""
    return now.get(name) in (before.get(name), end.get(name)) and (name in now or name not in before)
