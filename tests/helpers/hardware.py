"""The cases of an operator contract in one graph, so that one compiled simulation runs them all.

They share nothing: each has inputs, layers and an output of its own, named after the case.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from kept import said

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.hls import HlsModel, emit
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.rtl.emit import emit_plan
from bitsmith.gen.rtl.plan import Plan
from bitsmith.gen.simulate import verilator
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.simulate.simulation import Drive, Run, Simulation
from bitsmith.gen.tools import iverilog
from bitsmith.gen.tools import verilator as verilator_tool
from bitsmith.gen.verify import vectors
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed, IntArray
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.names import safe_name
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.argmax import Argmax
from bitsmith.sim.recurrent import Recurrent

FRAMES = 8
SEED = 20261121
Group = tuple[Any, ...]


@dataclass(frozen=True)
class Case:
    """One operator with its inputs. ``layer`` is hls4ml's section for it (Strategy, ReuseFactor).

    ``before``: an operator in front of each input; ``after``: operators behind it, one after another.
    """

    op: Operator
    inputs: tuple[Spec, ...]
    pixels_per_cycle: int = 1
    layer: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[Operator, ...] = ()
    after: tuple[Operator, ...] = ()
    sequences: int = 2
    """Side by side in the Verilog, where the operator is recurrent."""

    @property
    def operator_inputs(self) -> tuple[Spec, ...]:
        """What the operator itself sees."""
        if not self.before:
            return self.inputs
        return tuple(op.infer(spec) for op, spec in zip(self.before, self.inputs))

    @property
    def group(self) -> Group:
        """Cases of one group share a top: its pixels per cycle, its one threshold, its sequences side by side."""
        least = next((op for op in (self.op, *self.after) if isinstance(op, Argmax)), None)
        sequences = self.sequences if isinstance(self.op, Recurrent) else 0
        return (self.pixels_per_cycle, least and (least.input_type, least.threshold), sequences)

    @property
    def threshold(self) -> int:
        return next((op.threshold for op in (self.op, *self.after) if isinstance(op, Argmax)), 0)

    def graph(self, prefix: str) -> Graph:
        """Its inputs, layers and one output; all names begin with ``prefix``, the operator's is the prefix alone."""
        inputs = tuple((f"{prefix}_x{k}", spec) for k, spec in enumerate(self.inputs))
        nodes = [Node(f"{prefix}_b{k}", op, (inputs[k][0],), f"{prefix}_b{k}") for k, op in enumerate(self.before)]
        sources = tuple(node.name for node in nodes) or tuple(name for name, _ in inputs)
        nodes.append(Node(prefix, self.op, sources, prefix))
        for k, op in enumerate(self.after):
            nodes.append(Node(f"{prefix}_a{k}", op, (nodes[-1].name,), f"{prefix}_a{k}"))
        return Graph(prefix, inputs, tuple(nodes), (nodes[-1].name,))


def plan_alone(case: Case) -> Plan:
    """The stages that the case would be built from; BitsmithError where it cannot be."""
    graph = case.graph("alone")
    return plan_for(graph, parse_config(_config(case.group, {"alone": dict(case.layer)})))


def draw(type_: Fixed, *shape: int) -> IntArray:
    """Random raw integers over the whole range, both ends among them, the same for the same type and shape."""
    rng = np.random.default_rng([SEED, type_.width, *shape])
    raw = rng.integers(type_.raw_min, type_.raw_max, shape, endpoint=True)
    raw.flat[0], raw.flat[-1] = type_.raw_min, type_.raw_max
    return raw


