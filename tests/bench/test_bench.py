"""The benchmark's arithmetic and its words; the measuring itself is ``make bench``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitsmith.bench import __main__ as bench
from bitsmith.bench import recurrent, rivals, timing
from bitsmith.bench.hardware import error_percent
from bitsmith.bench.rows import at_least, at_most, rows, text
from bitsmith.sim.errors import BitsmithError


def figures() -> dict[str, Any]:
    """What a run measures, with round numbers."""
    cycles = {"latency_cycles": 2400, "interval_cycles": 2304}
    cycles |= {"predicted_latency_cycles": 2400, "predicted_interval_cycles": 2304}
    fast = {
        "latency_cycles": 200,
        "interval_cycles": 150,
        "predicted_latency_cycles": 203,
        "predicted_interval_cycles": 150,
    }
    levels = {"hls": {"compared": 1000, "mismatches": 0}, "rtl": {"compared": 1000, "mismatches": 2}}
    total = {"lut": [20_000, 15_000], "ff": [10, 10], "dsp": [0, 0], "bram": [1, 1]}
    return {
        "predict": {
            "reference": {"wall_seconds": 0.0001, "cpu_seconds": 0.0002},
            "hls4ml": {"wall_seconds": 0.013, "cpu_seconds": 0.01},
            "qkeras": {"wall_seconds": 0.0004, "cpu_seconds": 0.0008},
            "qkeras_mismatches": 0,
        },
        "recurrent": {
            "reference": {"wall_seconds": 0.00002, "cpu_seconds": 0.00004},
            "hls4ml": {"wall_seconds": 0.002, "cpu_seconds": 0.002},
            "keras": {"wall_seconds": 0.00001, "cpu_seconds": 0.00002},
            "qkeras": {"wall_seconds": 0.0002, "cpu_seconds": 0.0004},
            "qkeras_mismatches": 0,
        },
        "machine": {"load": 0.5},
        "build": {"wall": 5.0, "cpu": 4.0},
        "help": {"wall": 0.25},
        "inspect": {"wall": 3.0},
        "one_pixel": {"levels": levels, "cycles": cycles},
        "sixteen_pixels": {"levels": {"rtl": levels["rtl"]}, "cycles": fast},
        "resources": {"layers": [{"name": "conv", "lut": [20_000, 15_000]}], "total": total},
    }


def row(table: list[dict[str, Any]], start: str, unit: str = "") -> dict[str, Any]:
    return next(r for r in table if r["measure"].startswith(start) and r["unit"].startswith(unit))


def test_ratios_are_one_or_more_where_the_figure_is_reached() -> None:
    assert (at_most("", 50, "", 100)["ratio"], at_most("", 50, "", 100)["met"]) == (2.0, True)
    assert (at_most("", 200, "", 100)["ratio"], at_most("", 200, "", 100)["met"]) == (0.5, False)
    assert (at_least("", 50, "", 100)["ratio"], at_least("", 50, "", 100)["met"]) == (0.5, False)
    assert (at_most("", 0, "", 0)["ratio"], at_most("", 0, "", 0)["met"]) == (None, True)
    assert at_most("", 1, "", 0)["met"] is False
    assert at_least("", None, "", 100)["met"] is None


def test_rows_say_what_was_reached_and_what_was_not() -> None:
    table = rows(figures())
    hls4ml, keras = row(table, "reference's predict against hls4ml"), row(table, "reference's predict against QKeras")
    assert hls4ml["value"] == pytest.approx(130)
    assert hls4ml["met"] is False
    assert keras["value"] == pytest.approx(4)
    assert keras["met"] is True
    others = {name: row(table, f"QGRU(32), 64 steps: predict against {name}") for name in ("hls4ml", "Keras", "QKeras")}
    assert {name: r["value"] for name, r in others.items()} == pytest.approx(
        {"hls4ml": 100, "Keras": 0.5, "QKeras": 10}
    )
    assert {name: r["met"] for name, r in others.items()} == {"hls4ml": True, "Keras": False, "QKeras": True}
    assert row(table, "QGRU(32): QKeras in float64")["met"] is True
    assert row(table, "hls against")["met"] is True
    assert row(table, "rtl against")["met"] is False
    assert row(table, "bitsmith --help")["ratio"] == 2.0
    assert row(table, "bitsmith inspect")["met"] is False
    assert row(table, "1 pixel per cycle: first pixel")["met"] is True
    assert row(table, "1 pixel per cycle: prediction")["value"] == 0
    assert row(table, "16 pixels per cycle: prediction")["value"] == 3
    assert row(table, "1 pixel per cycle, xcu", "LUT")["ratio"] == 1.5
    assert row(table, "1 pixel per cycle, xcu", "DSP")["met"] is True


def test_the_text_shows_misses_and_the_formulas_error() -> None:
    shown = text(rows(figures()), figures())
    assert "MISSED" in next(line for line in shown.splitlines() if line.startswith("bitsmith inspect"))
    assert "MISSED" not in next(line for line in shown.splitlines() if line.startswith("bitsmith --help"))
    assert next(line for line in shown.splitlines() if line.startswith("conv ")).endswith("-25.0 %")
    assert error_percent(20_000, 15_000) == -25.0
    assert "reference 0.200 ms an image; hls4ml 10.000 ms (50.0 times); qkeras 0.800 ms (4.0 times)" in shown
    assert "reference 0.040 ms a sequence; hls4ml 2.000 ms (50.0 times); qkeras 0.400 ms (10.0 times)" in shown


def test_what_was_skipped_is_shown_and_is_no_failure() -> None:
    found = figures()
    found["resources"] = "skipped: no Yosys found"
    found["one_pixel"] = "skipped: no Verilator found"
    found["predict"] = {
        "reference": {"wall_seconds": 0.0001, "cpu_seconds": 0.0002},
        "skipped": "TensorFlow and QKeras are not installed",
    }
    found["recurrent"] = {"skipped": "no QGRU"}
    table = rows(found)
    unmeasured = [r["measure"] for r in table if r["met"] is None]
    assert "reference's predict against hls4ml's" in unmeasured
    assert "QKeras against the reference" in unmeasured
    assert "QGRU(32), 64 steps: predict against hls4ml's, GRU(32)" in unmeasured
    assert "1 pixel per cycle, xcu by Yosys (an estimate)" in unmeasured
    shown = text(table, found)
    for reason in ("no Yosys found", "no Verilator found", "TensorFlow and QKeras are not installed", "no QGRU"):
        assert f"skipped: {reason}" in shown


def test_medians_leave_the_slowest_and_the_first_call_out(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 10.0, 12.0, 20.0, 29.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    calls: list[int] = []
    assert timing.of_call(lambda: calls.append(1), runs=3).wall == 2.0
    assert len(calls) == 4


def test_a_command_is_timed_and_its_failure_is_told() -> None:
    found = timing.of_command(["--version"], runs=1)
    assert found.wall > 0
    assert found.cpu > 0
    with pytest.raises(BitsmithError, match="bitsmith estimate absent' failed"):
        timing.of_command(["estimate", "absent"], runs=1)


def test_without_tensorflow_the_reference_is_still_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(5).integers(0, 256, (4, 48, 48, 1)) / 256
    np.save(tmp_path / "images.npy", images)
    monkeypatch.setattr(rivals, "find_spec", lambda name: None)
    found = rivals.main(bench.CELLS / "student2.h5", tmp_path / "images.npy", tmp_path)
    assert 0 < found["reference"]["wall_seconds"] < 1
    assert "pip install '.[train]'" in found["skipped"]
    assert "hls4ml" not in found
    monkeypatch.setattr(recurrent, "find_spec", lambda name: None)
    assert "pip install '.[train]'" in recurrent.main(tmp_path)["skipped"]


def test_the_run_writes_its_table_and_fails_where_a_figure_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "build" / "bench.json"
    monkeypatch.setattr(bench, "measure", lambda *given: figures())
    monkeypatch.setattr(sys, "argv", ["bench", "--output", str(target)])
    assert bench.main() == 1
    assert "MISSED" in capsys.readouterr().out
    data = json.loads(target.read_text())
    assert data["rows"] == rows(figures())
    assert data["figures"]["images"] == "random, seed 1"
