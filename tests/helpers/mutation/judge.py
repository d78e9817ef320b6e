"""What ``bitsmith verify`` says of one fault: the very function, in a process of its own, stopped at what it finds."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import resource
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from bitsmith.gen.simulate.simulation import Drive
from bitsmith.gen.verify import levels, trials, verify
from bitsmith.sim.errors import BitsmithError

PATIENCE, COMPILED = 120, 600
"""Seconds that a verification of these networks may take, and one that compiles first; what stands still for longer is
found."""
LOG = "output.log"
SURVIVED = "survived"
CAUGHT = ("hls", "rtl data", "rtl protocol", "rtl reset", "rtl buffers", "rtl cycles", "rtl inside", "keras")
STOPPED, REFUSED = "no end", "refused"


@dataclass(frozen=True)
class Verdict:
    """Where a fault was found (one of ``CAUGHT``, or by a crash), or ``SURVIVED``; what was said; processor seconds."""

    found: str
    why: str
    seconds: float


class Found(Exception):
    """``verify`` is going to fail; there is no need to go on."""


def rtl_trial(drive: Drive, problems: list[str]) -> str:
    """Which of the trials of the level rtl it was."""
    if drive.holds:
        return "rtl buffers"
    if not drive.stalls:
        return "rtl data" if not problems else "rtl protocol"
    return "rtl reset" if any("reset" in problem for problem in problems) else "rtl protocol"


@contextmanager
def stopping_early() -> Iterator[None]:
    """Within, ``verify`` ends with ``Found`` where it is certain to fail, and does not look for the first layer.

    What a comparison finds, mismatches and problems alike, makes ``verify`` fail, whatever comes behind it.
    """
    compare = trials.compare

    def wrong_in_hls(*_: object) -> Any:
        raise Found("hls", "wrong integers")

    def stopped(level: str, job: Any, top: Any, device: Any, drive: Drive, frames: list[int]) -> Any:
        outcome, run = compare(level, job, top, device, drive, frames)
        if outcome.mismatches or outcome.problems:
            raise Found(rtl_trial(drive, outcome.problems), "; ".join(outcome.problems[:1]) or "wrong integers")
        return outcome, run

    with (
        mock.patch.object(trials, "compare", stopped),
        mock.patch.object(levels, "compare", stopped),
        mock.patch.object(trials, "_located", return_value=None),
        mock.patch.object(levels, "locate", wrong_in_hls),
    ):
        yield


def judged(folder: Path, chosen: tuple[str, ...], **more: Any) -> tuple[str, str]:
    """What ``verify`` finds at these levels: where, and what it says. ``more`` is handed on to it."""
    try:
        with stopping_early():
            report = verify(folder, chosen, **more)
    except Found as found:
        return str(found.args[0]), str(found.args[1])
    except BitsmithError as error:
        return REFUSED, str(error)[:200]
    if report["passed"]:
        return SURVIVED, ""
    for level, outcome in report["levels"].items():
        if outcome["mismatches"] or outcome["problems"]:
            return (level if level != "rtl" else "rtl inside"), str(outcome["problems"][:1] or "wrong integers")
    return ("rtl cycles", str(report["cycles"])) if not report["problems"] else (REFUSED, report["problems"][0])


def apart(task: Callable[[], tuple[str, str]], home: Path, patience: int = PATIENCE) -> Verdict:
    """A task in a process of its own that works in ``home``: its end, crash or time-out is a verdict."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(task, home, sender))
    before = _children()
    process.start()
    sender.close()
    found, why = STOPPED, f"no end within {patience} s"
    try:
        if receiver.poll(patience):
            found, why = receiver.recv()
    except EOFError:
        found, why = "crash", ""
    finally:  # whoever stops this process stops that one
        if found == STOPPED and process.pid:
            os.killpg(process.pid, signal.SIGKILL)  # the simulation, too
    process.join()
    if found == "crash" and not why:
        why = f"the process ended with status {process.exitcode}"
    return Verdict(found, why, round(_children() - before, 3))


def _work(task: Callable[[], tuple[str, str]], home: Path, sender: Any) -> None:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT):  # are the parent's to handle
        signal.signal(number, signal.SIG_DFL)
    os.chdir(home)
    faulthandler.disable()  # a crash is a verdict
    warnings.resetwarnings()  # under pytest they are errors, for a command they are not
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):  # the C simulation warns of every stream that it finds in disorder
        os.dup2(log, stream)
    try:
        sender.send(task())
    except Exception:  # whatever a fault makes of the reference
        sender.send(("crash", traceback.format_exc(limit=-1).splitlines()[-1]))


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured() -> float:
    """Processor seconds of this process and all that it started and that ended."""
    return time.process_time() + _children()
