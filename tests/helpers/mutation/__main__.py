"""Faults planted in the reference, the C++ and the Verilog, and what ``verify`` says of each: ``make mutate``.

Exit status 1 where one changes an output and passes, or where nobody knows whether it does; 2 where a build passes no
verification even without a fault.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "ops"))

from . import judge, results
from .networks import KINDS
from .parts import PARTS, parts
from .planted import Home, Planted

SHARES = {"rtl": 0.64, "hls": 0.24, "sim": 0.12}


def faults(folder: Path, count: int, seed: int, only: str, wanted: list[str]) -> Iterator[Planted]:
    """Each network with its faults, one after another. ``only``: a fault's code."""
    part_only, network_only, digest = only.split("-") if only else ("", "", "")
    for name in KINDS:
        if network_only in ("", name):
            home = Home(name, folder / name)
            for part in parts(name):
                if part_only in ("", part) and part in wanted:
                    networks = sum(part in parts(other) for other in KINDS)
                    share = 1 if only else max(1, round(count * SHARES[part] / networks))
                    yield from PARTS[part](home, share, random.Random(f"{seed} {part} {name}"), digest)


def main() -> int:
    """Exit status, see above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only these parts; all of them by default")
    parser.add_argument("--only", default="", help="the one fault of this code: PART-NETWORK-DIGEST")
    parser.add_argument("--json", type=Path, help="everything, in this file")
    arguments = parser.parse_args()
    arguments.part = arguments.part or list(PARTS)
    known, found = results.reasons(), list[results.Result]()
    with tempfile.TemporaryDirectory() as folder:
        for planted in faults(Path(folder), arguments.mutants, arguments.seed, arguments.only, arguments.part):
            if planted.kind == "none":
                verdict = planted.verify()
                if verdict.found != judge.SURVIVED:
                    print(f"{planted.part} {planted.network} fails without a fault: {verdict.found}, {verdict.why}")
                    return 2
                continue
            found.append(results.judged(planted, known))
            last = found[-1]
            if arguments.only or last.end not in judge.CAUGHT:
                print(f"{last.end}: {last.name} ({last.why}; {last.seconds} s)", flush=True)
            if arguments.json:
                results.save(arguments.json, found, judge.measured())
    return reported(found)


def reported(found: list[results.Result]) -> int:
    """Prints the table, and how to repeat each hole; the exit status."""
    print(results.table(found))
    holes = [result for result in found if result.end == results.HOLE]
    count = max(len(found), 1)
    print(f"{len(found)} mutants, {len(holes)} holes, {judge.measured() / count:.2f} s of processor time each")
    for hole in holes:
        print(f"make mutate ONLY={hole.code}  # {hole.name}")
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
