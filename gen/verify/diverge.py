"""The first place where the reference and a simulation give different integers: layer, frame, index and both integers.

For a recurrent layer also the time step, the unit and the tensor inside of the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ...sim.fixed import IntArray
from ...sim.graph import Graph
from ...sim.recurrent import Recurrent, recurrent
from .batch import Batch


@dataclass(frozen=True)
class Divergence:
    """One place; ``got`` and ``index`` are None where the frame never came. ``layer`` is the model's own name.

    In a recurrent network ``step`` and ``unit`` (the channel) say where in the sequence; ``tensor`` is the name of a
    tensor inside of a recurrent layer's step (``gates``, ``candidate``, ``state`` …), None for the layer's output.
    """

    level: str
    layer: str
    node: str
    frame: int
    index: tuple[int, ...] | None
    expected: int | None
    got: int | None
    step: int | None = None
    unit: int | None = None
    tensor: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "index": None if self.index is None else list(self.index)}

    def __str__(self) -> str:
        if self.index is None:
            return f"{self.level}: layer '{self.layer}' ({self.node}) delivers nothing for frame {self.frame}"
        inside = "" if self.tensor is None else f", {self.tensor}"
        where = f"index {list(self.index)}" if self.step is None else f"time step {self.step}, unit {self.unit}"
        place = f"layer '{self.layer}' ({self.node}{inside}), frame {self.frame}, {where}"
        return f"{self.level}: first difference in {place}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True)
class Difference:
    """The first place in one batch."""

    node: str
    frame: int
    index: tuple[int, ...] | None
    expected: int | None
    got: int | None


def first_difference(order: Iterable[str], expected: Batch, got: Batch) -> Difference | None:
    """The first tensor of ``order`` that differs, at its first frame and index; what is not in ``got`` passes.

    ``node.name`` is a tensor inside of a recurrent layer. There an error comes back at the next step in tensors that
    stand first, so the earliest step counts before the order.
    """
    groups: dict[str, list[str]] = {}
    for tensor in order:
        if tensor in got:
            groups.setdefault(tensor.split(".")[0], []).append(tensor)
    for tensors in groups.values():
        inside = [tensor for tensor in tensors if "." in tensor]
        found = [d for d in (_difference(t, expected[t], got[t]) for t in inside or tensors) if d is not None]
        if found:
            return min(found, key=lambda d: (d.frame, (d.index or ())[:2]))
        own = [d for d in (_difference(t, expected[t], got[t]) for t in tensors) if d is not None]
        if own:
            return own[0]
    return None


def _difference(tensor: str, right: IntArray, have: IntArray) -> Difference | None:
    """Where one tensor differs first."""
    count = min(len(right), len(have))
    if not np.array_equal(right[:count], have[:count]):
        place = tuple(int(k) for k in np.argwhere(right[:count] != have[:count])[0])
        return Difference(tensor, place[0], place[1:], int(right[place]), int(have[place]))
    return Difference(tensor, count, None, None, None) if len(have) < len(right) else None


def tensors(graph: Graph) -> list[str]:
    """Every tensor in the order of computation, those inside of recurrent layers among them."""
    names: list[str] = []
    for node in graph.nodes:
        if isinstance(node.op, Recurrent):
            names += [f"{node.name}.{inner}" for inner in node.op.internals()]
        names.append(node.name)
    return names


def internals(graph: Graph, traced: Batch) -> Batch:
    """What is inside of every recurrent layer, from the tensors that go in, as ``node.name``."""
    found: Batch = {}
    for node in graph.nodes:
        if isinstance(node.op, Recurrent):
            inputs = [traced[name] for name in node.inputs]
            for inner, values in node.op.trace(*inputs).items():
                found[f"{node.name}.{inner}"] = node.op.arranged(values, len(inputs[0]))
    return found


def wrong_frames(expected: Batch, got: Batch) -> list[int]:
    """The frames in which any output differs or is missing."""
    frames = len(next(iter(expected.values())))
    wrong = np.zeros(frames, dtype=bool)
    for name, right in expected.items():
        have = got[name][:frames]
        wrong[len(have) :] = True
        differs = right[: len(have)] != have
        wrong[: len(have)] |= differs.any(axis=tuple(range(1, differs.ndim)))
    return [int(frame) for frame in np.flatnonzero(wrong)]


def locate(
    level: str,
    graph: Graph,
    frame: int,
    outputs: tuple[Batch, Batch],
    traced: Callable[[list[int]], tuple[Batch, Batch]],
) -> Divergence:
    """Name the first layer that is wrong for ``frame``, the first frame whose outputs (expected, got) differ.

    ``traced`` runs the frames that it is given through the reference and through the device, and returns every layer's
    tensors of both. The frame alone is tried first; where it goes well alone, all frames before it are run too. What
    no trace shows is laid to the output's own layer.
    """
    order = tensors(graph)
    for frames in ([frame], list(range(frame + 1))):
        found = first_difference(order, *traced(frames))
        if found is not None:
            return named(level, graph, found, frames[found.frame])
    alone = tuple({name: raw[frame : frame + 1] for name, raw in batch.items()} for batch in outputs)
    found = first_difference(graph.outputs, alone[0], alone[1])
    assert found is not None, "locate is called for a frame that differs"
    return named(level, graph, found, frame)


def named(level: str, graph: Graph, found: Difference, frame: int) -> Divergence:
    """The place in the model's own names."""
    name, _, inner = found.node.partition(".")
    node = next((node for node in graph.nodes if node.name == name), None)
    own = [name, node.layer] if node else [name]
    layer = next((graph.labels[key] for key in own if key in graph.labels), own[-1] or name)
    place = Divergence(level, layer, name, frame, found.index, found.expected, found.got, tensor=inner or None)
    sequence = found.index is not None and len(found.index) == 3 and recurrent(graph)
    return replace(place, step=found.index[1], unit=found.index[2]) if sequence and found.index else place
