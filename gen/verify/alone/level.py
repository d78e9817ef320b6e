"""The level ``layers``: every layer of which points are left, by itself in the simulated Verilog, with its own inputs.

What is simulated are the build's own files of these layers. All of them stand side by side in one top, between ports
and buffers of their own, so that one program is compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from ....sim.errors import BitsmithError
from ....sim.fast.predict import Reference
from ....sim.graph import Graph
from ....sim.reach.points import BoolArray
from ....sim.reach.survey import Survey
from ...files.folder import writes_to
from ...files.workplace import work_folder
from ...hls import alone as cpp
from ...hls.model import HlsModel
from ...resources.estimate import open_plan
from ...rtl.alone import Alone as Hardware
from ...rtl.alone import alone, depths, side_by_side
from ...rtl.emit import emit_around
from ...rtl.stages import Plan
from ...simulate import verilator
from ...simulate.ports import Top
from ...simulate.simulation import Drive, Run
from ..batch import Batch
from ..diverge import Divergence, first_difference, named, tensors
from ..job import Job
from ..reach.reached import Alone, Reached
from ..trials import Outcome, full_speed, wrong_inside
from .search import Reaching, reaching
from .small import alone as graph_alone
from .small import forms, survey_of

LEVEL = "layers"


@dataclass(frozen=True)
class Part:
    """One layer: its own graph and hardware, its frames, and which of the network's points they reach."""

    graph: Graph
    hardware: Hardware
    found: Reaching
    hit: BoolArray


def level(job: Job) -> Outcome:
    """The layers whose points the job's own frames leave out, in Verilog and in C++."""
    assert job.reached is not None, "what the frames reach is found before any level"
    plan, _ = open_plan(job.folder)
    parts, refused = _parts(job, job.reached, plan)
    hit, in_cpp = np.zeros_like(job.reached.hit), dict[str, str]()
    outcome = Outcome(0, required=False)
    if parts:
        outcome = _simulated(job, plan, parts)
        in_cpp = _in_cpp(job, parts, outcome)
    if outcome.mismatches == 0 and not outcome.problems:
        for part in parts:
            hit |= part.hit
    outcome.alone = Alone(hit, refused, in_cpp)
    return outcome


def _parts(job: Job, known: Reached, plan: Plan) -> tuple[list[Part], dict[str, str]]:
    """The layers that can stand alone, and why the others cannot."""
    built = Top.load(job.folder / "rtl")
    survey, left = known.survey, known.left
    names = [name for name in survey.nodes if left[survey.of(name)].any()]
    parts, refused = [], {}
    for k, name in enumerate(names):
        job.say(f"{LEVEL}: inputs for {name}, layer {k + 1} of {len(names)}")
        graph = graph_alone(job.graph, name)
        try:
            hardware = alone(plan, graph.nodes[0])
            check_files(plan, hardware, built)
        except BitsmithError as error:
            refused[name] = str(error)
            continue
        part = _part(job, graph, hardware, survey, left, k)
        if part is not None:
            parts.append(part)
    return parts, refused


def check_files(plan: Plan, hardware: Hardware, built: Top) -> None:
    """BitsmithError where the build has not every module of its own that is driven."""
    for module in hardware.modules:
        if f"{plan.module(module)}.v" not in built.files:
            raise BitsmithError(f"the build has no module '{plan.module(module)}'")


def _part(job: Job, graph: Graph, hardware: Hardware, survey: Survey, left: BoolArray, number: int) -> Part | None:
    """None where no input was found that brings anything."""
    own = survey_of(graph, survey)
    pairs = [(place, survey.places[key]) for key, place in own.places.items() if place is not None]
    wanted, hit = np.zeros(own.count, dtype=bool), np.zeros(survey.count, dtype=bool)
    for place, known in pairs:
        if known is not None:
            wanted[place.all] = left[known.all]
    types = {name: layout.own for name, layout in hardware.inputs.items() if layout.own}
    found = reaching(forms(own, types), wanted, np.random.default_rng([job.seed, number]))
    for place, known in pairs:
        if known is not None:
            hit[known.all] = found.hit[place.all]
    return Part(graph, hardware, found, hit) if hit.any() else None


