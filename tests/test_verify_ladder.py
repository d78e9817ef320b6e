"""``verify``: its report, its vectors, and that it fails and names the first layer that differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs import ADDER_CYCLES, adder_build, adder_graph, edit

from bitsmith.gen.verify import RtlModel, verify
from bitsmith.gen.verify import vectors as vector_files
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Spec
from bitsmith.sim.predict import Reference

Need = Callable[..., None]


@pytest.fixture
def built(tmp_path: Path, need: Need) -> Path:
    """A build folder around the adder that a test may spoil."""
    need("g++", "verilator")
    return adder_build(tmp_path / "build")


def image(count: int) -> Any:
    return np.random.default_rng(count).integers(-16, 16, (count, 2, 5, 1))


def store(built: Path, x: Any) -> None:
    """Give the build vectors of its own."""
    (y,) = Reference(adder_graph()).predict_raw(x)
    vector_files.save(built / "vectors", {"image": x}, {"twice": y})


def test_a_good_build_passes(built: Path) -> None:
    report = verify(built, ["rtl"], vectors=20, seed=5)
    assert report["passed"] is True
    assert (report["model"], report["vectors"], report["seed"]) == ("adder", 20, 5)
    level = report["levels"]["rtl"]
    assert (level["compared"], level["mismatches"], level["problems"]) == (20, 0, [])
    assert level["seconds"] > 0
    assert report["first_divergence"] is None
    assert report["cycles"]["latency_cycles"] == ADDER_CYCLES["latency_cycles"]
    assert report["cycles"]["equal"] is True
    assert json.loads((built / "verify.json").read_text()) == report


def test_the_second_simulators(built: Path, need: Need, monkeypatch: pytest.MonkeyPatch) -> None:
    """Icarus where it is, CXXRTL where it is not."""
    need("yosys")
    for _ in range(2):
        assert verify(built, ["second"], vectors=3)["passed"] is True
        monkeypatch.setenv("PATH", "/usr/bin-without-icarus")
        monkeypatch.setattr("bitsmith.gen.verify.levels.iverilog", _no_icarus)
        monkeypatch.undo() if False else None
        monkeypatch.setenv("PATH", _path())


def _no_icarus() -> None:
    raise BitsmithError("no Icarus")


def _path() -> str:
    import os

    return os.environ.get("PATH", "")
