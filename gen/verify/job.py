"""One verification: what was built, what goes in, and what must come out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...sim.fast.predict import Reference
from ...sim.graph import Graph
from ..progress import Say
from .diverge import internals
from .vectors import Batch


@dataclass(frozen=True)
class Job:
    """The build's folder, its graph, and what goes in and must come out, by name."""

    folder: Path
    graph: Graph
    reference: Reference
    inputs: Batch
    expected: Batch
    seed: int
    say: Say

    @property
    def frames(self) -> int:
        return len(next(iter(self.inputs.values())))

    def part(self, frames: list[int]) -> tuple[Batch, Batch]:
        """Inputs and expected outputs of some frames."""
        return {n: x[frames] for n, x in self.inputs.items()}, {n: x[frames] for n, x in self.expected.items()}

    def trace(self, frames: list[int]) -> Batch:
        """The reference's tensors, every one, for some frames, and what is inside of recurrent layers."""
        inputs, _ = self.part(frames)
        traced = self.reference.trace_raw(*(inputs[name] for name, _ in self.graph.inputs))
        return {**traced, **internals(self.graph, traced)}

    @property
    def sim(self) -> Path:
        return self.folder / "sim"

    @property
    def threshold(self) -> int:
        """The argmax's own threshold, which the top has as an input."""
        return argmax_threshold(self.graph)


def argmax_threshold(graph: Graph) -> int:
    """The raw threshold of the graph's argmax, 0 where it has none."""
    ops: list[Any] = [node.op for node in graph.nodes if node.op.has_threshold]
    return int(ops[0].threshold) if ops else 0
