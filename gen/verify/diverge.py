"""Where two runs of one network first part: layer, frame, index and both integers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..ir import Graph
from .vectors import Batch


@dataclass(frozen=True)
class Divergence:
    """One place; ``got`` and ``index`` are None where the frame never came. ``layer`` is the model's own name."""

    level: str
    layer: str
    node: str
    frame: int
    index: tuple[int, ...] | None
    expected: int | None
    got: int | None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "index": None if self.index is None else list(self.index)}

    def __str__(self) -> str:
        if self.index is None:
            return f"{self.level}: layer '{self.layer}' ({self.node}) delivers nothing for frame {self.frame}"
        place = f"layer '{self.layer}' ({self.node}), frame {self.frame}, index {list(self.index)}"
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
    """The first tensor of ``order`` that differs, at its first frame and index; what is not in ``got`` passes."""
    for node in order:
        if node not in got:
            continue
        right, have = expected[node], got[node]
        count = min(len(right), len(have))
        if not np.array_equal(right[:count], have[:count]):
            place = tuple(int(k) for k in np.argwhere(right[:count] != have[:count])[0])
            return Difference(node, place[0], place[1:], int(right[place]), int(have[place]))
        if len(have) < len(right):
            return Difference(node, count, None, None, None)
    return None


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
    order = [node.name for node in graph.nodes]
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
    node = next((node for node in graph.nodes if node.name == found.node), None)
    own = [found.node, node.layer] if node else [found.node]
    layer = next((graph.labels[name] for name in own if name in graph.labels), own[-1] or found.node)
    return Divergence(level, layer, found.node, frame, found.index, found.expected, found.got)
