"""A corpus of cases, one after the other."""

from __future__ import annotations

import gc
import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import arrays, builds, configs, models
from .case import Case
from .drawn import draw
from .forked import NOBODY, Answer, answer, warm_up
from .good import Good, make
from .judge import FAILED, snapshot, verdict


@dataclass(frozen=True)
class Result:
    """``kind`` is one of judge's; ``folder`` is kept where the case failed, as it was when the command began."""

    number: int
    case: Case
    answer: Answer
    kind: str
    reason: str
    folder: Path


def prepare(work: Path, hgq: bool = False) -> Good:
    """Warm interpreter, whole files, and a whole build with everything in it that ``report`` shows."""
    shutil.rmtree(work, ignore_errors=True)
    (work / "good").mkdir(parents=True)
    work.chmod(0o755)
    good = make(work / "good", hgq)
    warm_up()
    built = answer(("build", "model.h5", "-o", "out", "--vectors", "4"), work / "good", work, seconds=60)
    assert built.status == 0, built.stderr
    good.put(good.build, "verify.json")
    gc.collect()
    gc.freeze()  # a child does not copy what the collector would touch
    return good


def corpus(good: Good, count: int, seed: int) -> list[Case]:
    """All that are broken by hand, then drawn ones up to ``count``; a smaller ``count`` takes some of both."""
    by_hand = [*models.cases(onnx="model.onnx" in good.files), *configs.cases(), *arrays.cases(), *builds.cases()]
    if count < len(by_hand):
        rng = np.random.default_rng(seed)
        by_hand = [by_hand[k] for k in sorted(rng.permutation(len(by_hand))[: count * 2 // 3])]
    drawn = (draw(np.random.default_rng([seed, k]), good) for k in range(len(by_hand), count))
    return [*by_hand, *drawn]


def results(cases: list[Case], good: Good, work: Path, seed: int, only: int | None = None) -> Iterator[Result]:
    """Each case's verdict; the folders of those that are well are removed."""
    for number, case in enumerate(cases):
        if only is None or number == only:
            yield one(number, case, good, work, seed)


def one(number: int, case: Case, good: Good, work: Path, seed: int) -> Result:
    """Made, run, judged; made again where it failed, for whoever repeats it."""
    folder = work / f"case_{number}"
    _filled(folder, case, good, number, seed)
    before = snapshot(folder)
    found = answer(case.command, folder, work, case.private)
    kind, reason = verdict(case, found, before, folder)
    _remove(folder)
    if kind == FAILED:
        _filled(folder, case, good, number, seed)
    return Result(number, case, found, kind, reason, folder)


def _filled(folder: Path, case: Case, good: Good, number: int, seed: int) -> None:
    folder.mkdir()
    case.make(folder, good, np.random.default_rng([seed, number, 1]))
    if case.private and os.getuid() == 0:
        _give_away(folder)


def _give_away(folder: Path) -> None:
    """To the user that the command runs as: what forbids reading then forbids it to the owner."""
    for root, folders, names in os.walk(folder):
        for name in (".", *folders, *names):
            os.lchown(Path(root, name), NOBODY, NOBODY)


def _remove(folder: Path) -> None:
    folder.chmod(stat.S_IRWXU)
    shutil.rmtree(folder)


def shown(result: Result, python: str, source: Path) -> str:
    """One command that repeats a case."""
    home = shlex.quote(str(result.folder))
    path = shlex.quote(str(source))
    return f"cd {home} && PYTHONPATH={path} {shlex.quote(python)} -m bitsmith {shlex.join(result.case.command)}"
