"""What planning decides: the stages of a network, and who chose what each of them is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ...hw.rtl.core import Core, Pointwise
from ...hw.rtl.layout import Layout
from ...sim.graph import Graph
from ...sim.names import FIFOS, TRACE
from .schedule import Network, Schedule, Stage

STRATEGY_DEFAULT = "latency"


class Origin(str, Enum):
    """Who chose: a section of the configuration, or the planner."""

    LAYER_NAME = "LayerName"
    LAYER_TYPE = "LayerType"
    BITSMITH = "Bitsmith"
    MODEL = "Model"
    PLANNER = "planner"


@dataclass(frozen=True)
class Choice:
    """What a user asked of a layer: its strategy, and a reuse factor or None for the one that fits; and where.

    ``wish`` is a reuse factor asked of the whole model: each layer takes its nearest legal one, as in hls4ml.
    """

    strategy: str = STRATEGY_DEFAULT
    reuse: int | None = None
    wish: int | None = None
    strategy_from: Origin = Origin.PLANNER
    reuse_from: Origin = Origin.PLANNER


@dataclass
class PlannedStage:
    """A core, what follows it in its pipeline, and the streams that it reads (stages or top-level inputs).

    ``part`` says what the core is where it belongs to no node, or to one that has another core, too. ``decided`` is
    there where multipliers are shared. ``lanes_from``: who chose how many pixels it takes at once.
    """

    name: str
    core: Core
    sources: tuple[str, ...]
    pointwise: list[Pointwise] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    part: str = ""
    reuse: int = 1
    decided: Choice | None = None
    lanes_from: Origin = Origin.PLANNER

    @property
    def strategy(self) -> str:
        return self.decided.strategy if self.decided else ""

    @property
    def layout(self) -> Layout:
        return self.pointwise[-1].output if self.pointwise else self.core.output

    def stage(self) -> Stage:
        return Stage(self.name, self.core.timing().delayed(sum(p.latency for p in self.pointwise)), self.sources)


@dataclass
class Plan:
    """All stages in order; ``inputs`` and ``outputs`` map tensor names to layouts and stages.

    ``sequences``: where not 0, ``graph`` is the interleaved form of ``model`` for so many sequences. ``decided``: each
    node that shares multipliers, with its strategy and reuse factor: what HLS is given, too. ``prefix``: what the top
    is called, and what stands in front of every other module's name; without it the top has the graph's name.
    """

    graph: Graph
    inputs: dict[str, Layout]
    stages: list[PlannedStage]
    outputs: dict[str, str]
    model: Graph
    sequences: int = 0
    decided: dict[str, Choice] = field(default_factory=dict)
    prefix: str = ""

    @property
    def top(self) -> str:
        """The name of the top, in Verilog."""
        return self.prefix or self.graph.name

    def module(self, name: str) -> str:
        """What a core, a kernel, a pointwise module or a buffer is called in Verilog, and its file."""
        found = f"{self.prefix}_{name}" if self.prefix else name
        while found in (self.top, self.top + TRACE, self.top + FIFOS):
            found += "_"
        return found

    def network(self) -> Network:
        beats = {name: layout.beats for name, layout in self.inputs.items()}
        return Network(beats, [s.stage() for s in self.stages], list(self.outputs.values()))

    def frame_ends(self, schedule: Schedule) -> dict[str, list[int]]:
        """When each frame's last beat leaves each output."""
        return {name: list(schedule.ends_by_output[end]) for name, end in self.outputs.items()}

    def stage(self, name: str) -> PlannedStage:
        return next(stage for stage in self.stages if stage.name == name)

    def buffered(self, stage: PlannedStage) -> list[tuple[str, int]]:
        """Who reads the stage, each through a buffer of its own: other stages' inputs and the top's outputs."""
        readers = [(s.name, port) for s in self.stages for port, name in enumerate(s.sources) if name == stage.name]
        return [*readers, *((f"output:{name}", 0) for name, end in self.outputs.items() if end == stage.name)]

    def fifo_names(self, stage: PlannedStage) -> list[str]:
        """The modules of these buffers."""
        count = len(self.buffered(stage))
        return [f"{stage.name}_fifo"] if count == 1 else [f"{stage.name}_fifo_{k}" for k in range(count)]
