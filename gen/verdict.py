"""What a ``verify`` showed, in words: equal on so many frames, or what failed."""

from __future__ import annotations

from typing import Any


def required(report: dict[str, Any]) -> dict[str, Any]:
    """The levels that must be equal; what is left out informs."""
    return {level: result for level, result in report.get("levels", {}).items() if result.get("required", True)}


def equal(report: dict[str, Any]) -> bool:
    """Whether ``verify`` passed and every level that must be equal compared something; there is one at least."""
    levels = required(report)
    return bool(report.get("passed") and levels) and all(result["compared"] > 0 for result in levels.values())


def verdict(report: dict[str, Any]) -> str:
    """One line about the contents of verify.json; equality is said of the frames that were compared, of no others."""
    if equal(report):
        return f"every integer equal to the reference's on {_frames(required(report))}"
    return "; ".join(_failures(report)) or _nothing(report)


def _nothing(report: dict[str, Any]) -> str:
    """Where no level that must be equal was asked for."""
    informing = ", ".join(report.get("levels", {}))
    return f"no hardware was compared ({informing} informs)" if informing else "nothing was compared"


def information(report: dict[str, Any]) -> list[str]:
    """A line for each output that was held to the model's floats, and for each accuracy."""
    found = []
    for level, result in report.get("levels", {}).items():
        found += [f"{level}: {_figures(name, figures)}" for name, figures in (result.get("figures") or {}).items()]
    labels = report.get("labels") or {}
    found += [
        f"accuracy of {who}: {_accuracy(labels, labels[who])}" for who in ("reference", "keras") if labels.get(who)
    ]
    return found


def _figures(name: str, figures: dict[str, Any]) -> str:
    what = f"output '{name}': {figures['equal']:,} of {figures['values']:,} values equal ({figures['equal_share']:.2%})"
    if figures.get("largest_difference") is None:
        return what
    return (
        f"{what}, {figures['within_half_step']:.2%} within half an output step; largest difference "
        f"{figures['largest_difference']:.6g} ({figures['largest_steps']:.6g} steps of {figures['step']:g})"
    )


def _accuracy(labels: dict[str, Any], found: dict[str, Any]) -> str:
    what = f"{found['accuracy']:.2%} ({found['correct']:,} of {_counted(labels['frames'])}"
    if not found["rejected"]:
        return f"{what}, {labels['classes']} classes)"
    accepted = found["accuracy_of_accepted"]
    of_rest = "" if accepted is None else f"; {accepted:.2%} of the others"
    return f"{what}, {labels['classes']} classes), {found['rejected']:,} rejected{of_rest}"


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
    for level, result in required(report).items():
        if result["mismatches"]:
            found.append(f"{level} differs on {result['mismatches']:,} of {_counted(result['compared'])}")
        elif result.get("problems"):
            found.append(f"{level}: {result['problems'][0]}")
    cycles = report.get("cycles")
    if cycles and not cycles["equal"]:
        found.append("the cycles are not the predicted ones")
    return found
