"""What a run found, in a file that is whole after every fault: a run that was stopped goes on from there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import bitsmith.gen
import bitsmith.hw
import bitsmith.sim

from .results import Result

SOURCES = [Path(home.__path__[0]).resolve() for home in (bitsmith.gen, bitsmith.hw, bitsmith.sim)]
SUFFIXES = (".py", ".hpp", ".h", ".cpp", ".j2", ".json")


@dataclass
class Record:
    """``of`` says which run it is; ``known`` are an earlier part's results by code; seconds are those of all parts."""

    path: Path | None
    of: dict[str, Any]
    known: dict[str, Result] = field(default_factory=dict)
    processor: float = 0.0
    wall: float = 0.0

    def resume(self) -> str:
        """Takes what the file has; why that is not possible, in words."""
        if self.path is None or not self.path.is_file():
            return "there is no file of an earlier run; give --json FILE, or begin without --resume"
        kept = json.loads(self.path.read_text())
        other = sorted(key for key in self.of if kept.get("of", {}).get(key) != self.of[key])
        if other:
            return f"'{self.path}' is of a run with other {', '.join(other)}; begin without --resume"
        self.known = {one["code"]: Result(**one) for one in kept["mutants"]}
        self.processor, self.wall = kept["processor_seconds"], kept["wall_seconds"]
        return ""

    def save(self, results: Iterable[Result], processor: float, wall: float) -> None:
        """Everything as JSON, the earlier part's as well; the seconds are those of this part."""
        if self.path is None:
            return
        every = self.known | {one.code: one for one in results}
        seconds = {
            "processor_seconds": round(self.processor + processor, 1),
            "wall_seconds": round(self.wall + wall, 1),
        }
        fresh = self.path.with_name(f"{self.path.name}.new")
        fresh.write_text(
            json.dumps({"of": self.of, **seconds, "mutants": [asdict(r) for r in every.values()]}, indent=1)
        )
        fresh.replace(self.path)


def sources() -> str:
    """A hash of what emits, computes and verifies, and of what plants faults in it."""
    found = sha256()
    for home in [*SOURCES, Path(__file__).parent]:
        for path in sorted(home.rglob("*")):
            if path.suffix in SUFFIXES:
                found.update(path.read_bytes())
    return found.hexdigest()[:16]
