"""Open synthesis of a build: Yosys for AMD UltraScale as a resource estimate, Yosys and nextpnr for a Lattice ECP5.

Every layer's module is synthesized once and on its own (the hierarchy is kept), and its cells count as often as the
module stands in the design. LUT = cells LUT1 to LUT6 and inverters, one each, + distributed RAM and shift registers at
the LUTs that they take. A carry chain (CARRY4) counts nothing by itself: the LUTs before it do.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError
from ..files.folder import open_build, write_json, writes_to
from ..files.workplace import remaking
from ..progress import Say, silent
from ..resources.estimate import open_plan, sum_rows
from ..running import pool
from ..simulate.ports import Top
from ..tools import Tool, yosys

SOURCE = "Yosys synth_xilinx -family xcu (an estimate)"
PROCESSES = 2
PROCESS_BYTES = 200_000
"""Verilog that is worth a process of its own: each reads AMD's libraries first, which takes seconds."""
SYNTHESIS = "read_verilog -lib {others}; read_verilog {own}; synth_xilinx -family xcu -noiopad -noclkbuf -top {top}"
STATISTICS = "tee -q -o cells.json stat -json -top {top}"
# LUTs taken by one cell that is a memory (AMD UG974).
MEMORY_LUTS = {
    "RAM32M16": 8,
    "RAM64M8": 8,
    "RAM64X8SW": 8,
    "RAM32M": 4,
    "RAM64M": 4,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM256X1D": 8,
    "RAM32X1S": 1,
    "RAM64X1S": 1,
    "RAM128X1S": 2,
    "RAM256X1S": 4,
    "RAM512X1S": 8,
    "SRL16E": 1,
    "SRLC16E": 1,
    "SRLC32E": 1,
}
Cells = dict[str, int]


def synth(folder: str | Path, tool: str = "yosys", say: Say = silent) -> dict[str, Any]:
    """Synthesize ``folder``/rtl; the result is what is written to DIR/synth.json.

    ``yosys``: LUTs, flip-flops, DSP blocks and block RAMs of UltraScale, for each layer and for the whole.
    ``ecp5``: what nextpnr places and routes on the largest ECP5, the clock that it reaches, and ``timing_met``.
    BitsmithError where a tool is missing or the design does not fit.
    """
    path = Path(folder)
    open_build(path)
    if tool == "ecp5":
        from .ecp5 import route

        data = route(path, say)
    else:
        data = synth_xcu(path, say)
    write_json(path / "synth.json", data)
    return data


def synth_xcu(path: Path, say: Say) -> dict[str, Any]:
    """Resources on xcu, for each stage of the plan and the whole."""
    start = time.monotonic()
    plan, _ = open_plan(path)  # before Yosys works for minutes on what is not that plan's
    modules = module_cells(Top.load(path / "rtl"), path / "synth" / "yosys", say)
    rows: list[dict[str, Any]] = []
    for stage in plan.stages:
        parts = [stage.core.name, *(module.name for module in stage.pointwise), *plan.fifo_names(stage)]
        found = (modules[plan.module(part)] for part in parts)
        rows.append({"name": stage.name, **resources(sum(found, Counter()))})
    rows.append({"name": f"{plan.top} (top)", **resources(modules[plan.top])})
    return {
        "tool": "yosys",
        "family": "xcu",
        **sum_rows(rows),
        "source": SOURCE,
        "seconds": round(time.monotonic() - start, 1),
        "layers": rows,
    }


