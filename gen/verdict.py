"""What a ``verify`` showed, in words: equal on so many frames, or what failed."""

from __future__ import annotations

from typing import Any


def equal(report: dict[str, Any]) -> bool:
    """Whether ``verify`` passed and every level compared something."""
    levels = report.get("levels", {})
    return bool(report.get("passed") and levels) and all(result["compared"] > 0 for result in levels.values())


def verdict(report: dict[str, Any]) -> str:
    """One line about the contents of verify.json; equality is said of the frames that were compared, of no others."""
    if equal(report):
        return f"every integer equal to the reference's on {_frames(report['levels'])}"
    return "; ".join(_failures(report)) or "nothing was compared"


def _frames(levels: dict[str, Any]) -> str:
    counts: dict[int, list[str]] = {}
    for level, result in levels.items():
        counts.setdefault(result["compared"], []).append(level)
    parts = [f"{_counted(count)} ({', '.join(names)})" for count, names in counts.items()]
    return ", ".join(parts)


def _counted(count: int) -> str:
    return f"{count:,} frame{'' if count == 1 else 's'}"


def _failures(report: dict[str, Any]) -> list[str]:
    found = ["the build is not as it was made"] if report.get("problems") else []
    for level, result in report.get("levels", {}).items():
        if result["mismatches"]:
            found.append(f"{level} differs on {result['mismatches']:,} of {_counted(result['compared'])}")
        elif result.get("problems"):
            found.append(f"{level}: {result['problems'][0]}")
    cycles = report.get("cycles")
    if cycles and not cycles["equal"]:
        found.append("the cycles are not the predicted ones")
    return found
