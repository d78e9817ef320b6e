"""``make synth``: runs the vendor's HLS tool on an emitted project, where there is one, and reads its report."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ...sim.errors import BitsmithError
from ..files.folder import open_build, write_text
from ..running import run

COMMANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "vitis": (
        ("vitis-run", "--mode", "hls", "--tcl", "build_prj.tcl"),
        ("vitis_hls", "-f", "build_prj.tcl"),
    ),
    "vivado_hls": (("vivado_hls", "-f", "build_prj.tcl"),),
}
"""By tool, in the order in which they are looked for."""
BACKENDS = {"vitis": "Vitis", "vivado_hls": "Vivado"}
_OPTIONS = """array set opt {{
    reset      1
    csim       {csim}
    synth      1
    cosim      0
    validation 0
    export     0
    vsynth     0
    fifo_opt   0
}}
"""
_ARGUMENT = "csim={csim} synth=1 cosim=0 validation=0"


def synth(folder: str | Path, tool: str, csim: bool = True) -> dict[str, Any]:
    """C simulation against the reference's vectors if ``csim``, then C synthesis; returns ``read_report``'s figures.

    BitsmithError in one line where the tool is missing, the project is for another tool, or the run fails.
    """
    mark = open_build(folder)
    project = Path(folder) / "hls"
    command = find_tool(tool)
    backend = str(mark.get("config", {}).get("Backend", "Vitis"))
    if backend.lower() != BACKENDS[tool].lower():
        raise BitsmithError(f"'{folder}' is built for {backend}; build it with 'Backend: {BACKENDS[tool]}' for {tool}")
    if tool == "vitis":
        write_text(project / "build_opt.tcl", _OPTIONS.format(csim=int(csim)))
    else:
        command.append(_ARGUMENT.format(csim=int(csim)))
    log = project / "synth.log"
    with log.open("wb") as output:
        done = run(command, project, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode:
        raise BitsmithError(f"{command[0]} failed with status {done.returncode}; the log is '{log}'")
    return read_report(project)


def find_tool(tool: str) -> list[str]:
    """The command as a list of arguments; BitsmithError that says what is missing where there is none."""
    for command in COMMANDS[tool]:
        path = shutil.which(command[0])
        if path:
            return [path, *command[1:]]
    names = " or ".join(command[0] for command in COMMANDS[tool])
    raise BitsmithError(f"no {names} on PATH; install AMD's {BACKENDS[tool]} HLS and source its settings64.sh")


def read_report(project: str | Path) -> dict[str, Any]:
    """Latency and interval in cycles, resources and clocks from the top's ``*_csynth.xml``; None where not stated.

    BitsmithError where there is no report or it is damaged.
    """
    home = Path(project)
    reports = sorted(home.glob("*_prj/solution1/syn/report/*_csynth.xml"))
    found = [path for path in reports if path.name == path.parents[3].name.replace("_prj", "_csynth.xml")]
    if not found:
        raise BitsmithError(f"no synthesis report under '{home}'; run the synthesis again")
    try:
        root = ElementTree.parse(found[0]).getroot()
    except (ElementTree.ParseError, OSError) as error:
        raise BitsmithError(f"'{found[0]}' is no report ({error}); run the synthesis again") from error
    clock, estimate = (
        _float(root, "UserAssignments/TargetClockPeriod"),
        _float(root, "PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod"),
    )
    latency = "PerformanceEstimates/SummaryOfOverallLatency/"
    figures: dict[str, Any] = {
        "top": root.findtext("UserAssignments/TopModelName"),
        "part": root.findtext("UserAssignments/Part"),
        "latency_min_cycles": _int(root, f"{latency}Best-caseLatency"),
        "latency_max_cycles": _int(root, f"{latency}Worst-caseLatency"),
        "interval_min_cycles": _int(root, f"{latency}Interval-min"),
        "interval_max_cycles": _int(root, f"{latency}Interval-max"),
        "lut": _int(root, "AreaEstimates/Resources/LUT"),
        "ff": _int(root, "AreaEstimates/Resources/FF"),
        "dsp": _dsp(root),
        "bram_18k": _int(root, "AreaEstimates/Resources/BRAM_18K"),
        "clock_target_ns": clock,
        "clock_estimated_ns": estimate,
        "source": "C synthesis estimate",
    }
    if clock is not None and estimate is not None:
        figures["timing_met"] = estimate <= clock
    return figures


def _dsp(root: ElementTree.Element) -> int | None:
    """Vivado HLS writes DSP48E, Vitis HLS writes DSP."""
    vitis = _int(root, "AreaEstimates/Resources/DSP")
    return _int(root, "AreaEstimates/Resources/DSP48E") if vitis is None else vitis


def _int(root: ElementTree.Element, path: str) -> int | None:
    text = root.findtext(path)
    return int(text) if text and text.strip().isdigit() else None  # 'undef' where a loop has no bound


def _float(root: ElementTree.Element, path: str) -> float | None:
    try:
        return float(root.findtext(path) or "")
    except ValueError:
        return None
