"""Faults in the three parts that are compared: Verilog, C++ and the reference."""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mutants
from rigs import sealed_again

from bitsmith.gen.tools import gxx

from . import cpp, equivalence, frames, judge, verilog
from .equivalence import Answer
from .judge import Verdict, apart
from .networks import ROWS
from .planted import Home, Planted, drawn, without_a_fault
from .python import shared, sim
from .trained import TRAINED

PROOF_PATIENCE = 20
"""Seconds for each search of a proof."""


def rtl(home: Home, count: int, rng: random.Random, only: str = "", also: tuple[str, ...] = ()) -> list[Planted]:
    """Faults in the Verilog; ``also``: digests of some that are planted before those that are drawn."""
    every = verilog.sites(home.right / "rtl")
    chosen = [site for code in also for site in drawn(every, 1, rng, code)] + drawn(every, count, rng, only)
    spoilt = home.built("rtl")
    verilog.plant(spoilt / "rtl", enumerate(chosen, 1))
    sealed_again(spoilt)

    def planted(number: int, site: verilog.Site) -> Planted:
        def verify() -> Verdict:
            (home.work / mutants.FILE).write_text(f"{number:x}\n")
            return apart(lambda: judge.judged(spoilt, ("rtl",)), home.work)

        def closer() -> Answer:
            answer = equivalence.compared(site, home.right / "rtl", home.folder / "proof", PROOF_PATIENCE)
            if answer.result != equivalence.UNDECIDED or home.name in ROWS or not verilog.is_a_value(site):
                return answer
            (home.work / mutants.FILE).write_text(f"{number:x}\n")
            batch, expected = home.many
            found = home.looked_at(lambda: frames.in_verilog(spoilt, home.network.graph, batch, expected))
            return replace(found, scope="values", seconds=found.seconds + answer.seconds)

        return Planted("rtl", home.name, site.kind, site.key, verify, closer)

    first = [without_a_fault(planted(0, chosen[0]))] if chosen else []
    return first + [planted(number, site) for number, site in enumerate(chosen, 1)]


def hls(home: Home, count: int, rng: random.Random, only: str = "") -> list[Planted]:
    """Faults in the C++, of those that the network's frames come to."""
    every = drawn(cpp.sites(home.right / "hls" / "firmware"), 3 * count + 10, rng, only)
    every = _that_compile(home, every)
    spoilt = home.folder / "hls"
    seen = home.folder / "seen"
    numbers: dict[int, cpp.Site] = dict(enumerate(every, 1))
    os.environ[cpp.VARIABLE] = "0"
    apart(lambda: frames.reached(spoilt, home.network.graph, home.many[0], seen), home.work)
    reached = [int(line) for line in seen.read_text().split() if int(line) in numbers][:count]

    def planted(number: int, site: cpp.Site) -> Planted:
        def living(task: Callable[[], tuple[str, str]]) -> Callable[[], tuple[str, str]]:
            def run() -> tuple[str, str]:
                os.environ[cpp.VARIABLE] = str(number)
                return task()

            return run

        def verify() -> Verdict:
            return apart(living(lambda: judge.judged(spoilt, ("hls",))), home.work)

        def closer() -> Answer:
            batch, expected = home.many
            return home.looked_at(living(lambda: frames.in_cpp(spoilt, home.network.graph, batch, expected)))

        return Planted("hls", home.name, site.kind, site.key, verify, closer)

    first = [without_a_fault(planted(0, numbers[reached[0]]))] if reached else []
    return first + [planted(number, numbers[number]) for number in reached]


def _that_compile(home: Home, sites: list[cpp.Site]) -> list[cpp.Site]:
    """Plants them; a fault that is no C++ there is left out, and the others are planted anew."""
    for _ in range(6):
        spoilt = home.built("hls")
        firmware = spoilt / "hls" / "firmware"
        lines = cpp.plant(firmware, enumerate(sites, 1))
        errors = _errors(spoilt / "hls")
        bad = {n for file, line in errors for n in lines.get(file, {}).get(line, [])}
        if not errors:
            sealed_again(spoilt)
            return sites
        assert bad, f"an error where no fault stands: {errors[:3]}"
        sites = [site for number, site in enumerate(sites, 1) if number not in bad]
    raise AssertionError("faults that are no C++ were left out six times, and there are still some")


def _errors(project: Path) -> list[tuple[str, int]]:
    """Where g++ finds an error: the file and the line."""
    top = next(project.glob("firmware/*.cpp"))
    command = [*gxx().command, "-std=c++11", "-w", "-fsyntax-only", f"-I{project}", f"-I{project}/firmware/ap_types"]
    command += ["-include", str(top), str(project / "bitsmith_bridge.cpp")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    home = re.escape(f"{project}/firmware/")
    found = [(match[1], int(match[2])) for match in re.finditer(rf"{home}([\w./]+):(\d+):", done.stderr)]
    return found if done.returncode else []


def parts(network: str) -> list[str]:
    """Where faults of a network are planted."""
    if network == TRAINED:
        return ["sim", "shared"]
    return ["rtl"] if network in ROWS else ["rtl", "hls", "sim"]


PARTS: dict[str, Callable[[Home, int, random.Random, str], list[Planted]]] = {
    "rtl": rtl,
    "hls": hls,
    "sim": sim,
    "shared": shared,
}
