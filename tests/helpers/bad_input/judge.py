"""What is wrong with an answer: status, the one line, what was written."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
from pathlib import Path

from .case import Case
from .forked import TIMED_OUT, Answer

ANSWERED, ACCEPTED, FAILED = "answered", "accepted", "failed"
LONGEST = 600
"""Characters of one line of an error."""
MADE = ("report.html", "estimate.json", "verify.json", "sim", "synth", "synth.json", "c.yaml", "all.yaml")
"""What a command that succeeds may write in a build, or beside."""
CHANGED = "was changed since it was built"
_LAST_DOORS = ("unexpected ", "out of memory")


def snapshot(folder: Path) -> dict[str, str]:
    """Every path below ``folder``, hidden ones too: its kind and permissions, and its contents' hash or its target."""
    found = {}
    for root, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(root, name)
            found[str(path.relative_to(folder))] = _state(path)
    return found


def _state(path: Path) -> str:
    info = path.lstat()
    kind = oct(info.st_mode)
    if stat.S_ISLNK(info.st_mode):
        return f"{kind} {path.readlink()}"
    return f"{kind} {hashlib.sha256(path.read_bytes()).hexdigest()}" if stat.S_ISREG(info.st_mode) else kind


def verdict(case: Case, answer: Answer, before: dict[str, str], folder: Path) -> tuple[str, str]:
    """ANSWERED, ACCEPTED or FAILED, and why it failed."""
    after = snapshot(folder)
    if answer.status == TIMED_OUT or answer.status == -signal.SIGKILL:
        return FAILED, f"took longer than its limit ({answer.seconds:.0f} s)"
    if answer.status < 0:
        return FAILED, f"was ended by {signal.Signals(-answer.status).name}"
    if "Traceback" in answer.stderr + answer.stdout:
        return FAILED, "a traceback"
    if answer.status == 2:
        seen = case.command[0] == "verify" and CHANGED in answer.stderr  # found while it ran what was compiled
        wrong = _wrong_line(answer.stderr) or _written(before, after, ("sim",) if seen else ())
        return (FAILED, wrong) if wrong else (ANSWERED, "")
    if (
        answer.status == 1 and case.command[0] == "verify" and CHANGED in answer.stdout
    ):  # compared, and said what differs
        wrong = _written(before, after, MADE)
        return (FAILED, wrong) if wrong else (ANSWERED, "")
    wrong = _wrong_success(case, answer) or _written(before, after, MADE if case.command[0] != "build" else ("out",))
    wrong = wrong or (_wrong_build(folder / "out") if case.command[0] == "build" else "")
    return (FAILED, wrong) if wrong else (ACCEPTED, "")


def _wrong_line(stderr: str) -> str:
    lines = stderr.splitlines()
    if len(lines) != 1 or not stderr.endswith("\n"):
        return f"{len(lines)} lines on stderr, not one: {stderr[:300]!r}"
    if not lines[0].startswith("error: "):
        return f"its line begins otherwise: {stderr[:200]!r}"
    if lines[0].removeprefix("error: ").startswith(_LAST_DOORS):
        return f"names neither cause nor cure: {stderr[:300]!r}"
    if len(lines[0]) > LONGEST:
        return f"a line of {len(lines[0])} characters: {stderr[:200]!r}"
    return ""


def _wrong_success(case: Case, answer: Answer) -> str:
    if answer.status != 0:
        return f"exit status {answer.status}: {answer.stderr[:200]!r}"
    if not case.accepted:
        return "was accepted"
    return f"was accepted with a word on stderr: {answer.stderr[:300]!r}" if answer.stderr else ""


def _written(before: dict[str, str], after: dict[str, str], allowed: tuple[str, ...]) -> str:
    """The first path that came, went or changed and is not of those that may."""
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    foreign = [path for path in changed if not set(Path(path).parts[:2]) & set(allowed)]
    return f"changed on disk: {', '.join(foreign[:4])}" if foreign else ""


def _wrong_build(out: Path) -> str:
    """What a build that succeeded must hold, whole."""
    try:
        files = json.loads((out / "bitsmith.json").read_text())["files"]
    except (OSError, ValueError, KeyError) as error:
        return f"succeeded and left no whole build ({error})"
    wrong = [n for n, h in files.items() if hashlib.sha256((out / n).read_bytes()).hexdigest() != h]
    return f"succeeded with damaged files: {wrong[:3]}" if wrong else ""