def into_estimate(data: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """An estimate with its resources replaced by those that synthesis ``found``."""
    rows = {row["name"]: row for row in found["layers"]}
    layers = [{**row, **rows[row["name"]]} for row in data["layers"]]
    return {**data, "layers": layers, "resources": {**sum_rows(found["layers"]), "source": SOURCE}}


def module_cells(top: Top, work: Path, say: Say, only: Collection[str] | None = None) -> dict[str, Counter[str]]:
    """The library cells of every module of the design, what it contains included; the top's are its own alone.

    ``only``: the names of the files, without their ending, that are looked into; the others are black boxes.
    """
    tool = yosys()
    sources = top.sources()
    wanted = {source.stem for source in sources} if only is None else set(only)
    parts = _balanced([source for source in sources if source.stem in wanted - {top.name}])
    say(f"yosys: {len(sources)} files in {len(parts)} processes")
    with writes_to(work), remaking(work) as fresh, pool(PROCESSES) as threads:
        places = [fresh / f"part_{k}" for k in range(len(parts))]
        jobs = [threads.submit(_synthesize, tool, top, sources, part, place) for part, place in zip(parts, places)]
        found = [job.result() for job in jobs]
    own = {name: cells for modules in found for name, cells in modules.items()}
    cells = {name: inside(name, own) for name in own}
    for name in only or ():  # AMD's cells are in capitals, our modules are not
        assert not any(cell.islower() for cell in cells[name]), f"{name} contains a black box"
    cells[top.name] = Counter({cell: n for cell, n in own[top.name].items() if cell not in own})
    return cells


def _balanced(sources: Sequence[Path]) -> list[list[Path]]:
    """The files in at most ``PROCESSES`` parts of about the same size, none of them small."""
    worth = -(-sum(path.stat().st_size for path in sources) // PROCESS_BYTES)
    parts: list[list[Path]] = [[] for _ in range(min(PROCESSES, len(sources), worth))]
    for source in sorted(sources, key=lambda path: -path.stat().st_size):
        min(parts, key=lambda part: sum(path.stat().st_size for path in part)).append(source)
    return parts


def _synthesize(tool: Tool, top: Top, sources: list[Path], part: list[Path], work: Path) -> dict[str, Cells]:
    """The cells of each module in ``part``; the design's other modules are black boxes."""
    work.mkdir(parents=True)
    for source in sources:
        shutil.copy(source, work / source.name)
    own = [f"{top.name}.v", *(source.name for source in part)]
    others = [source.name for source in sources if source.name not in own]
    script = SYNTHESIS.format(others=" ".join(others), own=" ".join(own), top=top.name)
    script = script.removeprefix("read_verilog -lib ; ")
    (work / "synth.ys").write_text(f"{script}\n{STATISTICS.format(top=top.name)}\n".replace("; ", "\n"))
    tool.run(["-q", "-s", "synth.ys"], work, "Yosys")
    statistics = json.loads((work / "cells.json").read_text())
    for source in sources:
        (work / source.name).unlink()
    return {
        _plain(name): {_plain(c): n for c, n in m["num_cells_by_type"].items()}
        for name, m in statistics["modules"].items()
    }


def _plain(name: str) -> str:
    return name.removeprefix("\\")


def inside(name: str, own: dict[str, Cells]) -> Counter[str]:
    """A module's library cells, its submodules' included, each as often as it stands there."""
    cells: Counter[str] = Counter()
    for cell, count in own[name].items():
        inner = inside(cell, own) if cell in own else Counter({cell: 1})
        cells.update({inside: n * count for inside, n in inner.items()})
    return cells


def resources(cells: Counter[str]) -> dict[str, int | float]:
    """LUTs, flip-flops, DSP blocks and block RAMs of 36 kbit; BitsmithError for a memory without a price."""
    for cell in cells:
        if re.match(r"RAM|SRL", cell) and not cell.startswith("RAMB") and cell not in MEMORY_LUTS:
            raise BitsmithError(f"Yosys used the cell {cell}, whose LUTs are not known; report this")
    luts = sum(n for cell, n in cells.items() if re.fullmatch(r"LUT[1-6]|INV", cell))
    memories = sum(n * MEMORY_LUTS.get(cell, 0) for cell, n in cells.items())
    return {
        "lut": luts + memories,
        "ff": sum(n for cell, n in cells.items() if re.match(r"FD[RSCP]E", cell)),
        "dsp": sum(n for cell, n in cells.items() if cell.startswith("DSP48")),
        "bram": sum(
            n * (1.0 if cell.startswith("RAMB36") else 0.5) for cell, n in cells.items() if cell.startswith("RAMB")
        ),
    }
