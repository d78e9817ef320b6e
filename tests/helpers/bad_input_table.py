"""``make bad-input``: broken models, configurations, data and build folders through the real commands; a table."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: a fork takes no threads along
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("BITSMITH_CACHE", "off")

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bad_input.judge import ACCEPTED, ANSWERED, FAILED
from bad_input.run import Result, corpus, prepare, results, shown

COLUMNS = (ANSWERED, ACCEPTED, FAILED)


def table(found: Sequence[Result]) -> str:
    """A row for each kind of input, and one for all."""
    kinds: dict[str, Counter[str]] = {}
    for result in found:
        kinds.setdefault(result.case.kind, Counter())[result.kind] += 1
    lines = [f"{'kind':10s}{'cases':>8s}" + "".join(f"{column:>12s}" for column in COLUMNS)]
    for name, count in [*sorted(kinds.items()), ("all", sum(kinds.values(), Counter()))]:
        lines.append(f"{name:10s}{sum(count.values()):8d}" + "".join(f"{count[column]:12d}" for column in COLUMNS))
    return "\n".join(lines)


def main() -> int:
    """Exit status 1 where anything was answered badly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for the cases; those that fail are kept")
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without-hgq", action="store_true", help="no model of HGQ2, which needs TensorFlow once")
    parser.add_argument("--only", type=int, help="the case of this number alone")
    arguments = parser.parse_args()
    work, start = arguments.folder.resolve(), time.monotonic()
    good = prepare(work, hgq=not arguments.without_hgq)
    found = []
    for result in results(corpus(good, arguments.cases, arguments.seed), good, work, arguments.seed, arguments.only):
        found.append(result)
        if result.kind == FAILED or arguments.only is not None:
            print(f"{result.kind} {result.number} {result.case.kind} '{result.case.name}': {result.reason}")
            print(f"  {result.answer.status} {result.answer.stderr.strip()[:300]}")
            print(f"  {shown(result, sys.executable, Path(__file__).parents[2] / 'src')}", flush=True)
    failed = sum(result.kind == FAILED for result in found)
    slowest = max(found, key=lambda result: result.answer.seconds)
    print(f"\n{table(found)}\n")
    print(f"{len(found)} cases, seed {arguments.seed}, {failed} failed, {time.monotonic() - start:.0f} s")
    print(f"slowest: case {slowest.number}, '{slowest.case.name}', {slowest.answer.seconds:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
