"""The kinds of layers that a recipe may name: where each may stand, and how often it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .grow import Grow

BOTH, ALL = ("tf_keras", "keras"), ("tf_keras", "keras", "hgq")
"""The libraries that most kinds are written for; ``hgq`` is HGQ2 (Keras 3), ``onnx`` are ONNX files with quantizers."""
PLAIN: dict[str, Any] = {
    "n": 1, "k": [1, 1], "s": [1, 1], "same": 1, "d": 1, "w": [4, 0], "q": ["bits", 8, 3], "alt": 0, "r": 1,
}  # fmt: skip
"""The plainest layer: what shrinking leads to."""


@dataclass(frozen=True)
class Form:
    """How a kind makes one class of layers: the numbers of the recipe that it needs, and where it may stand.

    ``ranks`` and ``libraries`` are the kind's where nothing is given; ``quantized``: whether the network's layers have
    quantizers, None where that does not matter.
    """

    params: dict[str, Any]
    ranks: tuple[int, ...] = ()
    quantized: bool | None = None
    libraries: tuple[str, ...] = ()


def of(*ranks: int, quantized: bool | None = None, libraries: tuple[str, ...] = (), **params: Any) -> Form:
    """A form, briefly."""
    return Form(params, ranks, quantized, libraries)


def plain(*ranks: int, **more: Any) -> Form:
    """A form of a layer of Keras's own, in a network without quantizers."""
    return of(*ranks, quantized=False, **more)


def qkeras(*ranks: int, **more: Any) -> Form:
    """A form of a layer of QKeras."""
    return of(*ranks, quantized=True, libraries=("tf_keras",), **more)


@dataclass(frozen=True)
class Kind:
    """``make`` gets the builder, the tensor and the recipe's numbers, and returns the tensor behind the layer.

    ``makes``: the classes, as README's table calls them, that it can be told to make. ``first``: only as a network's
    first layer. ``to``: rank in front to rank behind, where they differ. ``keeps``: rows and columns stay (``k``, ``s``
    and ``same`` are overruled in branches). ``recurrent``: Verilog has it in a network with recurrent layers.
    """

    name: str
    make: Callable[[Grow, Any, dict[str, Any]], Any]
    ranks: tuple[int, ...]
    makes: dict[str, Form] = field(default_factory=dict)
    weight: float = 1.0
    first: bool = False
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
