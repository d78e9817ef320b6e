"""What an operator's module in this folder offers the planner: one attribute, ``ROLE``.

The planner knows roles and no operators. A role says how the hardware stands in the network (behind a core, between
streams, as a core of its own, or nowhere), how it is made, and, by fields with defaults, what else it wants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ...sim.errors import BitsmithError
from ...sim.fixed import IntArray
from ...sim.op import Operator
from ...sim.params import NO_PADDING, Padding
from .core import Core, Pointwise
from .geometry import lanes_fit
from .layout import Layout


@dataclass(frozen=True)
class ReshapeRole:
    """The same values in the same order under another shape: free, or other beats (``reshape``)."""


@dataclass(frozen=True)
class PointwiseRole:
    """A module that follows a core in its pipeline.

    ``make(name, op, layout)``. ``whole_vector``: it looks at all channels, so a vector must come in one beat.
    """

    make: Callable[[str, Any, Layout], Pointwise]
    whole_vector: bool = True


def all_of_them(layouts: tuple[Layout, ...]) -> tuple[bool, ...]:
    return (True,) * len(layouts)


@dataclass(frozen=True)
class JoinRole:
    """A core that takes several streams pixel by pixel: ``make(name, op, layouts)``, see ``JoinCore``.

    ``whole_vectors(layouts)``: which of the inputs must come in one beat where they are vectors.
    """

    make: Callable[[str, Any, tuple[Layout, ...]], Core]
    whole_vectors: Callable[[tuple[Layout, ...]], tuple[bool, ...]] = all_of_them


@dataclass(frozen=True)
class Sharing:
    """Multipliers that can be used several times: the layer has a strategy and a reuse factor.

    ``legal(op, strategy, layout)``: its reuse factors, in order. ``weights(op)``: constants, each of which is hardware
    of its own unless the strategy shares them; None where it always does. ``part``: as which part of a Keras layer with
    several the configuration gives it a factor.
    """

    legal: Callable[[Any, str, Layout], list[int]]
    weights: Callable[[Any], IntArray] | None = None
    part: str = ""


@dataclass(frozen=True)
class Behind:
    """A second core: the first one's stage is called ``<node>_<part>``, the second's as the node.

    ``make(name, op, source, given, interval)``: ``source`` is what the first core read and ``given`` what it sends;
    the second may take up to ``interval`` cycles for a frame.
    """

    part: str
    make: Callable[[str, Any, Layout, Layout, int], Core]


def as_it_comes(op: Any, layout: Layout) -> list[int]:
    """However many pixels the beat has."""
    return [layout.lanes]


def one_pixel(op: Any, layout: Layout) -> list[int]:
    return [1]


def any_part(op: Any, layout: Layout) -> list[int]:
    """As many pixels as a beat can be cut into evenly."""
    return [n for n in range(layout.lanes, 0, -1) if layout.lanes % n == 0]


def whole_strides(op: Any, layout: Layout) -> list[int]:
    """The same, so that output beats fall on whole beats."""
    return [n for n in any_part(op, layout) if lanes_fit(n, op.strides[1])] or [1]


def beats(op: Any, layout: Layout) -> int:
    """A step takes a beat, and there are no others."""
    return layout.beats


def none_outside(op: Any) -> Padding:
    return NO_PADDING


@dataclass(frozen=True)
class StreamRole:
    """A core of its own: ``make(name, op, layouts, strategy, reuse)``."""

    make: Callable[[str, Any, tuple[Layout, ...], str, int], Core]
    whole_vector: bool = False
    """A vector must come in one beat."""
    lanes: Callable[[Any, Layout], list[int]] = as_it_comes
    """How many pixels at once it can take from this stream, the most first."""
    frame_steps: Callable[[Any, Layout], int] | None = None
    """Steps of a frame with so many pixels at once. Where given, it gets the fewest pixels with which it keeps up."""
    outside: Callable[[Any], Padding] = none_outside
    """Zeros around the image that it cannot add itself."""
    sharing: Sharing | None = None
    pace: Callable[[Any, Layout, int], int] | None = None
    """Cycles from one of its beats to the next, of a frame's interval: made in the place of a reuse factor."""
    behind: Behind | None = None
    recurrent: bool = False
    """Each step waits for the one before it: sequences stand side by side."""
    projects: bool = False
    """It can make a recurrent layer's gate inputs."""
    repeats: bool = False
    """It sends what it reads at every step, so that its source has a whole frame's time."""


Role = ReshapeRole | PointwiseRole | JoinRole | StreamRole
ROLES = (ReshapeRole, PointwiseRole, JoinRole, StreamRole)


def role_of(op: Operator | type[Operator]) -> Role:
    """The operator's role; BitsmithError where its module is missing or offers none."""
    name = f"{__package__}.{op.stem}"
    try:
        found: Role | None = getattr(import_module(name), "ROLE", None)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        found = None
    if not isinstance(found, ROLES):
        raise BitsmithError(
            f"the operator {op.stem} has no Verilog: hw/rtl/{op.stem}.py offers no ROLE; "
            "add it as docs/adding-an-operator.md says, or leave the layer out"
        )
    return found


def sharing_of(op: Operator) -> Sharing | None:
    """What can be shared in the operator's hardware: None where its layer has no strategy and no reuse factor."""
    role = role_of(op)
    return role.sharing if isinstance(role, StreamRole) else None
