"""What an operator's module in ``hls/ops`` is asked: one node, where it stands, and what it becomes.

``gen/hls/ops/<stem>.py`` has ``mapped(place)``, which returns hls4ml's own layer where that is exact, else one of our
cores; a join of many tensors may be one of two at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ...sim.errors import BitsmithError
from ...sim.graph import Graph, Node
from ...sim.op import Spec
from .cores import Core
from .native import Native


@dataclass(frozen=True)
class Pairs:
    """A core of two tensors, called again for each further one; only the last has the node's name."""

    core: Callable[[Spec, Spec, Spec], Core]
    """Of what comes from the left and from the right, and of what it gives."""
    joined: Callable[[Spec, Spec], Spec]
    """What two of more than two give."""
    last: Callable[[Spec, Spec, Spec], Core] | None = None
    """Of the last two, where it is another core."""


@dataclass(frozen=True)
class Place:
    """One node of a graph; ``x`` and ``y`` are its inputs and its output."""

    graph: Graph
    node: Node
    x: tuple[Spec, ...]
    y: Spec
    io_type: str

    @cached_property
    def op(self) -> Any:
        """The operator."""
        return self.node.op


Mapped = Native | Core | Pairs


def mapped(place: Place) -> Mapped:
    """What a node becomes; BitsmithError where HLS has nothing for it."""
    name, stem = place.node.name, place.node.op.stem
    if getattr(place.op, "interleaved", False):
        raise BitsmithError(f"'{name}': {stem} with interleaved sequences is for the Verilog; HLS takes one")
    if find_spec(f"{__package__}.ops.{stem}") is None:
        raise BitsmithError(f"'{name}': the operator {stem} has no HLS core; use the Verilog")
    try:
        found: Mapped = import_module(f"{__package__}.ops.{stem}").mapped(place)
    except BitsmithError as error:
        raise BitsmithError(str(error) if f"'{name}'" in str(error) else f"'{name}': {error}") from None
    return found
