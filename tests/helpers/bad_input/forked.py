"""One command in a child that was forked from a warm interpreter, within limits of memory and time."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages

MEMORY = 2 << 30
"""Bytes that a command may take beside what it has at its start."""
SECONDS = 20
"""Of the processor; of the clock twice as many."""
TIMED_OUT = -signal.SIGXCPU
NOBODY = 65534


@dataclass(frozen=True)
class Answer:
    """Exit status (minus the signal where one ended it), both streams, and seconds of the clock."""

    status: int
    stdout: str
    stderr: str
    seconds: float


def warm_up() -> None:
    """Everything that the commands import. TensorFlow is not among it: it starts threads, which no fork takes along."""
    import bitsmith.cli.main
    import bitsmith.gen

    for name in ("amaranth", "h5py", "hls4ml", "jinja2", "onnx", "typer", "yaml"):
        if find_spec(name):
            import_module(name)
    import_module("bitsmith.cli.app")
    for module in walk_packages(bitsmith.gen.__path__, "bitsmith.gen."):
        import_module(module.name)
    assert "tensorflow" not in sys.modules, "TensorFlow was imported before a fork"


def answer(
    command: Sequence[str],
    folder: Path,
    home: Path,
    private: bool = False,
    seconds: int = SECONDS,
    memory: int = MEMORY,
) -> Answer:
    """What ``bitsmith COMMAND`` in ``folder`` says; its streams go to files in ``home``. ``memory``: 0 for no limit."""
    begin = time.monotonic()
    child = start(command, folder, home, private, seconds, memory)
    status = waited(child, begin + 2 * seconds)
    out, err = (path.read_text(errors="replace") if path.is_file() else "" for path in _streams(home))
    return Answer(status, out, err, time.monotonic() - begin)


def start(
    command: Sequence[str],
    folder: Path,
    home: Path,
    private: bool = False,
    seconds: int = SECONDS,
    memory: int = MEMORY,
) -> int:
    """The child's number; it leads a process group of its own."""
    child = os.fork()
    if child == 0:
        _become(command, folder, _streams(home), private, (seconds, memory))
    return child


def _streams(home: Path) -> list[Path]:
    return [home / "stdout.txt", home / "stderr.txt"]


def _become(command: Sequence[str], folder: Path, streams: list[Path], private: bool, limits: tuple[int, int]) -> None:
    """The child: it never returns."""
    status = 70
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
        for number, path in enumerate(streams, 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        os.chdir(folder)
        _limit(*limits)
        if private and os.getuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        status = _run(command)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _limit(seconds: int, memory: int) -> None:
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (size + memory, size + memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _run(command: Sequence[str]) -> int:
    from bitsmith.cli import run

    try:
        run(command)
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else 70


def waited(child: int, until: float, group: bool = True) -> int:
    """The child's status; ``group``: whatever is still in its process group is ended with it."""
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        late = time.monotonic() > until
        if done or late:
            with contextlib.suppress(ProcessLookupError):
                if group or late:
                    os.killpg(child, signal.SIGKILL)
            if not done:
                os.waitpid(child, 0)
            return TIMED_OUT if late and not done else os.waitstatus_to_exitcode(status)
        time.sleep(0.003)
