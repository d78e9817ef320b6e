"""How often a layer's multipliers are used: what was asked for, or as often as nobody notices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...hw.rtl.core import Timing
from ...hw.rtl.layout import Layout
from ...hw.rtl.matrix import check_reuse, check_size
from ...hw.rtl.role import StreamRole, sharing_of
from ...sim.graph import Node
from ...sim.op import Operator
from .schedule import Times, step_times
from .stages import Choice

# Sharing hardware may make the last beat leave this much later: a part of the interval, or this many cycles.
SLACK_PART, SLACK_CYCLES = 32, 64


@dataclass(frozen=True)
class Allowance:
    """What a layer may take: cycles for a frame, and cycles by which its last beat may leave later.

    ``arrivals``: when the beats that it reads are there.
    """

    interval: int
    slack: int
    arrivals: Times


def allowed(interval: int, slack: int | None, repeated: bool) -> int:
    """Cycles by which sharing may delay a layer's last beat; what is then ``repeated`` may take a whole frame."""
    if repeated:
        return interval
    return max(SLACK_CYCLES, interval // SLACK_PART) if slack is None else slack


def check_weights(op: Operator, strategy: str) -> None:
    """BitsmithError where each weight would be hardware of its own, and there are too many."""
    sharing = sharing_of(op)
    if sharing is not None and sharing.weights is not None:
        check_size(strategy, int(np.count_nonzero(sharing.weights(op))))


def legal_for(op: Operator, layout: Layout, strategy: str) -> list[int]:
    """Every reuse factor that the operator can have when it reads this stream."""
    sharing = sharing_of(op)
    return sharing.legal(op, strategy, layout) if sharing else [1]


def nearest(legal: list[int], wish: int) -> int:
    """The legal factor closest to a wish, the smaller of two."""
    return min(legal, key=lambda r: (abs(r - wish), r))


def reuse_factor(node: Node, role: StreamRole, layout: Layout, choice: Choice, allowance: Allowance) -> int:
    """The reuse factor asked for, or the largest that neither slows the network nor delays the last beat beyond the
    slack.
    """
    if role.pace is not None:
        return role.pace(node.op, layout, allowance.interval)
    legal = legal_for(node.op, layout, choice.strategy)
    if role.sharing is None:
        return legal[0]
    if choice.reuse is not None:
        check_reuse(choice.reuse, choice.strategy, legal)
        return choice.reuse
    if choice.wish is not None:
        return nearest(legal, choice.wish)
    if role.recurrent:  # shared only as far as every step of a frame allows
        return max((r for r in legal if r * layout.beats <= allowance.interval), default=legal[0])
    return _largest(node, role, layout, choice.strategy, legal, allowance)


def _largest(
    node: Node, role: StreamRole, layout: Layout, strategy: str, legal: list[int], allowance: Allowance
) -> int:
    def steps(reuse: int) -> Timing:
        return role.make(node.name, node.op, (layout,), strategy, reuse).steps()

    def end(timing: Timing) -> int:
        return int(step_times(timing, [allowance.arrivals], 1)[-1])

    latest = end(steps(legal[0])) + allowance.slack
    for reuse in reversed([r for r in legal[1:] if r <= allowance.interval]):
        timing = steps(reuse)
        if int(timing.cost.sum()) <= allowance.interval and end(timing) <= latest:
            return reuse
    return legal[0]
