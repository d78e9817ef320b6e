"""From ``sys.argv`` to an exit status: every failure is one line on stderr, and stdout carries results only."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from . import signals
from .outcome import BAD_INPUT, BROKEN_PIPE, DONE, INTERRUPTED, Outcome, one_line, printable

OUT_OF_MEMORY = "out of memory; fewer test vectors (--vectors) or a smaller image need less"


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and leave with its exit status: 0 done, 1 comparison or timing failed, 2 bad input or usage."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal in ASCII prints any name
    signals.install()
    status = _run(argv)
    try:
        sys.stdout.flush()
    except OSError as error:
        status = _silence(error)
    raise SystemExit(status)


def _run(argv: list[str]) -> int:
    as_json = "--json" in argv and "--help" not in argv
    try:
        outcome = _quietly(argv) if as_json else _call(argv)
    except BrokenPipeError as error:
        return _silence(error)
    except KeyboardInterrupt:
        outcome = INTERRUPTED
    except SystemExit as leave:
        outcome = leave.code if isinstance(leave.code, int) else DONE
    except Exception as error:  # the last door: no traceback goes through it
        return _explain(error, as_json)
    if isinstance(outcome, Outcome):
        return _print(outcome)
    if outcome == INTERRUPTED:  # typer turns Ctrl-C into this status
        return _fail("interrupted", INTERRUPTED, as_json)
    return outcome if isinstance(outcome, int) else DONE


def _print(outcome: Outcome) -> int:
    try:
        print(json.dumps(outcome.data, allow_nan=False) if outcome.json else outcome.text, flush=True)
    except OSError as error:
        return _silence(error)
    return _fail(outcome.error, outcome.status) if outcome.error else outcome.status


def _call(argv: list[str]) -> Any:
    from typer.main import get_command

    from .app import app

    try:
        return get_command(app)(argv, prog_name="bitsmith", standalone_mode=False)
    finally:
        signals.forget()


def _quietly(argv: list[str]) -> Any:
    """The same with file descriptor 1 on stderr: hls4ml, compilers and simulators print what they like."""
    sys.stdout.flush()
    ours = os.dup(1)
    os.dup2(2, 1)
    try:
        return _call(argv)
    finally:
        sys.stdout.flush()
        os.dup2(ours, 1)
        os.close(ours)


def _explain(error: Exception, as_json: bool) -> int:
    from typer import Abort

    from ..sim.errors import BitsmithError

    if os.environ.get("BITSMITH_DEBUG"):
        import traceback

        traceback.print_exc()
    if isinstance(error, Abort):
        return _fail("interrupted", INTERRUPTED, as_json)
    if isinstance(error, BitsmithError):
        return _fail(str(error), BAD_INPUT, as_json)
    if hasattr(error, "format_message"):  # typer's usage errors
        return _fail(f"{error.format_message()} (see bitsmith --help)", BAD_INPUT, as_json)
    if isinstance(error, OSError) and error.strerror:
        where = f"'{error.filename}': " if error.filename else ""
        cure = "; make room and start again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        return _fail(f"{where}{error.strerror}{cure}", BAD_INPUT, as_json)
    what = OUT_OF_MEMORY if isinstance(error, MemoryError) else f"unexpected {type(error).__name__}: {error}"
    return _fail(f"{what} (set BITSMITH_DEBUG=1 for the traceback)", BAD_INPUT, as_json)


def _fail(message: str, status: int, as_json: bool = False) -> int:
    line = one_line(printable(one_line(message)))
    try:
        print(f"error: {line}", file=sys.stderr)
        if as_json:
            print(json.dumps({"error": line}))
    except OSError as error:
        return _silence(error)
    return status


def _silence(error: OSError) -> int:
    """The reader went away, or the disk behind stdout is full: say so once and let the interpreter close in peace."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE
    print(f"error: cannot print the result: {error.strerror}", file=sys.stderr)
    return BAD_INPUT
