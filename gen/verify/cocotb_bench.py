"""The cocotb bench in a build's ``tb/``, run by make as its user runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

from ...sim.errors import BitsmithError
from .. import running
from ..files.folder import write_text, writes_to
from ..files.workplace import outliving, work_folder
from ..simulate.ports import Top
from ..testbench import BENCH, MAKEFILE, VISIBLE, frames
from ..tools import first_error, iverilog, verilator
from . import vectors
from .job import Job
from .trials import Outcome, first, look_inside

SIMULATORS = ("verilator", "icarus")
BUFFERS = "buffers"
_FOREIGN = re.compile("MAKE.*|MFLAGS|COCOTB_.*|RTL|VECTORS|WAVES|SIM_BUILD")
"""Variables that would reach the bench's Makefile from a make that we run under, or from another bench."""
_VECTOR = re.compile(r"\(vector (\d+)\).*: expected -?\d+, found")


def level(job: Job) -> Outcome:
    """The emitted bench on the job's first vectors. It stops at the first wrong integer, so no more than one counts.

    SIM and FRAMES of the environment mean what they mean to the bench's own Makefile.
    """
    top = Top.load(job.folder / "rtl")
    simulator = os.environ.get("SIM") or SIMULATORS[0]
    count = _count(os.environ.get("FRAMES") or str(frames(top)))
    chosen = first(job, count, top)
    job.say(f"cocotb: {len(chosen)} vectors on {simulator}, compiled first")
    with writes_to(job.sim), _copied(job, top) as work:
        vectors.save(work / "vectors", *job.part(chosen))
        variables = {"FRAMES": str(count), "COCOTB_RANDOM_SEED": str(job.seed)}
        results = run(work / "tb", simulator, variables)
    problems = [f"{name}: {failure}" for name, failure in results.items() if failure]
    wrong = [int(found[1]) for found in map(_VECTOR.search, problems) if found]
    outcome = Outcome(len(chosen), int(bool(wrong)), problems)
    if wrong:
        job.say("cocotb: looking for the first layer that differs")
        outcome.divergence = look_inside("cocotb", job, top, [wrong[0]])
    return outcome


def run(folder: Path, simulator: str, variables: Mapping[str, str]) -> dict[str, str]:
    """``make`` in a bench's folder. Each test by name: empty where it passed, else its failure; where a buffer's own
    checks failed, what they say as ``BUFFERS``.

    BitsmithError where a tool is missing or nothing could be simulated; the log stands in ``cocotb.log``.
    """
    report = folder / "results.xml"
    report.unlink(missing_ok=True)
    settings = {"SIM": simulator, "PYTHON": sys.executable, **_tool(simulator), **variables}
    log = _make(folder, [f"{name}={value}" for name, value in settings.items()])
    kept = outliving(folder) / "cocotb.log"
    write_text(kept, log)
    if not report.is_file():
        raise BitsmithError(f"the cocotb bench could not run on {simulator}: {first_error(log)} (the log is '{kept}')")
    found = [line for line in log.splitlines() if line.startswith("problem ")]
    return _results(report) | ({BUFFERS: "; ".join(dict.fromkeys(found))} if found else {})


@contextmanager
def _copied(job: Job, top: Top) -> Iterator[Path]:
    """``tb/`` and ``rtl/`` of the build in a work folder: what runs there leaves nothing in the build, and finds no
    name in its paths that make or a shell would expand."""
    job.sim.mkdir(exist_ok=True)
    with work_folder(job.sim / "cocotb") as work:
        bench = [job.folder / "tb" / name for name in (MAKEFILE, BENCH, VISIBLE)]
        for path in (*bench, *top.sources(), top.folder / "ports.json"):
            if not path.is_file():
                raise BitsmithError(f"'{path}' is missing: run 'bitsmith build' again")
            (work / path.parent.name).mkdir(exist_ok=True)
            shutil.copyfile(path, work / path.parent.name / path.name)
        yield work


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise BitsmithError(f"FRAMES={text} is no number of frames; give 1 or more")
    return int(text)


def _tool(simulator: str) -> dict[str, str]:
    """What the Makefile has to know of the simulator; BitsmithError where it is missing."""
    if simulator not in SIMULATORS:
        raise BitsmithError(f"SIM={simulator} is no simulator that Bitsmith starts; one of {', '.join(SIMULATORS)}")
    if simulator == "icarus":
        iverilog()
        return {}
    tool = verilator()
    return {} if tool.environment else {"VERILATOR_BIN_DIR": str(Path(tool.command[0]).resolve().parent)}


def _make(folder: Path, settings: list[str]) -> str:
    """What make says, whatever its exit status."""
    make = shutil.which("make")
    if make is None:
        raise BitsmithError("no make found; install it (Debian, Ubuntu: apt install make)")
    environment = {name: value for name, value in os.environ.items() if not _FOREIGN.fullmatch(name)}
    environment["TMPDIR"] = "."  # iverilog pastes it into shell commands
    return running.run([make, *settings], folder, environment, stderr=subprocess.STDOUT).stdout


def _results(path: Path) -> dict[str, str]:
    found = {}
    for case in ElementTree.parse(path).iter("testcase"):
        failure = case.find("failure")
        failure = case.find("error") if failure is None else failure
        found[case.attrib["name"]] = "" if failure is None else _text(failure)
    return found


def _text(failure: ElementTree.Element) -> str:
    """The message's first line; what comes behind it is pytest's, where that is installed."""
    return (failure.attrib.get("message") or failure.text or "failed").splitlines()[0]
