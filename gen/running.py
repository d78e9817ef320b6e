"""Programs that end when we do, however we end, and whatever they started with them.

Each runs in a process group of its own. Where we are interrupted, the group is killed; where we are killed ourselves,
a watcher does it: a shell that waits for the end of a pipe that only we hold. Otherwise a compiler would go on for
minutes after Ctrl-C, in a folder that is gone.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

from ..sim.errors import BitsmithError

_WATCH = 'read -r group; read -r never; [ -z "$group" ] || kill -s KILL -- "-$group"'
_lock = Lock()
_groups: set[int] = set()
"""Of the programs that run now."""
_stopping = 0
"""How many pools wait for the end of programs that were killed: then none is started."""


def run(
    command: Sequence[str],
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdout: Any = subprocess.PIPE,
    stderr: Any = subprocess.PIPE,
) -> subprocess.CompletedProcess[str]:
    """The program's status and what it printed, as text; its standard input is empty. OSError where it cannot start."""
    with _watched(list(command), cwd=cwd, env=env, stdout=stdout, stderr=stderr) as process:
        out, err = process.communicate()
        if _stopping:  # it was killed with all others, and did not fail
            raise BitsmithError("interrupted")
    return subprocess.CompletedProcess(process.args, process.returncode, out or "", err or "")


@contextmanager
def pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that run programs; where an interruption leaves the block, these end at once and no other is started."""
    global _stopping
    with ThreadPoolExecutor(workers) as threads:
        try:
            yield threads
        except (KeyboardInterrupt, SystemExit):
            with _lock:
                _stopping += 1
                for group in _groups:
                    _kill(group)
            threads.shutdown(cancel_futures=True)
            with _lock:
                _stopping -= 1
            raise


@contextmanager
def _watched(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A program and its watcher; both are gone in the end."""
    shell = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    watcher = subprocess.Popen(["sh", "-c", _WATCH], start_new_session=True, **shell)  # type: ignore[call-overload]
    process = None
    try:
        process = _started(command, watcher, options)
        yield process
    finally:
        watcher.kill()
        if process is not None:
            if process.returncode is None:  # we were interrupted
                _kill(process.pid)
                process.wait()
            with _lock:
                _groups.discard(process.pid)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        watcher.stdin.close()
        watcher.wait()


def _started(command: list[str], watcher: Any, options: dict[str, Any]) -> subprocess.Popen[str]:
    with _lock:  # nothing starts between a pool's end and the end of its programs
        if _stopping:
            raise BitsmithError("interrupted")
        process: subprocess.Popen[str] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, text=True, errors="replace", **options
        )
        _groups.add(process.pid)
        os.write(watcher.stdin.fileno(), b"%d\n" % process.pid)
    return process


def _kill(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # gone, or a program that is another user's
        os.killpg(group, signal.SIGKILL)
