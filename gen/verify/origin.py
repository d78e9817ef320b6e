"""Which model a build is held to at the level keras, said before Keras is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def nothing() -> None:
    """Nothing to register."""


@dataclass(frozen=True)
class Origin:
    """Where the Keras model is: a file, a model in memory, or None: then it is looked for by the build's name of it.

    ``register`` makes custom layers known to Keras; it is called before a file is loaded.
    """

    model: Any = None
    register: Callable[[], object] = nothing
