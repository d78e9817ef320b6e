"""Faults planted in the reference, the C++ and the Verilog, and what ``verify`` says of each: ``make mutate``.

Exit status 1 where one changes an output and passes, or where nobody knows whether it does; 2 where a build passes no
verification even without a fault; 3 where the run was stopped.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "ops"))

from . import judge, results
from .networks import KINDS
from .parts import PARTS, parts
from .planted import Home, Planted
from .record import Record, sources
from .trained import TRAINED

SHARES = {"rtl": 0.6, "hls": 0.24, "sim": 0.1, "shared": 0.06}
NETWORKS = [*KINDS, TRAINED]


def faults(folder: Path, count: int, seed: int, only: str, wanted: list[str]) -> Iterator[list[Planted]]:
    """Each network's faults of one part, behind the network without one. ``only``: a fault's code."""
    part_only, network_only, digest = only.split("-") if only else ("", "", "")
    for name in NETWORKS:
        if network_only in ("", name):
            home = Home(name, folder / name)
            for part in parts(name):
                if part_only in ("", part) and part in wanted:
                    share = 1 if only else shares(part, count)[name]
                    yield PARTS[part](home, share, random.Random(f"{seed} {part} {name}"), digest)


def shares(part: str, count: int) -> dict[str, int]:
    """How many of ``count`` faults are planted in each network; together the part's share, at least one in each."""
    having = [name for name in NETWORKS if part in parts(name)]
    each, rest = divmod(round(count * SHARES[part]), len(having))
    return {name: max(1, each + (place < rest)) for place, name in enumerate(having)}


class Stopped(Exception):
    """By a signal."""


def _stop(*_: object) -> None:
    raise Stopped


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only these parts; all of them by default")
    parser.add_argument("--only", default="", help="the one fault of this code: PART-NETWORK-DIGEST")
    parser.add_argument("--json", type=Path, help="everything, in this file, which is whole after each fault")
    parser.add_argument("--resume", action="store_true", help="go on behind what the file of --json has")
    arguments = parser.parse_args()
    arguments.part = arguments.part or list(PARTS)
    return arguments


def main() -> int:
    """Exit status, see above."""
    arguments = _arguments()
    of: dict[str, Any] = {key: getattr(arguments, key) for key in ("mutants", "seed", "part", "only")}
    record = Record(arguments.json, of | {"sources": sources()})
    why_not = record.resume() if arguments.resume else ""
    if why_not:
        print(why_not)
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    found: list[results.Result] = []
    start = time.monotonic()
    stopped = False
    with tempfile.TemporaryDirectory() as folder:
        try:
            for group in faults(Path(folder), arguments.mutants, arguments.seed, arguments.only, arguments.part):
                if not _judged(group, record, found, start, bool(arguments.only)):
                    return 2
        except Stopped:
            stopped = True
    status = reported(found, record.processor + judge.measured(), record.wall + time.monotonic() - start)
    for part in () if arguments.only else arguments.part:
        missing = results.missing(found, part)
        if missing:
            print(f"{part}: none was planted of {', '.join(missing)}")
    if stopped:
        print("stopped before the end" + ("; go on with --resume" if arguments.json else ""))
    return 3 if stopped else status


def _judged(group: list[Planted], record: Record, found: list[results.Result], start: float, alone: bool) -> bool:
    """Adds what becomes of each; False where the network fails without a fault."""
    reasons = results.reasons()
    for planted in group:
        if planted.kind == "none":
            if all(one.code in record.known for one in group[1:]):
                continue
            verdict = planted.verify()
            if verdict.found != judge.SURVIVED:
                print(f"{planted.part} {planted.network} fails without a fault: {verdict.found}, {verdict.why}")
                return False
            continue
        last = record.known.get(planted.code) or results.judged(planted, reasons)
        found.append(last)
        if alone or last.end not in judge.CAUGHT:
            print(f"{last.end}: {last.name} ({last.why}; {last.seconds} s)", flush=True)
        record.save(found, judge.measured(), time.monotonic() - start)
    return True


def reported(found: list[results.Result], processor: float = 0.0, wall: float = 0.0) -> int:
    """Prints the table, and how to repeat each hole; the exit status. Seconds of the processor and of the clock."""
    print(results.table(found))
    holes = [result for result in found if result.end == results.HOLE]
    print(f"{len(found)} mutants, {len(holes)} holes, {processor:.0f} s of processor time, {wall:.0f} s")
    for hole in holes:
        print(f"make mutate ONLY={hole.code}  # {hole.name}")
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
