"""``make kills``: build, verify, report and synth, killed at random times; what they leave, and the next run."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: a fork takes no threads along
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import gc
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from bad_input.forked import answer, warm_up
from kills.task import CHOICES, COMMANDS, Task, fill, state
from kills.trial import Outcome, trial
from model_files import dense, input_layer, quantize, write_h5


def prepare(work: Path, names: list[str]) -> list[Task]:
    """Each command undisturbed, once: where it begins, how long it takes, and what it gives."""
    shutil.rmtree(work, ignore_errors=True)
    for folder in ("tmp", "cache", "new"):
        (work / folder).mkdir(parents=True)
    os.environ["BITSMITH_CACHE"], os.environ["TMPDIR"] = str(work / "cache"), str(work / "tmp")
    write_h5(work / "new" / "model.h5", [input_layer(3), quantize(), dense()])
    warm_up()
    gc.collect()
    gc.freeze()
    fill(work / "old", work / "new")
    _run(("build", "model.h5", "-o", "out", "--seed", "7"), work / "old", work)
    fill(work / "place", work / "new")
    _run(COMMANDS["build"], work / "place", work)
    fill(work / "built", work / "place")
    tasks = [Task("build", work / "new"), Task("build", work / "old")] if "build" in names else []
    tasks += [Task(name, work / "built") for name in names if name != "build"]
    for task in tasks:
        fill(work / "place", task.before)
        task.seconds = _run(task.command, work / "place", work)
        task.end = state(work / "place")
    return tasks


def _run(command: tuple[str, ...], folder: Path, work: Path) -> float:
    found = answer(command, folder, work, seconds=120, memory=0)
    assert found.status == 0, f"{command}: {found.stderr}"
    return found.seconds


def chosen(tasks: list[Task], number: int, seed: int) -> Task:
    """One of them, those that are quick more often."""
    weights = np.array([CHOICES[task.name] for task in tasks], dtype=float)
    rng = np.random.default_rng([seed, number, 1])
    return tasks[int(rng.choice(len(tasks), p=weights / weights.sum()))]


def table(outcomes: list[Outcome]) -> str:
    """A row for each command and signal."""
    rows: dict[tuple[str, str], Counter[str]] = {}
    for found in outcomes:
        kind = "finished before" if found.status == 0 else "killed"
        rows.setdefault((found.task, found.signal), Counter()).update([kind, *(["failed"] if found.wrong else [])])
    lines = [f"{'command':10s}{'signal':10s}{'killed':>8s}{'finished before':>17s}{'failed':>8s}"]
    for (task, how), count in sorted(rows.items()):
        lines.append(f"{task:10s}{how:10s}{count['killed']:8d}{count['finished before']:17d}{count['failed']:8d}")
    return "\n".join(lines)


def main() -> int:
    """Exit status 1 where a kill left anything that it must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for everything")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commands", default=",".join(COMMANDS))
    parser.add_argument("--only", type=int, help="the kill of this number alone")
    arguments = parser.parse_args()
    start, work = time.monotonic(), arguments.folder.resolve()
    tasks = prepare(work, arguments.commands.split(","))
    outcomes = []
    for number in range(arguments.kills) if arguments.only is None else (arguments.only,):
        found = trial(number, chosen(tasks, number, arguments.seed), work, arguments.seed)
        outcomes.append(found)
        if found.wrong or arguments.only is not None:
            when = f"{found.signal} after {found.after:.2f} s"
            print(f"{number}: {found.task}, {when}, status {found.status}: {found.wrong}")
            print(f"  again: {sys.executable} {' '.join(sys.argv)} --only {number}", flush=True)
    failed = sum(bool(found.wrong) for found in outcomes)
    print(f"{table(outcomes)}\n{len(outcomes)} kills, seed {arguments.seed}, {failed} failed", end=", ")
    print(f"{time.monotonic() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