def icarus_says(top: Top) -> str:
    """All that Icarus has to say of a top when it reads it as Verilog-2005."""
    command = [*iverilog().command, "-g2005", "-Wall", "-t", "null", "-s", top.name, *map(str, top.sources())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    return done.stdout + done.stderr + (f"status {done.returncode}" if done.returncode else "")


def lint_says(top: Top, *options: str) -> str:
    """All that Verilator's lint has to say of a top, but for the rules that ``LINT`` waives."""
    command = [*verilator.LINT, *options, "--top-module", top.name, *top.files]
    status, text = said(verilator_tool(), command, top.files, top.folder)
    return text + (f"status {status}" if status else "")


def side_by_side(graphs: Mapping[str, Graph]) -> Graph:
    """One graph of several that have no name in common."""
    every = graphs.values()
    return Graph(
        "contract",
        tuple(entry for graph in every for entry in graph.inputs),
        tuple(node for graph in every for node in graph.nodes),
        tuple(name for graph in every for name in graph.outputs),
    )


class Hardware:
    """What is built for some cases, and what comes out of it; everything compiles when it is first asked for."""

    def __init__(self, cases: Mapping[str, Case], folder: Path) -> None:
        self.cases, self.folder = cases, folder
        self.graphs = {name: case.graph(f"c{k}_{safe_name(name)[:32]}") for k, (name, case) in enumerate(cases.items())}
        self.whole = side_by_side(self.graphs)
        self.batch = vectors.make(self.whole.inputs, FRAMES, SEED)
        self._simulated: dict[int | None, dict[str, IntArray]] = {}
        self._runs: dict[tuple[Group, Drive], Run] = {}
        self._emitted: dict[Group, tuple[Path, dict[str, tuple[int, ...]]]] = {}
        self._tops: dict[Group, tuple[Simulation, dict[str, tuple[int, ...]]]] = {}

    def output(self, name: str) -> str:
        return self.graphs[name].outputs[0]

    def inputs_of(self, name: str) -> list[IntArray]:
        return [self.batch[tensor] for tensor, _ in self.graphs[name].inputs]

    @cached_property
    def expected(self) -> dict[str, IntArray]:
        """The reference's integers by case."""
        outputs = Reference(self.whole).predict_raw(*self.batch.values())
        return dict(zip(self.cases, outputs))

    @cached_property
    def hls_model(self) -> HlsModel:
        """The compiled C simulation of all cases, each with what the plan of its group's Verilog decided."""
        groups = dict.fromkeys(case.group for case in self.cases.values())
        plans = [self._plan(group) for group in groups]
        decided = {name: choice for plan in plans for name, choice in plan.decided.items()}
        named = {self.output(name): raw for name, raw in self.expected.items()}
        vectors.save(self.folder / "vectors", self.batch, named)
        whole = replace(plans[0], decided=decided)
        emit(self.whole, parse_config({}), self.folder, self.folder / "vectors", whole)
        return HlsModel(self.folder, "-O0")

    def hls(self, threshold: int | None = None) -> dict[str, IntArray]:
        """The C simulation's integers by case: one run of all cases for each threshold."""
        if threshold not in self._simulated:
            outputs = self.hls_model.predict_raw(*self.batch.values(), threshold=threshold)
            self._simulated[threshold] = dict(zip(self.cases, outputs))
        return self._simulated[threshold]

    def full_speed(self, case: Case) -> Run:
        return self.run(case, Drive(threshold=case.threshold, seed=SEED))

    def stalled(self, case: Case) -> Run:
        """Pauses on both sides, after resets at random cycles."""
        return self.run(case, Drive(stalls=True, resets=2, threshold=case.threshold, seed=SEED))

    def run(self, case: Case, drive: Drive) -> Run:
        """The outputs of every case in the group, each run once."""
        key = (case.group, drive)
        if key not in self._runs:
            graph = self.graph_of(case.group)
            simulation, _ = self._top(case.group)
            self._runs[key] = simulation.run({name: self.batch[name] for name, _ in graph.inputs}, drive)
        return self._runs[key]

    def predicted_ends(self, name: str) -> tuple[int, ...]:
        """When the frames' last beats leave this case's output."""
        _, ends = self._top(self.cases[name].group)
        return ends[self.output(name)]

    def graph_of(self, group: Group) -> Graph:
        return side_by_side({name: graph for name, graph in self.graphs.items() if self.cases[name].group == group})

    def _top(self, group: Group) -> tuple[Simulation, dict[str, tuple[int, ...]]]:
        if group not in self._tops:
            rtl, ends = self.emitted(group)
            simulation = verilator.build(Top.load(rtl).without_traces(), rtl.parent / "sim")
            self._tops[group] = simulation, ends
        return self._tops[group]

    @property
    def groups(self) -> list[Group]:
        return list(dict.fromkeys(case.group for case in self.cases.values()))

    def emitted(self, group: Group) -> tuple[Path, dict[str, tuple[int, ...]]]:
        """The group's Verilog, written once, and when each output's frames end."""
        if group not in self._emitted:
            rtl = self.folder / f"top_{len(self._emitted)}" / "rtl"
            plan = self._plan(group)
            schedule = emit_plan(plan, rtl)
            ends = {output: schedule.ends_by_output[stage] for output, stage in plan.outputs.items()}
            self._emitted[group] = rtl, ends
        return self._emitted[group]

    def _plan(self, group: Group) -> Plan:
        layers = {self.graphs[name].name: dict(case.layer) for name, case in self.cases.items()}
        return plan_for(self.graph_of(group), parse_config(_config(group, layers)))


def _config(group: Group, layers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """hls4ml's configuration, with a section for each layer that has one."""
    sections = {name: section for name, section in layers.items() if section}
    ours = {"pixels_per_cycle": group[0], **({"interleaved_sequences": group[2]} if group[2] else {})}
    return {"Bitsmith": ours, "HLSConfig": {"LayerName": sections}}
