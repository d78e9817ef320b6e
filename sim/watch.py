"""Who watches the reference while it computes: what comes to each rounding, table and decision.

Nobody does as a rule, and then it costs one look at a variable. ``sim/reach`` is who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .rounding import IntArray, Overflow, Rounding

if TYPE_CHECKING:
    from .fixed import Fixed  # which calls this module

# What a step does to the integers that come to it; every one has a leading axis of frames and, last, its channels.


@dataclass(frozen=True)
class Rounded:
    """One rounding and one overflow of raw integers with ``fraction``."""

    fraction: int
    target: Fixed
    rounding: Rounding
    overflow: Overflow


@dataclass(frozen=True)
class Divided:
    """``round(a * 2**up / divisor)``."""

    up: int
    divisor: int
    rounding: Rounding


@dataclass(frozen=True)
class LookedUp:
    """A table of so many entries; what comes is each one's place, 0 and up."""

    entries: int


@dataclass(frozen=True)
class Limited:
    """Values that are brought between two limits; they lie ``step`` apart."""

    low: int | None
    high: int | None
    step: int


@dataclass(frozen=True)
class Split:
    """Values below ``at`` go another way than those from there on; ``step`` apart where the exact place counts."""

    at: int
    step: int | None = None


@dataclass(frozen=True)
class Decided:
    """The first largest of the channels is chosen, none where it is below ``threshold``."""

    threshold: int
    least: int


@dataclass(frozen=True)
class Began:
    """A time step of a recurrent layer: the steps behind the first of these come again behind the next."""


Step = Rounded | Divided | LookedUp | Limited | Split | Decided | Began
Watcher = Callable[[IntArray, Step], None]
_WATCHER: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


def watched() -> Watcher | None:
    """Who watches in this thread."""
    return _WATCHER.get()


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """``watcher`` gets every step's integers, in the order of computation, until the end of the block."""
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)
