"""What Yosys makes of the Verilog, a netlist of LUTs, carries and flip-flops, run by Verilator: level ``netlist``.

Synthesis is ``synth_xilinx -family xcu`` as for the resource figures, except that multipliers and block memories become
LUTs too: Yosys has no simulation model of the UltraScale DSP and block RAM.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from ..tools import yosys
from . import verilator
from .ports import Top
from .simulation import Simulation, cached

SYNTHESIS = (
    "read_verilog {files}; synth_xilinx -family xcu -flatten -nodsp -nobram -noiopad -top {top}; "
    "write_verilog -noattr -noexpr netlist.v"
)


def build(top: Top, folder: Path) -> Simulation:
    """Synthesize ``top`` and compile the netlist under ``folder``; slow for a large top. BitsmithError as elsewhere."""
    tool = yosys()
    sources = top.sources()

    def synthesize(work: Path) -> None:
        for path in sources:
            (work / path.name).write_text(path.read_text())
        script = SYNTHESIS.format(files=" ".join(path.name for path in sources), top=top.name)
        tool.run(["-q", "-p", script], work, "Yosys")
        assert tool.include is not None
        shutil.copy(tool.include.parent / "xilinx" / "cells_sim.v", work / "cells.v")
        (work / "harness").touch()

    texts = [SYNTHESIS, *(path.read_text() for path in sources)]
    home = cached(folder.resolve(), f"{top.name}-netlist", texts, synthesize)
    return verilator.build(replace(top.without_traces(), folder=home, files=("netlist.v", "cells.v")), folder)
