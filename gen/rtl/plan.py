"""From a graph of integers to streaming stages: which core, how many pixels at once, how much hardware is shared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from ...hw.rtl.core import Core, Pointwise, Timing
from ...hw.rtl.geometry import Geometry, lanes_fit
from ...hw.rtl.join import entrance
from ...hw.rtl.layout import Layout
from ...hw.rtl.matrix import check_reuse, check_size
from ...hw.rtl.narrow import NarrowCore
from ...hw.rtl.reshape import CollectCore, SpreadCore
from ...hw.rtl.zero_padding2d import ZeroPaddingCore
from ...sim.errors import BitsmithError
from ...sim.graph import Graph, Node
from ...sim.op import Operator
from ...sim.ops.zero_padding2d import ZeroPadding2D
from ...sim.params import NO_PADDING
from .schedule import Network, Schedule, Stage, Times, paced, readable, step_times

STRATEGY_DEFAULT = "latency"
# Sharing hardware may make the last beat leave this much later: a part of the interval, or this many cycles.
SLACK_PART, SLACK_CYCLES = 32, 64
POINTWISE = {"activation", "batch_norm", "softmax", "argmax"}
RECURRENT = {"gru", "lstm", "simple_rnn"}
SHARED = {"conv2d", "conv2d_transpose", "depthwise_conv2d", "dense", "gdn", *RECURRENT}
JOINS = {"add", "concatenate"}


@dataclass(frozen=True)
class Choice:
    """What a user asked of a layer: its strategy, and a reuse factor or None for the one that fits.

    ``wish`` is a reuse factor asked of the whole model: each layer takes its nearest legal one, as in hls4ml.
    """

    strategy: str = STRATEGY_DEFAULT
    reuse: int | None = None
    wish: int | None = None


@dataclass
class PlannedStage:
    """A core, what follows it in its pipeline, and the streams that it reads (stages or top-level inputs)."""

    name: str
    core: Core
    sources: tuple[str, ...]
    pointwise: list[Pointwise] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    strategy: str = ""
    reuse: int = 1

    @property
    def layout(self) -> Layout:
        return self.pointwise[-1].output if self.pointwise else self.core.output

    def stage(self) -> Stage:
        return Stage(self.name, self.core.timing().delayed(sum(p.latency for p in self.pointwise)), self.sources)


@dataclass
class Plan:
    """All stages in order; ``inputs`` and ``outputs`` map tensor names to layouts and stages.

    ``sequences``: where not 0, ``graph`` is the interleaved form of ``model`` for so many sequences. ``decided``: each
    node that shares multipliers, with its strategy and reuse factor: what HLS is given, too.
    """

    graph: Graph
    inputs: dict[str, Layout]
    stages: list[PlannedStage]
    outputs: dict[str, str]
    model: Graph
    sequences: int = 0
    decided: dict[str, Choice] = field(default_factory=dict)

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


def hardware(op: Operator) -> Any:
    """The module of hw/rtl with the operator's stem."""
    return import_module(f"...hw.rtl.{op.stem}", __package__)


def plan(
    graph: Graph,
    pixels_per_cycle: int,
    choices: Mapping[str, Choice],
    default: Choice = Choice(),
    interval: int = 0,
    slack: int | None = None,
) -> Plan:
    """The stages for ``graph``, ``choices`` by node name; BitsmithError where something cannot be built, naming the
    layer.

    ``interval``: cycles that a frame may take at least. ``slack``: cycles by which sharing may delay the last beat of a
    layer, by default a thirty-second of the interval or 64.
    """
    first = _Planner(graph, pixels_per_cycle, choices, default, interval, slack).run().network().interval
    return _Planner(graph, pixels_per_cycle, choices, default, max(first, interval), slack).run()