def _simulated(job: Job, plan: Plan, parts: list[Part]) -> Outcome:
    """All layers in one program: at full speed, then with stalls on both sides."""
    own = _job(job, parts)
    with _emitted(own, plan, [part.hardware for part in parts]) as top:
        job.say(f"{LEVEL}: {len(parts)} layers side by side, compiling the Verilog")
        device = verilator.build(top, job.sim)
    outcome = Outcome(own.frames)
    for what, drive in _drives(own).items():
        job.say(f"{LEVEL}: {len(parts)} layers, {own.frames} frames{what}")
        run = device.run(own.inputs, drive)
        outcome.problems += [problem for problem in run.problems if problem not in outcome.problems]
        outcome.divergence = _wrong(own, top, run)
        if outcome.divergence is not None:
            outcome.mismatches = 1
            break
    return outcome


def _drives(job: Job) -> dict[str, Drive]:
    plain = full_speed(job)
    return {"": plain, ", stalls on both sides": replace(plain, stalls=True)}


def _job(job: Job, parts: list[Part]) -> Job:
    """The layers as one graph; those with fewer frames begin again."""
    graph = together([part.graph for part in parts])
    every: Batch = {name: raw for part in parts for name, raw in part.found.frames.items()}
    frames = max(map(len, every.values()))
    inputs = {name: raw[np.arange(frames) % len(raw)] for name, raw in every.items()}
    reference = Reference(graph)
    outputs = dict(zip(graph.outputs, reference.predict_raw(*(inputs[name] for name, _ in graph.inputs))))
    return Job(job.folder, graph, reference, inputs, outputs, job.seed, job.say)


def together(graphs: list[Graph]) -> Graph:
    """Graphs that share nothing, as one."""
    return Graph(
        graphs[0].name,
        tuple(one for graph in graphs for one in graph.inputs),
        tuple(node for graph in graphs for node in graph.nodes),
        tuple(name for graph in graphs for name in graph.outputs),
        {key: label for graph in graphs for key, label in graph.labels.items()},
    )


@contextmanager
def _emitted(job: Job, plan: Plan, parts: list[Hardware]) -> Iterator[Top]:
    """The top; where a layer is recurrent the twin that shows what is inside of its steps: states forget."""
    job.sim.mkdir(exist_ok=True)
    with writes_to(job.sim), work_folder(job.sim / LEVEL) as work:
        emit_around(side_by_side(plan, job.graph, parts), depths(plan, parts), work, job.folder / "rtl")
        top = Top.load(work)
        inside = tuple(port for port in top.traces if "." in port.name)
        yield replace(top.traced(), traces=inside) if inside else top.without_traces()


def _in_cpp(job: Job, parts: list[Part], outcome: Outcome) -> dict[str, str]:
    """The same inputs through each layer's own call in the C simulation; which have none, and why."""
    project = cpp.Project(job.folder / "hls")
    missing = cpp.refused(project, [part.graph.nodes[0] for part in parts])
    parts = [part for part in parts if part.graph.nodes[0].name not in missing]
    if not parts:
        return missing
    own = _job(job, parts)
    job.say(f"{LEVEL}: {len(parts)} layers in C++, {own.frames} frames, compiled first")
    with writes_to(job.sim), work_folder(job.sim / LEVEL) as work:
        cpp.emit(project, own.graph, work / "hls")
        got = _cpp_tensors(own, HlsModel(work, "-O1"))
    found = first_difference(tensors(own.graph), own.trace(list(range(own.frames))), got)
    if found is not None:
        outcome.mismatches += 1
        outcome.divergence = outcome.divergence or named(f"{LEVEL}, C++", own.graph, found, found.frame)
    return missing


def _cpp_tensors(job: Job, model: HlsModel) -> Batch:
    """The outputs, and what is inside of recurrent layers, for which frame by frame is computed."""
    inputs = [job.inputs[name] for name, _ in job.graph.inputs]
    if model.ports["internals"]:
        return {name: raw for name, raw in model.trace_raw(*inputs).items() if name not in job.inputs}
    return dict(zip(job.graph.outputs, model.predict_raw(*inputs)))


def _wrong(job: Job, top: Top, run: Run) -> Divergence | None:
    """The first layer that is wrong, inside of its steps or at its port."""
    frames = list(range(job.frames))
    inside = wrong_inside(LEVEL, job, top, frames, job.trace(frames), run)
    if inside is not None:
        return inside
    expected = {name: raw[run.shown] for name, raw in job.expected.items()}
    found = first_difference(job.graph.outputs, expected, run.outputs)
    return None if found is None else named(LEVEL, job.graph, found, int(run.shown[found.frame]))
