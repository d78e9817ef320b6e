"""The vendor's HLS tool: found or missed in one line, run without a shell, its report read."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from bitsmith.gen.synth.hls import find_tool, read_report, synth
from bitsmith.sim.errors import BitsmithError

REPORT = """<profile>
<UserAssignments><Part>xcku035-fbva676-2-e</Part><TopModelName>cells</TopModelName>
<TargetClockPeriod>4.00</TargetClockPeriod></UserAssignments>
<PerformanceEstimates>
<SummaryOfTimingAnalysis><unit>ns</unit><EstimatedClockPeriod>{estimate}</EstimatedClockPeriod></SummaryOfTimingAnalysis>
<SummaryOfOverallLatency><Best-caseLatency>2310</Best-caseLatency><Worst-caseLatency>{worst}</Worst-caseLatency>
<Interval-min>2305</Interval-min><Interval-max>2311</Interval-max></SummaryOfOverallLatency>
</PerformanceEstimates>
<AreaEstimates><Resources><BRAM_18K>12</BRAM_18K><{dsp}>640</{dsp}><FF>20001</FF><LUT>30002</LUT></Resources>
<AvailableResources><LUT>203128</LUT></AvailableResources></AreaEstimates>
</profile>
"""


def report(project: Path, text: str) -> None:
    folder = project / "cells_prj" / "solution1" / "syn" / "report"
    folder.mkdir(parents=True)
    (folder / "cells_csynth.xml").write_text(text)
    (folder / "conv_2d_csynth.xml").write_text("<profile/>")


def test_report_of_vitis(tmp_path: Path) -> None:
    report(tmp_path, REPORT.format(estimate="2.92", worst="2316", dsp="DSP"))
    assert read_report(tmp_path) == {
        "top": "cells",
        "part": "xcku035-fbva676-2-e",
        "latency_min_cycles": 2310,
        "latency_max_cycles": 2316,
        "interval_min_cycles": 2305,
        "interval_max_cycles": 2311,
        "lut": 30002,
        "ff": 20001,
        "dsp": 640,
        "bram_18k": 12,
        "clock_target_ns": 4.0,
        "clock_estimated_ns": 2.92,
        "timing_met": True,
        "source": "C synthesis estimate",
    }


def test_report_of_vivado_hls_that_misses_its_clock(tmp_path: Path) -> None:
    report(tmp_path, REPORT.format(estimate="4.01", worst="undef", dsp="DSP48E"))
    figures = read_report(tmp_path)
    assert figures["dsp"] == 640
    assert figures["latency_max_cycles"] is None
    assert figures["timing_met"] is False


def test_missing_and_damaged_reports(tmp_path: Path) -> None:
    with pytest.raises(BitsmithError, match="no synthesis report"):
        read_report(tmp_path)
    report(tmp_path, "<profile>")
    with pytest.raises(BitsmithError, match="is no report"):
        read_report(tmp_path)


@pytest.mark.parametrize(("tool", "said"), [("vitis", "vitis-run or vitis_hls"), ("vivado_hls", "vivado_hls")])
def test_missing_tool_is_one_line(tool: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BitsmithError, match=f"^no {said} on PATH; install [^\n]*$"):
        find_tool(tool)


def fake_build(folder: Path, backend: str, status: int) -> None:
    """A build folder and a vitis-run on PATH that writes its arguments down."""
    (folder / "hls").mkdir(parents=True)
    (folder / "bitsmith.json").write_text(json.dumps({"made_by": "bitsmith", "config": {"Backend": backend}}))
    report(folder / "hls", REPORT.format(estimate="2.92", worst="2316", dsp="DSP"))
    tool = folder.parent / "vitis-run"
    tool.write_text(f'#!/bin/sh\nfor a in "$@"; do echo "$a"; done > arguments\nexit {status}\n')
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)


def test_the_tool_runs_in_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a b; $(x)"
    fake_build(folder, "Vitis", 0)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert synth(folder, "vitis")["lut"] == 30002
    assert (folder / "hls" / "arguments").read_text().split() == ["--mode", "hls", "--tcl", "build_prj.tcl"]
    assert "cosim      0" in (folder / "hls" / "build_opt.tcl").read_text()
    assert "csim       1" in (folder / "hls" / "build_opt.tcl").read_text()
    synth(folder, "vitis", csim=False)
    assert "csim       0" in (folder / "hls" / "build_opt.tcl").read_text()


@pytest.mark.parametrize("csim", [True, False])
def test_what_vivado_hls_is_told(csim: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_build(tmp_path / "build", "Vivado", 0)
    (tmp_path / "vitis-run").rename(tmp_path / "vivado_hls")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    synth(tmp_path / "build", "vivado_hls", csim=csim)
    told = ["-f", "build_prj.tcl", f"csim={int(csim)} synth=1 cosim=0 validation=0"]
    assert (tmp_path / "build" / "hls" / "arguments").read_text().splitlines() == told


def test_a_run_that_fails_and_the_wrong_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_build(tmp_path / "failing", "Vitis", 3)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(BitsmithError, match="failed with status 3; the log is"):
        synth(tmp_path / "failing", "vitis")
    (tmp_path / "failing" / "bitsmith.json").write_text(
        json.dumps({"made_by": "bitsmith", "config": {"Backend": "Vivado"}})
    )
    with pytest.raises(BitsmithError, match="is built for Vivado"):
        synth(tmp_path / "failing", "vitis")
