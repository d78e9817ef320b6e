"""Ctrl-C and SIGTERM end a command as an exception does, so that everything is cleaned up on the way."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from .outcome import TERMINATED

AGAIN = 0.01
"""Seconds until a signal is tried again that came where it must not be raised."""
SWALLOWED = 0.25
"""Seconds after which it is raised again, should nobody handle it by then: libraries in C may drop an exception."""
_came = signal.SIGINT


def install() -> None:
    """From now on; a signal that is ignored, as SIGINT is in what a shell starts in the background, stays so."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    signal.signal(signal.SIGALRM, _once_more)


def forget() -> None:
    """The command is done: what comes now changes nothing."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def _end(number: int, frame: FrameType | None) -> None:
    from ..gen.files.undisturbed import undisturbed

    global _came
    _came = signal.Signals(number)
    waits = undisturbed.wanted(frame)
    signal.setitimer(signal.ITIMER_REAL, AGAIN if waits else SWALLOWED)
    if not waits:
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(TERMINATED)


def _once_more(number: int, frame: FrameType | None) -> None:
    """Nothing while the exception is on its way: what it passes cleans up."""
    error: BaseException | None = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            signal.setitimer(signal.ITIMER_REAL, SWALLOWED)
            return
        error = error.__context__
    _end(_came, frame)