class _Planner:
    def __init__(
        self,
        graph: Graph,
        pixels: int,
        choices: Mapping[str, Choice],
        default: Choice,
        interval: int,
        slack: int | None,
    ) -> None:
        self.graph, self.choices, self.default, self.slack = graph, choices, default, slack
        self.specs = graph.specs()
        self.inputs = {name: Layout.of_input(spec, pixels) for name, spec in graph.inputs}
        self.stages: list[PlannedStage] = []
        self.decided: dict[str, Choice] = {}
        self.at: dict[str, str] = {name: name for name in self.inputs}  # tensor -> stage or input
        self.producers = {node.name: node for node in graph.nodes}
        self.interval = interval
        self.times: dict[str, Times] = {n: paced(x.beats, max(x.beats, interval)) for n, x in self.inputs.items()}

    def run(self) -> Plan:
        self.interval = max([self.interval, *(layout.beats for layout in self.inputs.values())])
        for name, _ in self.graph.inputs:
            if self._readers(name) > 1:
                self.at[name] = self._enter(name, f"{name}_in")
        for node in self.graph.nodes:
            self._named(node, self._check)
        for node in self.graph.nodes:
            self._named(node, self._place)
        outputs = {name: self._output(name) for name in self.graph.outputs}
        return Plan(self.graph, self.inputs, self.stages, outputs, self.graph, decided=self.decided)

    # streams --------------------------------------------------------------------------------------

    def layout(self, stream: str) -> Layout:
        return self.inputs[stream] if stream in self.inputs else self._stage(stream).layout

    def _stage(self, name: str) -> PlannedStage:
        return next(stage for stage in self.stages if stage.name == name)

    def _append(self, name: str, core: Core, sources: tuple[str, ...], node: str = "", **more: Any) -> str:
        stage = PlannedStage(name, core, sources, nodes=[node] if node else [], **more)
        self.stages.append(stage)
        self.interval = max(self.interval, int(core.steps().cost.sum()))
        self._time(stage)
        return name

    def _time(self, stage: PlannedStage) -> None:
        timing = stage.stage().timing
        steps = step_times(timing, [self.times[s] for s in stage.sources], 1)
        self.times[stage.name] = readable(timing, steps, 1)

    def _enter(self, stream: str, name: str) -> str:
        return self._append(name, entrance(name, self.layout(stream)), (stream,))

    def _narrowed(self, stream: str, lanes: int, name: str) -> str:
        layout = self.layout(stream)
        return stream if layout.lanes == lanes else self._append(name, NarrowCore(name, layout, lanes), (stream,))

    def _vector(self, stream: str, name: str) -> str:
        """The stream as a vector in one beat."""
        layout = self.layout(stream)
        return stream if layout.beats == layout.lanes == 1 else self._append(name, CollectCore(name, layout), (stream,))

    def _output(self, tensor: str) -> str:
        stream, spec = self.at[tensor], self.specs[tensor]
        if len(spec.shape) == 1:
            stream = self._vector(stream, f"{tensor}_vector")
        return self._enter(stream, f"{tensor}_out") if stream in self.inputs else stream

    # nodes ----------------------------------------------------------------------------------------

    def _named(self, node: Node, work: Callable[[Node], None]) -> None:
        try:
            work(node)
        except BitsmithError as error:
            label = self.graph.labels.get(node.layer, node.layer or node.name)
            raise BitsmithError(f"layer '{label}': {error}") from None

    def _check(self, node: Node) -> None:
        """Before any adder graph is looked for, which may take hours."""
        weights = getattr(node.op, "kernel", getattr(node.op, "gamma", None))
        if weights is not None and node.op.stem != "dense":  # dense shares multipliers with every strategy
            check_size(self.choices.get(node.name, self.default).strategy, int(np.count_nonzero(weights)))

    def _place(self, node: Node) -> None:
        if node.op.stem == "flatten":
            self.at[node.name] = self._reshaped(node)
        elif node.op.stem in POINTWISE:
            self.at[node.name] = self._follow(node)
        elif node.op.stem in JOINS:
            self.at[node.name] = self._join(node)
        else:
            self.at[node.name] = self._compute(node)

    def _reshaped(self, node: Node) -> str:
        stream, shape = self.at[node.inputs[0]], self.specs[node.name].shape
        layout = self.layout(stream)
        image = (1,) * (3 - len(shape)) + tuple(shape)
        if len(shape) == 1 or image == (layout.height, layout.width, layout.channels):
            return stream
        stream = self._vector(stream, f"{node.name}_vector")
        height, width, channels = image
        return self._append(
            node.name,
            SpreadCore(node.name, self.layout(stream), Layout(height, width, channels, 1, layout.type)),
            (stream,),
            node.name,
        )

    def _follow(self, node: Node) -> str:
        """A pointwise module at the end of the stage before it, or behind an entrance of its own."""
        tensor = node.inputs[0]
        stream, spec = self.at[tensor], self.specs[tensor]
        along = node.op.stem != "activation"
        if along and len(spec.shape) == 1:
            stream = self._vector(stream, f"{node.name}_vector")
        if stream in self.inputs or not self._ends(tensor):
            stream = self._enter(stream, f"{node.name}_in")
        stage = self._stage(stream)
        stage.pointwise.append(hardware(node.op).pointwise(node.name, node.op, stage.layout))
        stage.nodes.append(node.name)
        self._time(stage)
        return stream

    def _ends(self, tensor: str) -> bool:
        """Whether only one node reads the tensor, under whatever shape."""
        while tensor in self.producers and self.producers[tensor].op.stem == "flatten":
            tensor = self.producers[tensor].inputs[0]
        return self._readers(tensor) == 1

    def _readers(self, tensor: str) -> int:
        readers = sum(name == tensor for name in self.graph.outputs)
        for node in self.graph.nodes:
            for source in node.inputs:
                if source == tensor:
                    readers += self._readers(node.name) if node.op.stem == "flatten" else 1
        return readers

    def _join(self, node: Node) -> str:
        streams = [self.at[name] for name in node.inputs]
        if len(self.specs[node.inputs[0]].shape) == 1:
            streams = [self._vector(s, f"{node.name}_vector_{k}") for k, s in enumerate(streams)]
        lanes = min(self.layout(s).lanes for s in streams)
        streams = [self._narrowed(s, lanes, f"{node.name}_narrow_{k}") for k, s in enumerate(streams)]
        streams = [self._enter(s, f"{node.name}_in_{k}") if s in self.inputs else s for k, s in enumerate(streams)]
        core = hardware(node.op).core(node.name, node.op, tuple(self.layout(s) for s in streams), "", 1)
        return self._append(node.name, core, tuple(streams), node.name)

    def _compute(self, node: Node) -> str:
        choice = self.choices.get(node.name, self.default)
        streams = [self.at[name] for name in node.inputs]
        if len(self.specs[node.inputs[0]].shape) == 1 and node.op.stem in ("gdn", "repeat_vector"):
            streams = [self._vector(streams[0], f"{node.name}_vector")]
        lanes = self._lanes(node, self.layout(streams[0]))
        names = [f"{node.name}_narrow", *(f"{node.name}_narrow_{k}" for k in range(1, len(streams)))]
        streams = [self._narrowed(stream, lanes, name) for stream, name in zip(streams, names)]
        streams[0] = self._padded(node, streams[0])
        reuse = self._reuse(node, streams[0], choice)
        if node.op.stem in SHARED:
            self.decided[node.name] = Choice(choice.strategy, reuse)
        layouts = tuple(self.layout(stream) for stream in streams)
        module, how = hardware(node.op), partial(self._append, strategy=choice.strategy, reuse=reuse)
        if node.op.stem != "conv2d_transpose":
            core = module.core(node.name, node.op, layouts, choice.strategy, reuse)
            return how(node.name, core, tuple(streams), node.name)
        name = f"{node.name}_phases"
        places = how(name, module.core(name, node.op, layouts, choice.strategy, reuse), (streams[0],))
        pace = 1 if self.slack == 0 else self.interval  # the fastest network does not wait
        order = module.ordering(node.name, node.op, layouts[0], self.layout(places), pace)
        return self._append(node.name, order, (places,), node.name)

    def _padded(self, node: Node, stream: str) -> str:
        """The stream with the zeros that a window core cannot put around it itself."""
        outside = getattr(hardware(node.op), "outside", lambda op: NO_PADDING)(node.op)
        if outside == NO_PADDING:
            return stream
        name, layout = f"{node.name}_padding", self.layout(stream)
        return self._append(name, ZeroPaddingCore(name, ZeroPadding2D(layout.type, outside), layout), (stream,))

    def _lanes(self, node: Node, layout: Layout) -> int:
        """The fewest pixels at once with which the layer still keeps up; pools take what comes."""
        stride = getattr(node.op, "strides", (1, 1))[1]
        fitting = [n for n in _halves(layout.lanes) if lanes_fit(n, stride)] or [1]
        if node.op.stem == "reverse":
            return int(hardware(node.op).lanes(node.op, layout))
        if node.op.stem == "conv2d_transpose":  # its phases follow one another
            return 1
        if node.op.stem not in SHARED or node.op.stem == "dense":
            return fitting[0]
        keeping = [n for n in fitting if self._busy(node, _with_lanes(layout, n)) <= self.interval]
        return min(keeping, default=fitting[0])

    def _busy(self, node: Node, layout: Layout) -> int:
        op: Any = node.op
        if op.stem in RECURRENT or op.stem == "gdn":
            return layout.beats
        return Geometry(layout, op.kernel.shape[:2], op.strides, hardware(op).inside(op), op.dilation).steps

    def _reuse(self, node: Node, stream: str, choice: Choice) -> int:
        """The reuse factor asked for, or the largest that neither slows the network nor delays the last beat beyond
        the slack.
        """
        layout = self.layout(stream)
        if node.op.stem == "repeat_vector":  # its pace
            return max(1, self.interval // (layout.beats * int(getattr(node.op, "steps", 1))))
        if node.op.stem not in SHARED:
            return 1
        legal = legal_for(node.op, layout, choice.strategy)
        if choice.reuse is not None:
            check_reuse(choice.reuse, choice.strategy, legal)
            return choice.reuse
        if choice.wish is not None:
            return nearest(legal, choice.wish)
        if node.op.stem in RECURRENT:  # shared only as far as every step of a frame allows
            return max((r for r in legal if r * layout.beats <= self.interval), default=legal[0])
        slack, module = self._slack(node), hardware(node.op)

        def steps(reuse: int) -> Timing:
            timing: Timing = module.core(node.name, node.op, (layout,), choice.strategy, reuse).steps()
            return timing

        def end(timing: Timing) -> int:
            return int(step_times(timing, [self.times[stream]], 1)[-1])

        latest = end(steps(legal[0])) + slack
        for reuse in reversed([r for r in legal[1:] if r <= self.interval]):
            timing = steps(reuse)
            if int(timing.cost.sum()) <= self.interval and end(timing) <= latest:
                return reuse
        return legal[0]

    def _slack(self, node: Node) -> int:
        """Cycles by which sharing may delay the layer's last beat; what is then repeated may take a whole frame."""
        if repeated(self.graph, node):
            return self.interval
        return max(SLACK_CYCLES, self.interval // SLACK_PART) if self.slack is None else self.slack


def readers(graph: Graph, name: str) -> list[Node]:
    """The nodes that read a tensor, those behind pointwise ones in their place."""
    found: list[Node] = []
    for node in graph.consumers(name):
        found += readers(graph, node.name) if node.op.stem in POINTWISE else [node]
    return found


def repeated(graph: Graph, node: Node) -> bool:
    """Whether a node's result is sent at every step of a sequence: it has a whole frame's time."""
    return any(reader.op.stem == "repeat_vector" for reader in readers(graph, node.name))


def nearest(legal: list[int], wish: int) -> int:
    """The legal factor closest to a wish, the smaller of two."""
    return min(legal, key=lambda r: (abs(r - wish), r))


def legal_for(op: Operator, layout: Layout, strategy: str) -> list[int]:
    """Every reuse factor that the operator can have when it reads this stream."""
    module = hardware(op)
    legal: list[int] = (
        module.reuse_factors(op, strategy, layout) if op.stem == "dense" else module.reuse_factors(op, strategy)
    )
    return legal


def _halves(lanes: int) -> list[int]:
    """The lane counts that a beat can be cut into: all divisors, the largest first."""
    return [n for n in range(lanes, 0, -1) if lanes % n == 0]


def _with_lanes(layout: Layout, lanes: int) -> Layout:
    return replace(layout, lanes=lanes)
