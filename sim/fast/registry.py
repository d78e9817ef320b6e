"""Which fast steps there are: the modules of this package whose names end in ``_steps`` register what they compute."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from ..graph import Node
from ..op import Operator, Spec
from .epilogue import Epilogue
from .steps import Step

Alone = Callable[[tuple[str, ...], str, Spec, Any], Step | None]
"""``make(inputs, output, spec, op)``: an operator's step, or None where floats are not exact."""
Fused = Callable[[list[Node], dict[str, Spec], Epilogue | None], Step | None]
"""``make(chain, specs, epilogue)``: one step for a node and those behind it, whose activation is the epilogue; or None
where floats are not exact or the order may not be changed."""
AnyAlone = TypeVar("AnyAlone", bound=Alone)
AnyFused = TypeVar("AnyFused", bound=Fused)


class Chain(NamedTuple):
    """How an operator goes together with those behind it."""

    takes_in: tuple[type[Operator], ...]
    make: Fused


ALONE: dict[type[Operator], Alone] = {}
CHAINS: dict[type[Operator], Chain] = {}


def alone(*kinds: type[Operator]) -> Callable[[AnyAlone], AnyAlone]:
    """Register the fast step of an operator by itself; one that has none runs by its own ``compute``."""

    def register(make: AnyAlone) -> AnyAlone:
        ALONE.update(dict.fromkeys(kinds, make))
        return make

    return register


def fused(*kinds: type[Operator], takes_in: tuple[type[Operator], ...]) -> Callable[[AnyFused], AnyFused]:
    """Register the one step of an operator and of what may stand behind it, each of ``takes_in`` once."""

    def register(make: AnyFused) -> AnyFused:
        CHAINS.update(dict.fromkeys(kinds, Chain(takes_in, make)))
        return make

    return register


def load() -> None:
    """Import all modules of steps."""
    for module in pkgutil.iter_modules(import_module(__package__).__path__):
        if module.name.endswith("_steps"):
            import_module(f"{__package__}.{module.name}")
