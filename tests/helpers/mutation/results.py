"""What became of each fault, and the table of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from .equivalence import OTHER, SAME
from .judge import CAUGHT, SURVIVED
from .planted import Planted

REASONS = Path(__file__).with_name("reasons.json")
PROVEN, BY_REASON, HOLE = "equal, proven", "equal, by reason", "HOLE"
OTHERWISE = "crash or refusal"
COLUMNS = (*CAUGHT, OTHERWISE, PROVEN, BY_REASON, HOLE)


@dataclass(frozen=True)
class Result:
    """A fault's end: a column of the table, and why."""

    name: str
    code: str
    part: str
    network: str
    kind: str
    end: str
    why: str
    seconds: float


def reasons() -> dict[str, str]:
    """By a fault's name, why no output changes on any input; for those that are not proven."""
    found: dict[str, str] = json.loads(REASONS.read_text())
    return found


def judged(planted: Planted, known: dict[str, str]) -> Result:
    """Through ``verify``, and where it passes, whether that is right."""

    def result(end: str, why: str, seconds: float) -> Result:
        place = planted.part, planted.network, planted.kind
        return Result(planted.name, planted.code, *place, end, why, round(seconds, 3))

    verdict = planted.verify()
    if verdict.found != SURVIVED:
        return result(verdict.found if verdict.found in CAUGHT else OTHERWISE, verdict.why, verdict.seconds)
    answer = planted.closer()
    seconds = verdict.seconds + answer.seconds
    if answer.result == SAME and answer.scope == "values":
        return result(BY_REASON, f"in a value, and no output differs at full speed: {answer.detail}", seconds)
    if answer.result == SAME:
        return result(PROVEN, f"{answer.scope}: {answer.detail or 'for every input'}", seconds)
    if planted.name in known and answer.result != OTHER:
        return result(BY_REASON, known[planted.name], seconds)
    return result(HOLE, f"{answer.scope}: {answer.result} {answer.detail}", seconds)


def table(results: Iterable[Result]) -> str:
    """By part and kind, how many were planted and what became of them."""
    every = list(results)
    rows: list[tuple[str, ...]] = [("part", "kind", "planted", *COLUMNS)]
    groups = sorted({(r.part, r.kind) for r in every})
    for part, kind in [*groups, *((part, "all") for part in sorted({r.part for r in every})), ("all", "")]:
        chosen = [r for r in every if part in (r.part, "all") and kind in (r.kind, "all", "")]
        ends = Counter(r.end for r in chosen)
        rows.append((part, kind, str(len(chosen)), *(str(ends[column] or "") for column in COLUMNS)))
    shown = [k for k in range(len(rows[0])) if k < 3 or any(row[k] for row in rows[1:])]
    widths = {k: max(len(row[k]) for row in rows) for k in shown}
    return "\n".join("  ".join(row[k].ljust(widths[k]) for k in shown).rstrip() for row in rows)


def save(path: Path, results: Iterable[Result], seconds: float) -> None:
    """Everything as JSON; ``seconds`` of processor time in all."""
    path.write_text(json.dumps({"seconds": round(seconds, 1), "mutants": [asdict(r) for r in results]}, indent=1))
