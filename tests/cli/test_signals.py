"""Ctrl-C, SIGTERM and SIGKILL, wherever they come: nothing goes on, and nothing half made stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

BEGIN = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
from bitsmith.gen import build
def f(*_, **__):
{body}
build.build_project = f
from bitsmith.cli import run
run(["build", "m.h5", "-o", {out!r}])
"""
SWALLOWS = """
    try:
        print("ready", flush=True)
        time.sleep(60)
    except (KeyboardInterrupt, SystemExit):
        pass
    time.sleep(60)
"""
IN_DEL = """
    class Dies:
        def __del__(self):
            print("ready", flush=True)
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                pass
    Dies()
    time.sleep(60)
"""
REMOVES = """
    from bitsmith.gen.files import workplace
    remove = workplace._remove
    def slow(folder):
        print("ready", flush=True)
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            pass
        remove(folder)
    workplace._remove = slow
    from pathlib import Path
    with workplace.work_folder(Path({out!r})):
        pass
    time.sleep(60)
"""
COMPILES = """
    import os
    from bitsmith.gen.running import pool, run
    def one(seconds):
        run(["sh", "-c", f"sleep {seconds} >&2 & sleep {seconds} >&2 & echo ready; wait"], stdout=None)
    with pool(2) as threads:
        list(threads.map(one, [{first}, {second}, {second}]))
"""


def started(tmp_path: Path, body: str, lines: int = 1) -> subprocess.Popen[str]:
    """The command, as far as it says that it is ready."""
    out = str(tmp_path / "out")
    code = BEGIN.replace("{body}", body.replace("{out!r}", repr(out))).replace("{out!r}", repr(out))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(lines):
        assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(
    ("body", "number", "status"),
    [(SWALLOWS, signal.SIGTERM, 143), (IN_DEL, signal.SIGINT, 130), (REMOVES, signal.SIGTERM, 143)],
    ids=["swallowed", "in __del__", "while it removes"],
)
def test_a_signal_at_a_bad_moment(body: str, number: signal.Signals, status: int, tmp_path: Path) -> None:
    process = started(tmp_path, body)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == status
    assert stderr == ("error: interrupted\n" if number is signal.SIGINT else "")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_we_started_ends_with_us(number: signal.Signals, tmp_path: Path) -> None:
    """The programs of both threads and what these started; the third is not started any more."""
    first, second = f"60.{os.getpid()}1", f"60.{os.getpid()}2"
    process = started(tmp_path, COMPILES.replace("{first}", f'"{first}"').replace("{second}", f'"{second}"'), 2)
    assert soon(4, first, second)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert soon(0, first, second), sleepers(first, second)


def soon(count: int, *seconds: str) -> bool:
    """Whether there are so many of them within ten seconds."""
    end = time.monotonic() + 10
    while len(sleepers(*seconds)) != count and time.monotonic() < end:
        time.sleep(0.02)
    return len(sleepers(*seconds)) == count


def sleepers(*seconds: str) -> list[str]:
    """The numbers of the processes that sleep for so long."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0") if process.name.isdecimal() else []
        except OSError:
            continue
        found += [process.name] if arguments[:1] == [b"sleep"] and arguments[1].decode() in seconds else []
    return found
