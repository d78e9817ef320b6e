"""One BLAS thread for each of our own: numpy's BLAS would otherwise start its threads inside every worker."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

_NAMES = (
    "scipy_openblas_{}_num_threads64_",
    "openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
    "MKL_{}_Num_Threads",
)
_lock = threading.Lock()
_users = 0
_before = 1


@lru_cache(maxsize=1)
def _controls() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """The getter and setter of the number of threads in the BLAS that numpy is linked to, if it has them."""
    core: Any = getattr(np, "_core", None) or np.core
    try:
        library = ctypes.CDLL(core._multiarray_umath.__file__)  # symbols are also looked up in what it links to
    except OSError:
        return None
    for name in _NAMES:
        get, put = (name.format(verb.title() if "MKL" in name else verb) for verb in ("get", "set"))
        if "MKL" in name:
            get = "MKL_Get_Max_Threads"
        if hasattr(library, get) and hasattr(library, put):
            return getattr(library, get), getattr(library, put)
    return None


@contextmanager
def one_thread_each() -> Iterator[bool]:
    """Inside, BLAS calls run on the calling thread. Gives False where that could not be arranged."""
    global _users, _before
    controls = _controls()
    if controls is None:
        yield False
        return
    get, put = controls
    with _lock:
        if _users == 0:
            _before = get()
            put(1)
        _users += 1
    try:
        yield True
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                put(_before)
