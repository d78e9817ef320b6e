"""Generated C++ compiled and linked into one program."""

from __future__ import annotations

from pathlib import Path

from ..files import cache
from ..running import pool
from ..tools import gxx, made_by

OPTIMIZED_BYTES, UNOPTIMIZED_BYTES = 800_000, 10_000_000
"""As much C++ in one run of the compiler."""
SOURCES = Path(__file__).resolve().parent
HARNESS = ("harness.cpp", "streams.hpp", "device.hpp")
"""What drives a top, the same for all, and what it says of a top to its device.cpp."""
HARNESS_FLAGS = ["-std=gnu++17", "-w", "-O1"]


def compile_all(work: Path, sources: list[Path], flags: list[str], objects: list[Path], optimize: str) -> None:
    """g++ over ``sources``, two at a time, linked with ``objects`` into ``work/harness``.

    What Verilator calls slow runs once, at the start, and is not optimized: that would be most of the time. Files are
    compiled together, since each time their headers take as long as half a megabyte does.
    """
    compiler = gxx()
    slow = [path for path in sources if path.stem.endswith("__Slow") or optimize == "-O0"]
    parts: list[tuple[Path, str]] = []
    for level, files in ((optimize, [path for path in sources if path not in slow]), ("-O0", slow)):
        for group in _groups(files, UNOPTIMIZED_BYTES if level == "-O0" else OPTIMIZED_BYTES):
            parts.append((work / f"unit_{len(parts)}.cc", level))
            parts[-1][0].write_text("".join(f'#include "{path.name}"\n' for path in group))

    def one(part: tuple[Path, str]) -> str:
        source, level = part
        options = [*flags, f"-I{SOURCES}", level]
        compiler.run([*options, "-c", source.name, "-o", f"{source.stem}.o"], work, f"g++ {source.name}")
        return f"{source.stem}.o"

    with pool(2) as threads:
        built = list(threads.map(one, parts))
    compiler.run([*built, *map(str, objects), "-pthread", "-o", "harness"], work, "g++ link")
    for target in built:
        (work / target).unlink()


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
