"""Where Ctrl-C has to wait: between making a folder and knowing of it, and while it is removed."""

from __future__ import annotations

from threading import Lock
from types import FrameType


class Undisturbed:
    """``with undisturbed:`` asks whoever handles signals (the command line does) to wait for the block's end."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1

    def __exit__(self, *raised: object) -> None:
        with self._lock:
            self._inside -= 1

    def wanted(self, frame: FrameType | None) -> bool:
        """Whether nothing may be raised now: in such a block, or below a ``__del__``, which would swallow it."""
        while frame is not None:
            if frame.f_code.co_name == "__del__" or frame.f_code in _OWN:
                return True
            frame = frame.f_back
        return self._inside > 0


_OWN = frozenset({Undisturbed.__enter__.__code__, Undisturbed.__exit__.__code__})
undisturbed = Undisturbed()
