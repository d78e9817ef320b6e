"""Times that can be repeated: medians of several runs, processor time beside wall time."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..sim.errors import BitsmithError


@dataclass(frozen=True)
class Time:
    """Medians in seconds; ``cpu`` counts all threads and, for a command, its children."""

    wall: float
    cpu: float


def of_call(call: Callable[[], object], runs: int) -> Time:
    """``runs`` calls after one that warms up."""
    call()
    samples = []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        samples.append((time.perf_counter() - wall, time.process_time() - cpu))
    return _medians(samples)


def of_command(arguments: Sequence[str], runs: int) -> Time:
    """``python -m bitsmith`` with these arguments, a fresh process each time; BitsmithError where it fails."""
    samples = []
    for _ in range(runs):
        wall, before = time.perf_counter(), os.times()
        done = subprocess.run(
            [sys.executable, "-m", "bitsmith", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        after = os.times()
        if done.returncode:
            raise BitsmithError(f"'bitsmith {' '.join(arguments)}' failed: {done.stderr.strip()[:200]}")
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        samples.append((time.perf_counter() - wall, cpu))
    return _medians(samples)


def _medians(samples: list[tuple[float, float]]) -> Time:
    return Time(statistics.median(s[0] for s in samples), statistics.median(s[1] for s in samples))
