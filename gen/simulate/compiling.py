"""Generated C++ compiled and linked into one program."""

from __future__ import annotations

import sys
from pathlib import Path

from ..files import cache
from ..running import pool
from ..tools import gxx, is_clang, less_analysis, made_by

UNIT_BYTES = 4_000_000
"""As much C++ in one run of the compiler."""
OPTIMIZE = "-Og"
"""With ``less_analysis`` it compiles as fast as -O0, and runs three times as fast."""
NOT_OPTIMIZED = '#pragma GCC optimize ("O0")\n'
SOURCES = Path(__file__).resolve().parent
HARNESS = ("harness.cpp", "streams.hpp", "device.hpp")
"""What drives a top, the same for all, and what it says of a top to its device.cpp."""
HARNESS_FLAGS = ["-std=gnu++17", "-w", "-O1"]


def compile_all(work: Path, sources: list[Path], flags: list[str], objects: list[Path]) -> None:
    """g++ over ``sources``, two at a time, linked with ``objects`` into ``work/harness``.

    What Verilator calls slow runs once, at the start, and is not optimized. Files are compiled together, since their
    headers take as long each time as half a megabyte does.
    """
    compiler = gxx()
    units = []
    for number, group in enumerate(_groups(sources, UNIT_BYTES)):
        units.append(work / f"unit_{number}.cc")
        units[-1].write_text(_unit(group))

    def one(unit: Path) -> str:
        options = [*flags, f"-I{SOURCES}", OPTIMIZE, *less_analysis(compiler)]
        compiler.run([*options, "-c", unit.name, "-o", f"{unit.stem}.o"], work, f"g++ {unit.name}")
        return f"{unit.stem}.o"

    with pool(2) as threads:
        built = list(threads.map(one, units))
    libraries = ["-pthread", *(["-latomic"] if is_clang(compiler) and sys.platform == "linux" else [])]
    compiler.run([*built, *map(str, objects), *libraries, "-o", "harness"], work, "g++ link")
    for target in built:
        (work / target).unlink()


def _unit(files: list[Path]) -> str:
    """One text that includes them, what is slow last."""
    slow = [path for path in files if path.stem.endswith("__Slow")]
    lines = [[f'#include "{path.name}"\n' for path in part] for part in ([f for f in files if f not in slow], slow)]
    return "".join([*lines[0], NOT_OPTIMIZED, *lines[1]] if slow else lines[0])


def _groups(files: list[Path], limit: int) -> list[list[Path]]:
    """Those with the most first; a group is closed as soon as it has ``limit`` bytes."""
    groups: list[list[Path]] = []
    size = limit
    for path in sorted(files, key=lambda path: (-path.stat().st_size, path.name)):
        if size >= limit:
            groups.append([])
            size = 0
        groups[-1].append(path)
        size += path.stat().st_size
    return groups


def harness_texts() -> list[str]:
    """The harness's sources, for the key of what is linked with it."""
    return [(SOURCES / name).read_text() for name in HARNESS]


def harness(work: Path) -> Path:
    """What drives a top, as ``work/harness.o``: compiled once per user and compiler."""
    compiler = gxx()

    def compile_in(folder: Path) -> None:
        source = str(SOURCES / HARNESS[0])
        compiler.run([*HARNESS_FLAGS, "-c", source, "-o", "harness.o"], folder, "g++ harness.cpp")

    key = cache.key(made_by(compiler), *HARNESS_FLAGS, *harness_texts())
    cache.filled("harness", key, work, ["harness.o"], compile_in)
    return work / "harness.o"
