"""``verify`` finds errors that do not show at full speed: one compiled top with many mutants.

Each mutant is one change of the emitted Verilog: a register without its reset, a buffer with a credit too many, a tlast
that is checked wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mutants import Change, Mutants
from rigs import sealed_again

from bitsmith.gen.build import build
from bitsmith.gen.verify import trials, verify
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.max_pool2d import MaxPool2D

Need = Callable[..., None]

# What a reset does, a line for each register.
RESET = r"if \(rst\)(?: begin)?\n(?: +\w+ <= [^;]+;\n)+"
# No reset is needed: where a ring of rows begins does not matter; data is nothing without its valid; and what a first
# layer takes up comes from the input's tvalid, which is low in reset.
NEEDLESS = re.compile(r": no reset of (line_\d+_address|\w+_tdata)$|^total_in_1: no reset of m_tvalid$")


def network() -> Graph:
    """Two inputs, a convolution on one of them, their sum, pooled: short frames, and a branch that waits."""
    pixel, weight = Fixed(True, 0, 5), Fixed(True, 0, 3)
    image = Spec((4, 5, 1), pixel)
    kernel = np.arange(-4, 5).reshape(3, 3, 1, 1)
    conv = Conv2D(pixel, kernel, weight, np.array([3]), weight, padding=((1, 1), (1, 1)))
    relu = Activation(conv.infer(image).type, Kind.RELU, pixel)
    total = Add((pixel, pixel))
    pool = MaxPool2D(total.infer(image, image).type, (2, 2), (2, 2))
    nodes = (
        Node("conv", conv, ("left",), "conv"),
        Node("relu", relu, ("conv",), "relu"),
        Node("total", total, ("relu", "right"), "total"),
        Node("pool", pool, ("total",), "pool"),
    )
    return Graph("hard", (("left", image), ("right", image)), nodes, ("pool",))


def mutate(rtl: Path) -> Mutants:
    """The Verilog with every mutant in it."""
    found = Mutants(rtl)
    found.put("no reset of", r"(\w+) <= ([^;]+);", _as("begin if (~{lives}) {0} <= {1}; end"), within=RESET)
    found.put("a credit too many in", r"(credits) <= (\d+)'d(\d+);", _one_credit_more)
    found.put("never set:", r"(tlast_error) <= 1'b1;", _as("{0} <= ~{lives};"))
    kept = r"else begin\n(?= +if \(.*\n +(tlast_error) <=)"
    found.put("not kept:", kept, _as("else begin if ({lives}) {0} <= 0;\n"))
    last = r"(\w+_tlast) != (\(\w+ == \d+'d\d+\))\)"
    found.put("a missing one passes", rf"\({last}", _as("({lives} ? {0} & ~{1} : {0} != {1})"))
    found.put("an early one passes", f": {last}", _as(": {lives} ? ~{0} & {1} : {0} != {1})"))
    taken = r"if \((s_axis\w*_tvalid) & (s_axis\w*_tready)\)"
    found.put("counted before it is taken", taken, _as("if ({0} & ({1} | {lives}))"))
    return found


def _as(text: str) -> Change:
    """``text`` with the match's groups and ``lives`` in it."""
    return lambda match, lives: text.format(*match.groups(), lives=lives)


def _one_credit_more(match: re.Match[str], lives: str) -> str | None:
    """The value of a reset, where one more fits."""
    value, width = int(match[3]), int(match[2])
    more = f"{match[1]} <= {lives} ? {width}'d{value + 1} : {width}'d{value};"
    return more if value + 1 < 1 << width else None


@pytest.fixture(scope="module")
def mutated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mutants]:
    """A build with all mutants in its Verilog, as if it had been built so."""
    folder = tmp_path_factory.mktemp("mutants") / "build"
    build(network(), {}, folder, seed=3, vectors=12)
    found = mutate(folder / "rtl")
    return sealed_again(folder), found


def judged(folder: Path) -> bool:
    """Whether ``verify``, in the mutant that lives, finds something."""
    report = verify(folder, ["rtl"])
    assert report["problems"] == [], "only the simulation may find it"
    return report["passed"] is False


def test_every_mutant_is_found(
    mutated: tuple[Path, Mutants], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, need: Need
) -> None:
    need("g++", "verilator")
    folder, mutants = mutated
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trials, "_located", lambda *_: None)  # whether it is found, not where
    mutants.choose(None, tmp_path)
    assert judged(folder) is False
    survivors = []
    for number, name in enumerate(mutants.names):
        mutants.choose(number, tmp_path)
        if not judged(folder):
            survivors.append(name)
    assert [name for name in survivors if not NEEDLESS.search(name)] == []
    for kind, least in KINDS.items():
        assert sum(kind in name for name in mutants.names) >= least, f"no mutant '{kind}': the Verilog's form changed"


KINDS = {
    "no reset of": 15,
    "a credit too many": 2,
    "never set": 2,
    "not kept": 1,
    "a missing one": 2,
    "an early one": 2,
    "counted before": 2,
}
