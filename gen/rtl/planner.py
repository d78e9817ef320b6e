"""One pass over a graph: each node becomes a stage, a part of one, or nothing, as its operator's role says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import gcd
from typing import Any

from ...hw.rtl.core import Core
from ...hw.rtl.join import entrance, fitting, whole
from ...hw.rtl.layout import Layout
from ...hw.rtl.narrow import NarrowCore
from ...hw.rtl.reshape import CollectCore, RefillCore, SpreadCore, refilled
from ...hw.rtl.role import JoinRole, PointwiseRole, ReshapeRole, StreamRole, role_of
from ...hw.rtl.up_sampling2d import UpSamplingCore
from ...hw.rtl.zero_padding2d import ZeroPaddingCore
from ...sim.errors import BitsmithError
from ...sim.graph import Graph, Node
from ...sim.ops.up_sampling2d import UpSampling2D
from ...sim.ops.zero_padding2d import ZeroPadding2D
from ...sim.params import NO_PADDING
from .relations import origin, reads, repeated
from .schedule import Times, paced, readable, step_times
from .sharing import Allowance, allowed, check_weights, reuse_factor
from .stages import Choice, Origin, Plan, PlannedStage


class Planner:
    """Streams are named by the stage or the top-level input that they come from."""

    def __init__(
        self,
        graph: Graph,
        pixels: int,
        choices: Mapping[str, Choice],
        default: Choice,
        interval: int,
        slack: int | None,
        lanes_from: Origin,
    ) -> None:
        self.graph, self.choices, self.default, self.slack = graph, choices, default, slack
        self.specs = graph.specs()
        self.inputs = {name: Layout.of_input(spec, pixels) for name, spec in graph.inputs}
        self.stages: list[PlannedStage] = []  # two of one name are refused when their files are named
        self.decided: dict[str, Choice] = {}
        self.at: dict[str, str] = {name: name for name in self.inputs}  # tensor -> stage or input
        self.lanes_from = dict.fromkeys(self.inputs, lanes_from)
        self.interval = max([interval, *(layout.beats for layout in self.inputs.values())])
        self.times: dict[str, Times] = {n: paced(x.beats, max(x.beats, interval)) for n, x in self.inputs.items()}

    def run(self) -> Plan:
        for node in self.graph.nodes:
            self._named(node, self._check)
        for name, _ in self.graph.inputs:
            if reads(self.graph, name) > 1:
                self.at[name] = self._enter(name, f"{name}_in")
        for node in self.graph.nodes:
            self._named(node, self._place)
        outputs = {name: self._output(name) for name in self.graph.outputs}
        return Plan(self.graph, self.inputs, self.stages, outputs, self.graph, decided=self.decided)

    # streams --------------------------------------------------------------------------------------

    def layout(self, stream: str) -> Layout:
        return self.inputs[stream] if stream in self.inputs else self._stage(stream).layout

    def _stage(self, name: str) -> PlannedStage:
        return next(stage for stage in self.stages if stage.name == name)

    def _append(self, core: Core, sources: tuple[str, ...], **more: Any) -> str:
        name = core.name
        fewer = any(self.lanes_from[s] is Origin.PLANNER for s in sources) or isinstance(core, NarrowCore)
        self.lanes_from[name] = Origin.PLANNER if fewer else self.lanes_from[sources[0]]
        stage = PlannedStage(name, core, sources, lanes_from=self.lanes_from[sources[0]], **more)
        self.stages.append(stage)
        self.interval = max(self.interval, int(core.steps().cost.sum()))
        self._time(stage)
        return name

    def _time(self, stage: PlannedStage) -> None:
        timing = stage.stage().timing
        steps = step_times(timing, [self.times[s] for s in stage.sources], 1)
        self.times[stage.name] = readable(timing, steps, 1)

    def _enter(self, stream: str, name: str) -> str:
        return self._append(entrance(name, self.layout(stream)), (stream,), part="join")

    def _narrowed(self, stream: str, lanes: int, name: str) -> str:
        layout = self.layout(stream)
        if layout.lanes == lanes:
            return stream
        return self._append(NarrowCore(name, layout, lanes), (stream,), part="narrow")

    def _every_row(self, stream: str, height: int, name: str) -> str:
        """One row sent so many times; one pixel is held by who reads it."""
        layout = self.layout(stream)
        if layout.height == height or layout.width == 1:
            return stream
        return self._append(
            UpSamplingCore(name, UpSampling2D(layout.type, (height, 1)), layout), (stream,), part="rows"
        )

    def _vector(self, stream: str, name: str) -> str:
        """The stream as a vector in one beat."""
        layout = self.layout(stream)
        if layout.beats == layout.lanes == 1:
            return stream
        return self._append(CollectCore(name, layout), (stream,), part="collect")

    def _is_vector(self, tensor: str) -> bool:
        return len(self.specs[tensor].shape) == 1

    def _output(self, tensor: str) -> str:
        stream = self.at[tensor]
        if self._is_vector(tensor):
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
        """What is wrong with a node by itself, before any adder graph is looked for, which may take hours."""
        check_weights(node.op, self.choices.get(node.name, self.default).strategy)

    def _place(self, node: Node) -> None:
        role = role_of(node.op)
        if isinstance(role, ReshapeRole):
            self.at[node.name] = self._reshaped(node)
        elif isinstance(role, PointwiseRole):
            self.at[node.name] = self._follow(node, role)
        elif isinstance(role, JoinRole):
            self.at[node.name] = self._join(node, role)
        else:
            self.at[node.name] = self._compute(node, role)

    def _reshaped(self, node: Node) -> str:
        stream, shape = self.at[node.inputs[0]], self.specs[node.name].shape
        layout = self.layout(stream)
        height, width, channels = (1,) * (3 - len(shape)) + tuple(shape)
        if len(shape) == 1 or (height, width, channels) == (layout.height, layout.width, layout.channels):
            return stream
        if height == width == 1:
            return self._vector(stream, f"{node.name}_vector")
        make = SpreadCore if layout.beats == layout.lanes == 1 else RefillCore
        core = make(node.name, layout, refilled(layout, height, width, channels))
        return self._append(core, (stream,), nodes=[node.name])

    def _follow(self, node: Node, role: PointwiseRole) -> str:
        """A pointwise module at the end of the stage before it, or behind an entrance of its own."""
        tensor = node.inputs[0]
        stream = self.at[tensor]
        if role.whole_vector and self._is_vector(tensor):
            stream = self._vector(stream, f"{node.name}_vector")
        if stream in self.inputs or reads(self.graph, origin(self.graph, tensor)) != 1:
            stream = self._enter(stream, f"{node.name}_in")
        stage = self._stage(stream)
        stage.pointwise.append(role.make(node.name, node.op, stage.layout))
        stage.nodes.append(node.name)
        self._time(stage)
        return stream

    def _join(self, node: Node, role: JoinRole) -> str:
        streams = [self.at[name] for name in node.inputs]
        gathered = role.whole_vectors(tuple(self.layout(s) for s in streams))
        streams = [
            self._vector(s, f"{node.name}_vector_{k}") if wanted and self._is_vector(name) else s
            for k, (s, name, wanted) in enumerate(zip(streams, node.inputs, gathered))
        ]
        layouts = tuple(self.layout(s) for s in streams)
        lanes, image = fitting(layouts), whole(layouts)
        streams = [self._narrowed(s, n, f"{node.name}_narrow_{k}") for k, (s, n) in enumerate(zip(streams, lanes))]
        streams = [self._every_row(s, image.height, f"{node.name}_rows_{k}") for k, s in enumerate(streams)]
        streams = [self._enter(s, f"{node.name}_in_{k}") if s in self.inputs else s for k, s in enumerate(streams)]
        core = role.make(node.name, node.op, tuple(self.layout(s) for s in streams))
        return self._append(core, tuple(streams), nodes=[node.name])

    def _compute(self, node: Node, role: StreamRole) -> str:
        """A core of the node's own, with what must stand before and behind it."""
        streams = [self.at[name] for name in node.inputs]
        if role.whole_vector and self._is_vector(node.inputs[0]):
            streams[0] = self._vector(streams[0], f"{node.name}_vector")
        lanes = self._lanes(node, role, [self.layout(stream) for stream in streams])
        names = [f"{node.name}_narrow", *(f"{node.name}_narrow_{k}" for k in range(1, len(streams)))]
        streams = [self._narrowed(stream, lanes, name) for stream, name in zip(streams, names)]
        streams[0] = self._padded(node, role, streams[0])
        layouts = tuple(self.layout(stream) for stream in streams)
        choice, reuse = self._decide(node, role, streams[0])
        decided = self.decided.get(node.name)
        name = f"{node.name}_{role.behind.part}" if role.behind else node.name
        core = role.make(name, node.op, layouts, choice.strategy, reuse)
        if role.behind is None:
            return self._append(core, tuple(streams), nodes=[node.name], reuse=reuse, decided=decided)
        first = self._append(core, (streams[0],), part=role.behind.part, reuse=reuse, decided=decided)
        interval = 1 if self.slack == 0 else self.interval  # the fastest network does not wait
        second = role.behind.make(node.name, node.op, layouts[0], self.layout(first), interval)
        return self._append(second, (first,), nodes=[node.name])

    def _decide(self, node: Node, role: StreamRole, stream: str) -> tuple[Choice, int]:
        """What was asked of the node, and the reuse factor that it gets; both are kept where multipliers are shared."""
        choice = self.choices.get(node.name, self.default)
        slack = allowed(self.interval, self.slack, repeated(self.graph, node))
        allowance = Allowance(self.interval, slack, self.times[stream])
        reuse = reuse_factor(node, role, self.layout(stream), choice, allowance)
        if role.sharing is not None:
            self.decided[node.name] = replace(choice, reuse=reuse, wish=None)
        return choice, reuse

    def _lanes(self, node: Node, role: StreamRole, layouts: list[Layout]) -> int:
        """The fewest pixels at once with which the layer still keeps up; one that shares nothing takes what comes."""
        layout = replace(layouts[0], lanes=gcd(*(layout.lanes for layout in layouts)))
        possible = role.lanes(node.op, layout)
        if role.frame_steps is None:
            return possible[0]
        steps = {n: role.frame_steps(node.op, replace(layout, lanes=n)) for n in possible}
        return min((n for n in possible if steps[n] <= self.interval), default=possible[0])

    def _padded(self, node: Node, role: StreamRole, stream: str) -> str:
        """The stream with the zeros that a window core cannot put around it itself."""
        outside = role.outside(node.op)
        if outside == NO_PADDING:
            return stream
        name, layout = f"{node.name}_padding", self.layout(stream)
        core = ZeroPaddingCore(name, ZeroPadding2D(layout.type, outside), layout)
        return self._append(core, (stream,), part="zeropadding")
