"""One verification: what was built, what goes in, and what must come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...sim.fast.predict import Reference
from ...sim.fixed import FloatArray, IntArray
from ...sim.graph import Graph
from ..progress import Say
from .batch import Batch
from .diverge import internals
from .reach.reached import Reached

if TYPE_CHECKING:
    from .keras_model import KerasModel


@dataclass(frozen=True)
class Job:
    """The build's folder, its graph, and what goes in and must come out, by name.

    ``real`` are the inputs as real numbers, as they were given; ``labels`` each frame's class. ``keras`` is there where
    the level keras was asked for, and ``exact`` says that it must be equal. ``reached`` is what the frames reach.
    """

    folder: Path
    graph: Graph
    reference: Reference
    inputs: Batch
    expected: Batch
    seed: int
    say: Say
    real: dict[str, FloatArray] = field(default_factory=dict)
    keras: KerasModel | None = None
    labels: IntArray | None = None
    exact: bool = False
    reached: Reached | None = None

    @cached_property
    def keras_outputs(self) -> list[FloatArray]:
        """What Keras gives for ``real``, each output as Keras shapes it."""
        assert self.keras is not None, "the level keras was asked for"
        inputs = [self.real[name] for name, _ in self.graph.inputs]
        return self.keras.predict(inputs, lambda done: self.say(f"keras: {self.frames} vectors, {done} done"))

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


def classes(graph: Graph) -> int:
    """How many classes the graph's argmax tells apart, 0 where it has none."""
    specs = {**dict(graph.inputs), **graph.specs()}
    decided = [node for node in graph.nodes if node.op.has_threshold and node.name in graph.outputs]
    return int(specs[decided[0].inputs[0]].shape[-1]) if decided else 0
