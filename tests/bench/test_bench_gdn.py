"""The circuit that our root is compared with is an exact root and divider, and the table names the smaller one."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator
from conftest import missing, skip_or_fail

from bitsmith.bench import gdn as bench
from bitsmith.bench import gdn_pixels
from bitsmith.bench.gdn import CASES, FORMS, ExactGain, gain_of
from bitsmith.bench.modules import synthesize
from bitsmith.hw.rtl.root import RootUnit
from bitsmith.sim.cast import Cast
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph
from bitsmith.sim.ops.gdn import GDN
from bitsmith.sim.root import Form, Root

ONE_TABLE = Form.RECIPROCAL_SQUARE_ROOT


def simulated(unit: Any, sums: list[int]) -> list[int]:
    """One sum enters in each cycle; what comes out ``latency`` cycles later."""
    simulator, gains = Simulator(unit), list[int]()
    simulator.add_clock(1e-6)

    async def bench(context: Any) -> None:
        for s in sums + sums[-1:] * (unit.latency - 1):
            context.set(unit.s, s)
            await context.tick()
            gains.append(context.get(unit.gain))

    simulator.add_testbench(bench)
    simulator.run()
    return gains[unit.latency - 1 :]


def small(fraction: int) -> Root:
    """A sum of 9 bits that can be as small as 5."""
    return Root(Fixed(False, 9 - fraction, fraction), 5, 511, Cast(Fixed(False, 3, 7)), False, ONE_TABLE, 8, 12, False)


def spread_out(root: Root, count: int = 60) -> list[int]:
    """Sums of every size, the smallest and the largest among them."""
    return [root.low, root.high, *np.geomspace(root.low, root.high, count).astype(np.int64).tolist()]


def by_definition(unit: ExactGain, s: int) -> int:
    """The rounded quotient, in Python's integers."""
    root = math.isqrt((s << unit.root.odd) << (2 * unit.k))
    return math.floor(Fraction(1 << unit.n, root) / 2 + Fraction(1, 2))


def steps_off(root: Root, s: int, gain: int) -> float:
    exact = 1 / math.sqrt(math.ldexp(s, -root.source.fraction))
    return abs(math.ldexp(exact, root.gain.type.fraction) - gain)


@pytest.mark.parametrize("fraction", [4, 5])
def test_the_rival_is_exact_on_every_sum(fraction: int) -> None:
    unit = ExactGain(small(fraction))
    sums = list(range(5, 512))
    gains = simulated(unit, sums)
    assert gains == [by_definition(unit, s) for s in sums]
    assert max(steps_off(unit.root, s, gain) for s, gain in zip(sums, gains)) < 1


@pytest.mark.parametrize(("bits", "width"), CASES)
def test_the_measured_rivals_are_exact(bits: int, width: int) -> None:
    unit = ExactGain(gain_of(bits, width, ONE_TABLE, False))
    sums = spread_out(unit.root)
    gains = simulated(unit, sums)
    assert gains == [by_definition(unit, s) for s in sums]
    assert max(steps_off(unit.root, s, gain) for s, gain in zip(sums, gains)) < 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("bits", "width"), CASES)
def test_what_is_measured_of_ours_is_the_reference_s(bits: int, width: int, form: str) -> None:
    root = gain_of(bits, width, *FORMS[form])
    sums = spread_out(root)
    assert simulated(RootUnit(root), sums) == root(np.array(sums)).tolist()


def measured(monkeypatch: pytest.MonkeyPatch, luts: dict[str, int]) -> list[dict[str, Any]]:
    """The rows of one case where Yosys says ``luts``."""

    def told(unit: Any, name: str, folder: Path) -> dict[str, int | float]:
        return {"lut": luts[type(unit).__name__], "ff": 1, "dsp": 0, "bram": 0}

    monkeypatch.setattr(bench, "synthesize", told)
    return bench.measure([(8, 18)], Path("nowhere"))


def test_a_quarter_is_met_and_more_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    exact, *ours = measured(monkeypatch, {"ExactGain": 1000, "RootUnit": 250})
    assert (exact["form"], exact["share"], exact["met"]) == ("exact", None, None)
    assert [(row["form"], row["share"], row["met"]) for row in ours] == [
        ("two tables", 0.25, True),
        ("one table", 0.25, True),
    ]
    _, *ours = measured(monkeypatch, {"ExactGain": 1000, "RootUnit": 251})
    assert [row["met"] for row in ours] == [False, False]


def test_the_run_writes_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = measured(monkeypatch, {"ExactGain": 1000, "RootUnit": 400})
    monkeypatch.setattr(bench, "measure", lambda cases, folder: rows)
    monkeypatch.setattr(sys, "argv", ["gdn", str(tmp_path)])
    assert bench.main() == 1
    assert json.loads((tmp_path / "gdn.json").read_text()) == {"limit": 0.25, "rows": rows}
    shown = capsys.readouterr().out
    assert "0.400" in shown
    assert "MISSED" in shown
    assert "synthetic" in shown


@pytest.mark.slow
def test_pixels_through_a_layer_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole frames of extremes and one of random pixels; a reference of other weights must not pass."""
    for tool in ("g++", "verilator"):
        if reason := missing(tool):
            skip_or_fail(reason)
    layer = gdn_pixels.graph(4, ONE_TABLE, newton=True, inverse=True)
    found = gdn_pixels.compare(layer, 1, tmp_path)
    assert found.compared == 5 * gdn_pixels.HEIGHT * gdn_pixels.WIDTH * 4
    assert found.met

    def spoilt(graph: Graph) -> Reference:
        (node,) = graph.nodes
        assert isinstance(node.op, GDN)
        op = replace(node.op, beta=node.op.beta + 1)
        assert op.accumulator.type == node.op.accumulator.type
        return Reference(replace(graph, nodes=(replace(node, op=op),)))

    monkeypatch.setattr(gdn_pixels, "Reference", spoilt)
    wrong = gdn_pixels.compare(layer, 1, tmp_path)
    assert wrong.hls == wrong.rtl > 0
    assert not wrong.met


def test_without_yosys_one_line_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def absent(cases: object, folder: object) -> None:
        raise BitsmithError("no Yosys found")

    monkeypatch.setattr(bench, "measure", absent)
    monkeypatch.setattr(sys, "argv", ["gdn", "nowhere"])
    assert bench.main() == 2
    assert capsys.readouterr().err == "error: no Yosys found\n"


@pytest.mark.slow
def test_yosys_finds_the_multiplier_of_a_line(tmp_path: Path) -> None:
    """Of a small root: one multiplication, in one DSP block, and logic around it."""
    if missing("yosys"):
        skip_or_fail(missing("yosys"))
    root = small(4)
    found = synthesize(RootUnit(root), "root", tmp_path)
    assert found["dsp"] == 1
    assert 0 < found["lut"] < 150
    assert found["ff"] > len(RootUnit(root).gain)
    exact = synthesize(ExactGain(root), "exact", tmp_path)
    assert exact["dsp"] == 0
    assert exact["lut"] > found["lut"]
