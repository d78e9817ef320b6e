"""Proofs about emitted Verilog: Yosys brings it into gates, ABC, which is a part of Yosys, proves by induction.

A proof is a module, the *harness*, that instantiates what was emitted, leaves everything else free, and says what must
hold in every cycle of every run. ABC's property-directed reachability (Bradley 2011; Eén, Mishchenko and Brayton 2011)
looks for an inductive invariant that implies all of it: then it holds for ever, not only up to some depth. Where it
does not hold, the first cycle in which it can be broken is found, and which property it is.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bitsmith.gen.tools import yosys

PATIENCE = 300
"""Seconds that a proof may take, all its searches together."""
# Verilog to an and-inverter graph whose outputs are bad states. What nothing drives becomes a free input, and so does
# what a memory gives for an address that it has not.
READ = """\
read_verilog {files}
hierarchy -check -top harness
proc
flatten
opt -fast
memory -nomap
memory_map -formal
opt -fast
async2sync
setundef -undriven -anyseq
setundef -anyseq
techmap
opt -fast
setundef -anyseq
dffunmap
simplemap
aigmap
opt_clean
write_aiger -zinit model.aig
"""
# The pass abc hands a script to ABC, and a netlist that nobody needs. What ABC prints is lost, so it writes a file.
PROVE = """\
read_verilog one_gate.v
techmap
abc -g AND -script +strash;write_blif,kept.blif;read_aiger,model.aig;strash;{engine};write_status,status.txt;\
read_blif,kept.blif
"""
SEARCHES = ("scorr;dc2;pdr,-T,{patience}", "pdr,-T,{patience}")
"""Registers that are always equal become one before the invariant is looked for. Where that leaves no register, ABC's
search declines, and it is made without."""
BASE, STEP = "bmc3,-F,{cycles}", "orpos;ind,-F,{cycles}"
"""Induction over so many cycles: from the initial state nothing is broken in them, and where nothing was broken in so
many, nothing is in the next."""
ONE_GATE = "module one_gate (input a, input b, output y);\n  assign y = a & b;\nendmodule\n"


class NotProven(RuntimeError):
    """Nothing is known of a proof: the time was over first."""


@dataclass(frozen=True)
class Verdict:
    """``proven``; or which property can be ``broken``, in cycle ``depth`` at the earliest.

    Of a proof ``depth`` is the number of frames that the invariant took to find.
    """

    proven: bool
    depth: int
    seconds: float
    broken: str = ""

    def row(self, part: str, properties: list[str]) -> list[object]:
        """(part, properties, result, depth, seconds) for a table: all that are proven, or the one that is broken."""
        names = properties if self.proven else [self.broken]
        return [part, names, "proven" if self.proven else "broken", self.depth, round(self.seconds, 1)]

    def __str__(self) -> str:
        what = "proven" if self.proven else f"broken: {self.broken}"
        return f"{what}, depth {self.depth}, {self.seconds:.1f} s"


@dataclass
class Harness:
    """``free``: inputs and their widths, anything in every cycle; ``body``: Verilog on them; ``properties``: by name,
    what must be 1 in every cycle. ``clk`` and ``rst`` are free inputs that every harness has. ``memory``: cycles after
    which everything is forgotten, of a pipeline without feedback: induction over as many is enough.
    """

    free: dict[str, int] = field(default_factory=dict)
    body: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    memory: int = 0

    def register(self, name: str, width: int, following: str) -> None:
        """A register of the harness; 0 at first and after a reset."""
        vector = f"[{width - 1}:0] " if width > 1 else ""
        self.body.append(f"reg {vector}{name} = 0;")
        self.body.append(f"always @(posedge clk) if (rst) {name} <= 0; else {name} <= {following};")

    def wire(self, name: str, value: str, width: int = 1, signed: bool = False) -> None:
        vector = f"[{width - 1}:0] " if width > 1 or signed else ""
        self.body.append(f"wire {'signed ' if signed else ''}{vector}{name} = {value};")

    def text(self) -> str:
        ports = ["input clk", "input rst"]
        ports += [f"input [{width - 1}:0] {name}" for name, width in self.free.items()]
        ports.append(f"output [{len(self.properties) - 1}:0] bad")
        bad = [f"assign bad[{k}] = !({holds}); // {name}" for k, (name, holds) in enumerate(self.properties.items())]
        return "\n".join([f"module harness ({', '.join(ports)});", *self.body, *bad, "endmodule", ""])


Prove = Callable[[str, Harness, Mapping[str, str]], Verdict]
"""The fixture ``proof``: (part, harness, emitted Verilog by module) to a verdict."""


def marked(every: Iterable[Any], quick: Container[Any]) -> list[Any]:
    """Values to parametrize with: those that are not ``quick`` are for ``make formal``."""
    return [value if value in quick else pytest.param(value, marks=pytest.mark.slow) for value in every]


def spoilt(emitted: Mapping[str, str], *edits: tuple[str, str]) -> dict[str, str]:
    """The Verilog with a planted bug: every edit (old, new) must find its text, and is made wherever it does."""
    texts = dict(emitted)
    for old, new in edits:
        assert any(old in text for text in texts.values()), f"'{old}' is not in the Verilog"
        texts = {name: text.replace(old, new) for name, text in texts.items()}
    return texts


def instance(module: str, *ports: str, clocked: bool = True) -> str:
    """The module under test, whose ports meet the harness's signals of the same names."""
    every = ("clk", "rst", *ports) if clocked else ports
    return f"{module} dut ({', '.join(f'.{port}({port})' for port in every)});"


