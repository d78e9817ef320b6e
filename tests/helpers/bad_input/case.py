"""One broken input, and the command that meets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .good import Good

Break = Callable[[Path, Good, np.random.Generator], None]
"""Writes the broken input into an empty folder, the case's own."""


@dataclass(frozen=True)
class Case:
    """``command`` is run in the folder that ``make`` fills. ``accepted``: it may be well formed all the same.

    ``private``: the folder is made somebody else's before the command runs, so that permissions count for root, too.
    """

    kind: str
    name: str
    command: tuple[str, ...]
    make: Break
    accepted: bool = False
    private: bool = False


def build(model: str = "model.h5", *more: str) -> tuple[str, ...]:
    """``bitsmith build`` into ``out``, where a build stands already."""
    return ("build", model, "-o", "out", "--vectors", "4", *more)
