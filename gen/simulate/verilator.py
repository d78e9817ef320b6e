"""The Verilog compiled by Verilator: level ``rtl``."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from ...hw.rtl.fifo import CHECK
from ..files.folder import writes_to, writing
from ..tools import Tool, gxx, verilator
from .ports import Top
from .simulation import Simulation, cached, compile_all, harness, render

VERILATE = ["--cc", "--Mdir", ".", "--prefix", "Vdut", "--no-timing", "--output-split", "20000"]
VERILATE += ["-Wno-fatal", f"-D{CHECK}"]
LINT = ["--lint-only", "-Wall", "-Wno-PROCASSINIT", "-Wno-DECLFILENAME"]
"""Every rule but two. Registers have an initial value, which FPGAs and simulators take from their declaration
(PROCASSINIT), and a layer's kernel stands in the layer's file (DECLFILENAME)."""
FLAGS = ["-std=gnu++17", "-w", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0", "-DVM_TRACE=0"]
RUNTIME = ("verilated.cpp", "verilated_threads.cpp")


def build(top: Top, folder: Path, optimize: str = "-O1") -> Simulation:
    """Compile ``top`` under ``folder``, once for the same sources; BitsmithError where a tool is missing or fails.

    ``optimize`` is the compiler's option: -O0 compiles in a third of the time, for a few frames; then Verilator leaves
    out, too, what only pays in long runs.
    """
    tool = verilator()
    bench = harness(top, "device.hpp", mangle)
    sources = top.sources()
    texts = [" ".join([*tool.command, *VERILATE]), optimize, bench, *(path.read_text() for path in sources)]

    def compile_in(work: Path) -> None:
        (work / "harness.cpp").write_text(bench)
        (work / "device.hpp").write_text(render("verilator.hpp.j2"))
        for path in sources:  # Verilator expands $NAME in a path: it sees none but the files' names
            shutil.copyfile(path, work / path.name)
        effort = "-O1" if optimize == "-O0" else "-O3"
        names = [path.name for path in sources]
        tool.run([*VERILATE, effort, "--top-module", top.name, *names], work, "Verilator")
        flags = [*FLAGS, f"-I{tool.include}", f"-I{tool.include}/vltstd"]
        compile_all(work, sorted(work.glob("*.cpp")), flags, _runtime(tool, flags), optimize)

    return Simulation(cached(folder.resolve(), top.name, texts, compile_in) / "harness", top)


def mangle(name: str) -> str:
    """A port's name as Verilator's C++ member."""
    return name.replace("__", "___05F")


def _runtime(tool: Tool, flags: list[str]) -> list[Path]:
    """Verilator's own runtime, compiled once per user, version and compiler."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "bitsmith"
    with writes_to(cache):
        cache.mkdir(parents=True, exist_ok=True)
    version = tool.run(["--version"], cache, "Verilator")
    key = hashlib.sha256(" ".join([version, *gxx().command, *flags]).encode()).hexdigest()[:16]
    home = cache / f"verilated-{key}"
    objects = [home / f"{Path(name).stem}.o" for name in RUNTIME]
    home.mkdir(exist_ok=True)
    assert tool.include is not None
    for source, target in zip(RUNTIME, objects):
        if not target.is_file():
            with writing(target) as fresh:
                options = [*flags, "-O2", "-c", str(tool.include / source), "-o", fresh.name]
                gxx().run(options, fresh.parent, f"g++ {source}")
    return objects