def prove(
    harness: Harness, emitted: Mapping[str, str], folder: Path, patience: int = PATIENCE, undefined: str = "anyseq"
) -> Verdict:
    """Whether all properties hold in every cycle of every run from the emitted modules' initial state.

    ``emitted``: Verilog by module. ``undefined``: what nothing defines is anything, or ``zero``. NotProven where there
    is neither a proof nor a counterexample in ``patience`` seconds, whichever of the steps takes them.
    """
    start = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{name}.v": text for name, text in emitted.items()} | {"harness.v": harness.text()}
    for name, text in {**files, "one_gate.v": ONE_GATE}.items():
        (folder / name).write_text(text)
    with _limited(patience):
        _yosys(folder, READ.format(files=" ".join(files)).replace("-anyseq", f"-{undefined}"))
        return _decided(harness, folder, patience, start)


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    """NotProven inside after so many seconds: Yosys and some of ABC's searches know no limit of their own."""

    def late(*_: object) -> None:
        raise NotProven(f"neither a proof nor a counterexample in {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _decided(harness: Harness, folder: Path, patience: int, start: float) -> Verdict:
    names, cycles = list(harness.properties), harness.memory + 2

    def verdict(proven: bool, depth: int, broken: str = "") -> Verdict:
        return Verdict(proven, depth, time.monotonic() - start, broken)

    if _nothing_is_bad(folder / "model.aig"):
        return verdict(True, 0)
    if harness.memory:
        base = _searched(folder, BASE.format(cycles=cycles))
        if base.answer == "SAT":
            return verdict(False, base.depth, names[base.output])
        # UNSAT: ABC folds the outputs to 0 by itself, which is no frame that it counts.
        unbroken = base.answer == "UNSAT" or (base.answer == "UNK" and base.depth == cycles - 1)
        if unbroken and _searched(folder, STEP.format(cycles=cycles)).answer == "UNSAT":
            return verdict(True, cycles)
    for engine in SEARCHES:
        found = _searched(folder, engine.format(patience=patience))
        if found.answer == "UNSAT":
            return verdict(True, found.depth)
        if found.answer == "SAT":
            return verdict(False, found.depth, names[found.output])
    raise NotProven(f"neither a proof nor a counterexample after {time.monotonic() - start:.0f} s")


class Status(NamedTuple):
    """What ABC writes: its answer, the frame, and of a counterexample the number of the output."""

    answer: str
    depth: int
    output: int


def _searched(folder: Path, engine: str) -> Status:
    (folder / "status.txt").unlink(missing_ok=True)
    _yosys(folder, PROVE.format(engine=engine))
    found = re.match(r"snl_(SAT|UNSAT|UNK) +(-?\d+) +\w+ *(\d*)", (folder / "status.txt").read_text())
    assert found is not None, "ABC writes its status in another form"
    return Status(found[1], max(int(found[2]), 0), int(found[3] or 0))


def _yosys(folder: Path, script: str) -> None:
    (folder / "prove.ys").write_text(script)
    yosys().run(["-q", "-l", "yosys.log", "prove.ys"], folder, "Yosys")


def _nothing_is_bad(aiger: Path) -> bool:
    """Whether every output is the constant 0: Yosys found both sides to be the same logic."""
    _, _, _, latches, outputs, *_ = (header := aiger.read_bytes().split(b"\n"))[0].split()
    lines = header[1 + int(latches) : 1 + int(latches) + int(outputs)]
    return len(lines) == int(outputs) and all(line == b"0" for line in lines)
