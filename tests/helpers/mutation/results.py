"""What became of each fault, and the table of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import judge
from .equivalence import ALONE, OTHER, PARENT, SAME, STATEMENT, TOP, WHERE_VALID
from .judge import CAUGHT, SURVIVED
from .planted import Planted

REASONS = Path(__file__).with_name("reasons.json")
HOLE, BY_REASON, OTHERWISE = "HOLE", "equal: by reason", "crash or refusal"
EQUAL = {
    STATEMENT: "equal: statement",
    ALONE: "equal: module",
    WHERE_VALID: "equal: module where valid",
    PARENT: "equal: module around",
    TOP: "equal: top",
    "frames": "equal: every frame",
    "values": "equal: every frame at full speed",
}
"""How it was shown, by the scope of the answer. The last one is for a fault in a value or its width, which no stall can
reach."""
PYTHON = ("constant", "limit", "operator")
KINDS = {
    "rtl": (
        *("address or counter", "constant", "error flag", "fifo credits", "fifo depth", "fifo level", "operator"),
        *("reset removed", "reset value", "rounding", "saturation", "signedness", "slice", "stuck", "swap"),
        *("table entry", "tlast"),
    ),
    "hls": ("address or counter", "constant", "operator", "rounding", "saturation", "table entry"),
    "sim": PYTHON,
    "shared": PYTHON,
}
"""What can be wrong in each part."""
COLUMNS = (*CAUGHT, OTHERWISE, *EQUAL.values(), BY_REASON, HOLE)


@dataclass(frozen=True)
class Result:
    """A fault's end: a column of the table, and why. ``keras``: what that level alone finds, where it can be run."""

    name: str
    code: str
    part: str
    network: str
    kind: str
    end: str
    why: str
    seconds: float
    keras: str = ""


def reasons() -> dict[str, str]:
    """By a fault's name, why no output changes on any input; for those that are not proven."""
    found: dict[str, str] = json.loads(REASONS.read_text())
    return found


def judged(planted: Planted, known: dict[str, str]) -> Result:
    """Through ``verify``, and where it passes, whether that is right."""

    def result(end: str, why: str, seconds: float) -> Result:
        place = planted.part, planted.network, planted.kind
        beside = planted.keras() if planted.keras else judge.Verdict("", "", 0.0)
        return Result(planted.name, planted.code, *place, end, why, round(seconds + beside.seconds, 3), beside.found)

    verdict = planted.verify()
    if verdict.found != SURVIVED:
        return result(verdict.found if verdict.found in CAUGHT else OTHERWISE, verdict.why, verdict.seconds)
    answer = planted.closer()
    seconds = verdict.seconds + answer.seconds
    if answer.result == SAME:
        return result(EQUAL[answer.scope], answer.detail or "for every input", seconds)
    if planted.name in known and answer.result != OTHER:
        return result(BY_REASON, known[planted.name], seconds)
    return result(HOLE, f"{answer.scope}: {answer.result} {answer.detail}", seconds)


def table(results: Iterable[Result]) -> str:
    """By part and kind, how many were planted and what became of them."""
    every = list(results)
    rows: list[tuple[str, ...]] = [("part", "kind", "planted", *COLUMNS, "keras alone")]
    groups = sorted({(r.part, r.kind) for r in every})
    for part, kind in [*groups, *((part, "all") for part in sorted({r.part for r in every})), ("all", "")]:
        chosen = [r for r in every if part in (r.part, "all") and kind in (r.kind, "all", "")]
        ends = Counter(r.end for r in chosen)
        ends["keras alone"] = sum(r.keras == "keras" for r in chosen)
        rows.append((part, kind, str(len(chosen)), *(str(ends[column] or "") for column in rows[0][3:])))
    shown = [k for k in range(len(rows[0])) if k < 3 or any(row[k] for row in rows[1:])]
    widths = {k: max(len(row[k]) for row in rows) for k in shown}
    return "\n".join("  ".join(row[k].ljust(widths[k]) for k in shown).rstrip() for row in rows)


def missing(results: Iterable[Result], part: str) -> list[str]:
    """The kinds of a part of which none was planted."""
    return sorted(set(KINDS[part]) - {r.kind for r in results if r.part == part})
