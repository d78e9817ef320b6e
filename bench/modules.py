"""One module by itself: its Verilog through Yosys for xcu, in library cells and in resources."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from ..gen.files.folder import write_text
from ..gen.rtl.verilog import to_verilog
from ..gen.synth.yosys import STATISTICS, SYNTHESIS, Cells, inside, resources
from ..gen.tools import yosys
from ..hw.rtl.core import Hardware


def synthesize(unit: Hardware, name: str, folder: Path) -> dict[str, int | float]:
    """LUTs, flip-flops, DSP blocks and block RAMs of ``unit``, a module with ``ports()``, by themselves.

    What Yosys read and wrote stays in ``folder/name``.
    """
    return resources_of(name, {f"{name}.v": to_verilog({name: unit})[name]}, folder / name)


def resources_of(top: str, files: dict[str, str], work: Path, flatten: bool = False) -> dict[str, int | float]:
    """The same of Verilog by its files' names, as one module where ``flatten``; all is left in ``work``."""
    work.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_text(work / name, text)
    script = SYNTHESIS.format(others="", own=" ".join(files), top=top).removeprefix("read_verilog -lib ; ")
    script = script.replace("synth_xilinx", "synth_xilinx -flatten") if flatten else script
    write_text(work / "synth.ys", f"{script}\n{STATISTICS.format(top=top)}\n".replace("; ", "\n"))
    yosys().run(["-q", "-s", "synth.ys"], work, "Yosys")
    modules = json.loads((work / "cells.json").read_text(encoding="utf-8"))["modules"]
    own: dict[str, Cells] = {_plain(m): _cells(data["num_cells_by_type"]) for m, data in modules.items()}
    return resources(Counter(inside(top, own)))


def _cells(found: Cells) -> Cells:
    return {_plain(cell): count for cell, count in found.items()}


def _plain(name: str) -> str:
    return name.removeprefix("\\")
