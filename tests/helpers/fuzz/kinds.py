"""The kinds of layers that a recipe may name: where each may stand, and how often it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .grow import Grow

BOTH = ("tf_keras", "keras")
PLAIN: dict[str, Any] = {
    "n": 1, "k": [1, 1], "s": [1, 1], "same": 1, "d": 1, "w": [4, 0], "q": ["bits", 8, 3], "alt": 0, "r": 1,
}  # fmt: skip
"""The plainest layer: what shrinking leads to."""


@dataclass(frozen=True)
class Kind:
    """``make`` gets the builder, the tensor and the recipe's numbers, and returns the tensor behind the layer.

    ``to``: rank in front to rank behind, where they differ. ``keeps``: rows and columns stay (``k``, ``s`` and ``same``
    are overruled in branches). ``recurrent``: Verilog has it in a network with recurrent layers.
    """

    name: str
    make: Callable[[Grow, Any, dict[str, Any]], Any]
    ranks: tuple[int, ...]
    weight: float = 1.0
    to: dict[int, int] = field(default_factory=dict)
    keeps: bool = False
    recurrent: bool = True
    only_recurrent: bool = False
    libraries: tuple[str, ...] = BOTH
    exact: bool = True
    """Whether Keras in float64 gives the reference's integers, with quantizers around it."""


KINDS: dict[str, Kind] = {}


def kind(name: str, *ranks: int, **more: Any) -> Callable[[Any], Any]:
    """Registers a builder of a layer."""

    def register(make: Any) -> Any:
        KINDS[name] = Kind(name, make, ranks, **more)
        return make

    return register
