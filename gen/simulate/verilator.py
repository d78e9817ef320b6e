"""The Verilog compiled by Verilator: level ``rtl``."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ...hw.rtl.fifo_check import CHECK
from ..files import cache
from ..tools import Tool, gxx, less_analysis, made_by, verilator
from .compiling import OPTIMIZE, compile_all, harness, harness_texts
from .ports import STREAM, Top
from .simulation import Simulation, cached, device

VERILATE = ["--cc", "--Mdir", ".", "--prefix", "Vdut", "--no-timing", "--output-split", "20000"]
VERILATE += ["-Wno-fatal", f"-D{CHECK}"]
# What takes a third of Verilator's time and gains nothing here: g++ takes no longer, nor does the simulation.
VERILATE += ["-O1", "-fno-dfg", "-fno-table"]
LINT = ["--lint-only", "-Wall", "-Wno-PROCASSINIT", "-Wno-DECLFILENAME"]
"""Every rule but two. Registers have an initial value, which FPGAs and simulators take from their declaration
(PROCASSINIT), and a layer's kernel stands in the layer's file (DECLFILENAME)."""
FLAGS = ["-std=gnu++17", "-w", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0", "-DVM_TRACE=0"]
KEPT = "kept.vlt"
RUNTIME = ("verilated.cpp", "verilated_threads.cpp")


def build(top: Top, folder: Path, *, options: Sequence[str] = ()) -> Simulation:
    """Compile ``top`` under ``folder``, once for the same sources; BitsmithError where a tool is missing or fails.

    ``options`` are more of Verilator's.
    """
    tool = verilator()
    ports = device(top, "verilator.hpp.j2", mangle, inside=top.inside)
    kept = _kept(top)
    sources = top.sources()
    texts = [
        " ".join([*VERILATE, *options, *FLAGS, OPTIMIZE, *less_analysis(gxx())]),
        top.name,
        ports,
        *harness_texts(),
        kept,
    ]
    texts += [text for path in sources for text in (path.name, path.read_text())]

    def compile_in(work: Path) -> None:
        (work / "device.cpp").write_text(ports)
        (work / KEPT).write_text(kept)
        for path in sources:  # Verilator expands $NAME in a path: it sees none but the files' names
            shutil.copyfile(path, work / path.name)
        tool.run(
            [*VERILATE, *options, "--top-module", top.name, KEPT, *(path.name for path in sources)], work, "Verilator"
        )
        flags = [*FLAGS, f"-I{tool.include}", f"-I{tool.include}/vltstd"]
        units = sorted(work.glob("*.cpp"))
        compile_all(work, units, flags, [_runtime(tool, flags, work), harness(work)])

    home = cached(folder.resolve(), top.name, [*tool.command, *texts], compile_in, lambda: _made_by(tool))
    return Simulation(home / "harness", top)


def mangle(name: str) -> str:
    """A port's name, or that of a signal inside of a module, as Verilator's C++ member."""
    module, dot, signal = name.replace("__", "___05F").rpartition(".")
    return f"rootp->{module}__DOT__{signal}" if dot else signal


def _kept(top: Top) -> str:
    """Verilator's configuration: the signals inside that it must not optimize away."""
    names = [f"{p.inside}_{end}" for p in top.traces for end in STREAM] if top.inside else []
    lines = [f'public_flat_rd -module "{top.name}" -var "{name}"' for name in names]
    return "\n".join(["`verilator_config", *lines, ""])


def _made_by(tool: Tool) -> str:
    """The package's program does not say its version; its headers do."""
    assert tool.include is not None
    config = tool.include / "verilated_config.h"
    return made_by(tool, gxx()) + (config.read_text() if config.is_file() else "")


def _runtime(tool: Tool, flags: list[str], work: Path) -> Path:
    """Verilator's own runtime, compiled once per user, version and compiler."""
    include = tool.include
    assert include is not None
    texts = [(include / name).read_text() for name in RUNTIME]

    def compile_in(folder: Path) -> None:
        (folder / "runtime.cc").write_text("".join(f'#include "{name}"\n' for name in RUNTIME))
        gxx().run([*flags, "-Og", "-c", "runtime.cc", "-o", "runtime.o"], folder, "g++ Verilator's runtime")
        (folder / "runtime.cc").unlink()  # a build's folder is the same whether it was compiled there or not

    cache.filled("verilated", cache.key(_made_by(tool), *FLAGS, *texts), work, ["runtime.o"], compile_in)
    return work / "runtime.o"
