"""Yosys and nextpnr: a build placed and routed on the largest Lattice ECP5, with the clock that it reaches."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from ..config.schema import parse_config
from ..files.folder import open_build, writes_to
from ..files.workplace import remaking
from ..progress import Say
from ..simulate.nextpnr import DEVICE, PACKAGE, SYNTHESIS, arguments, nextpnr
from ..simulate.ports import Top
from ..tools import yosys

# nextpnr's names for what an ECP5 is made of.
CELLS = {"lut": "TRELLIS_COMB", "ff": "TRELLIS_FF", "dsp": "MULT18X18D", "bram": "DP16KD"}


def route(path: Path, say: Say) -> dict[str, Any]:
    """Resources (LUTs have 4 inputs, block RAMs 18 kbit), ``clock_mhz`` reached and wanted, and ``timing_met``.

    BitsmithError where a tool is missing or the design does not fit.
    """
    start = time.monotonic()
    router, synthesizer = nextpnr(), yosys()
    wanted = 1000 / parse_config(open_build(path).get("config"), str(path / "bitsmith.json")).clock_period_ns
    top, place = Top.load(path / "rtl"), path / "synth" / "ecp5"
    with writes_to(place), remaking(place) as work:
        for source in top.sources():
            shutil.copy(source, work / source.name)
        say("ecp5: synthesizing")
        synthesizer.run(["-q", "-p", SYNTHESIS.format(files=" ".join(top.files), top=top.name)], work, "Yosys")
        say("ecp5: placing and routing")
        router.run(arguments(wanted), work, "nextpnr")
        for name in top.files:
            (work / name).unlink()
    return _result(json.loads((place / "timing.json").read_text()), wanted, time.monotonic() - start)


def _result(report: dict[str, Any], wanted: float, seconds: float) -> dict[str, Any]:
    reached = min((clock["achieved"] for clock in report["fmax"].values()), default=0.0)
    return {
        "tool": "ecp5",
        "device": f"LFE5U-{DEVICE.upper()} {PACKAGE}",
        **{name: report["utilization"].get(cell, {}).get("used", 0) for name, cell in CELLS.items()},
        "clock_mhz": round(reached, 2),
        "wanted_clock_mhz": round(wanted, 3),
        "timing_met": reached >= wanted,
        "source": "Yosys synth_ecp5 and nextpnr, placed and routed",
        "seconds": round(seconds, 1),
    }
