"""The graph's outputs: images and sequences channels last, everything else in the file's order."""

from __future__ import annotations

from ....sim.errors import BitsmithError
from .values import BATCH, Const, Value
from .walk import Walk


def outputs_of(walk: Walk) -> tuple[str, ...]:
    """The keys of the layers that give them."""
    keys = []
    for name in walk.model.outputs:
        x = walk.values.get(name)
        if x is None or isinstance(x, Const):
            what = "a constant" if x is not None else "made by no node"
            raise BitsmithError(f"{walk.model.source}: the output '{name[:60]}' is {what}; export the model again")
        if x.labels[0] != BATCH:
            raise BitsmithError(
                f"{walk.model.source}: the output '{name[:60]}' has no batch in front; transpose it back"
            )
        x = walk.plain(_ordered(walk, x, name))
        keys.append(x.key)
    return tuple(keys)


def _ordered(walk: Walk, x: Value, name: str) -> Value:
    axes = sorted(x.axes)
    if x.order is None and x.image and x.axes == (*axes[1:], axes[0]):
        return x
    return walk.natural(x, name)
