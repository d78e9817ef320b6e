"""One kill: a command in a child, a signal at a random time, and what it left."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from bad_input.forked import answer, start, waited

from .task import Task, fill, left, mixed, state

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
STATUSES = {signal.SIGKILL: (-9,), signal.SIGTERM: (143, -15, 70), signal.SIGINT: (130, -2, 70)}
"""By the signal, how a command ends; where it comes before the command begins, the last ones."""
TOKEN = "BITSMITH_KILLED"
"""A variable that all have that a command started, and all that these started."""
GRACE = 3.0
"""Seconds until whatever it started must be gone."""


class Outcome(NamedTuple):
    """One kill; ``wrong`` is empty where all is well."""

    task: str
    signal: str
    after: float
    status: int
    wrong: str


def trial(number: int, task: Task, work: Path, seed: int) -> Outcome:
    """Kill it, look at what is there, run it again, and look again."""
    rng = np.random.default_rng([seed, number])
    how, after = SIGNALS[int(rng.integers(3))], float(rng.uniform(0.03, 1.05 * task.seconds))
    place = work / "place"
    fill(place, task.before)
    forget(work / "cache")
    before = state(place)
    os.environ[TOKEN] = f"{os.getpid()}-{number}"
    child = start(task.command, place, work, seconds=120, memory=0)
    time.sleep(after)
    (os.killpg if how == signal.SIGINT else os.kill)(child, how)
    status = waited(child, time.monotonic() + 60, group=False)
    wrong = killed(task, how, status, place, work, before) or again(task, place, work)
    return Outcome(task.name, how.name, after, status, wrong)


def killed(task: Task, how: signal.Signals, status: int, place: Path, work: Path, before: dict[str, str]) -> str:
    """What is wrong right after the kill."""
    said = (work / "stderr.txt").read_text(errors="replace")
    living = orphans()
    if living:
        return f"still running after {GRACE:.0f} s: {', '.join(living[:3])}"
    if status not in (0, *STATUSES[how]):
        return f"ended with status {status}: {said[:200]!r}"
    if "Traceback" in said or len(said.splitlines()) > 1:
        return f"said {said[:300]!r}"
    if how != signal.SIGKILL and left(place):
        return f"left {left(place)}"
    damaged = mixed(state(place), before, task.end, task.name)
    return f"not whole: {damaged[:3]}" if damaged else ""


def again(task: Task, place: Path, work: Path) -> str:
    """What is wrong after the same command."""
    found = answer(task.command, place, work, seconds=120, memory=0)
    if found.status != 0:
        return f"the next run ended with status {found.status}: {found.stderr[:200]!r}"
    now = state(place)
    if now != task.end:
        names = sorted(name for name in now.keys() | task.end.keys() if now.get(name) != task.end.get(name))
        return f"the next run gave others: {names[:3]}"
    rest = [*left(place), *(f"cache/{name}" for name in left(work / "cache")), *os.listdir(work / "tmp")]
    shutil.rmtree(work / "tmp")
    (work / "tmp").mkdir()
    return f"the next run left {rest[:3]}" if rest else ""


def forget(cache: Path) -> None:
    """The programs of a model, so that compilers run; the harness and the simulator's runtime stay."""
    for entry in cache.glob("*-*") if cache.is_dir() else ():
        if entry.name.startswith(("program-", "hls-")):
            shutil.rmtree(entry)


def orphans() -> list[str]:
    """The programs with our token that go on for ``GRACE`` seconds."""
    end = time.monotonic() + GRACE
    while (found := _living()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def _living() -> list[str]:
    wanted = f"{TOKEN}={os.environ[TOKEN]}".encode()
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal() or int(process.name) == os.getpid():
            continue
        try:
            ours = wanted in (process / "environ").read_bytes().split(b"\0")
            name = (process / "comm").read_text().strip()
        except OSError:  # it ended, or is not ours to see
            continue
        found += [name] if ours else []
    return found
