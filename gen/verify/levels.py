"""The levels of the ladder: each runs the same vectors on something that was built, and says what went wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ...hw.sim.ports import Top
from ...sim.errors import BitsmithError
from ...sim.ops.argmax import Argmax
from ...sim.predict import Reference
from ..ir import Graph
from ..tools import iverilog
from . import cxxrtl, icarus, netlist, verilator
from .diverge import Divergence, first_difference, internals, locate, named, tensors, wrong_frames
from .simulation import Drive, Run
from .vectors import Batch

STALLED_FRAMES = 16
SECOND_FRAMES = 3
NETLIST_FRAMES = 3
INSIDE_FRAMES = 8


class Simulator(Protocol):
    """What every simulator's ``build`` gives."""

    def run(self, inputs: Batch, drive: Drive = ...) -> Run:
        """Integers in, integers and cycles out."""


@dataclass(frozen=True)
class Job:
    """One verification: the build's folder, its graph, and what goes in and must come out, by name."""

    folder: Path
    graph: Graph
    reference: Reference
    inputs: Batch
    expected: Batch
    seed: int
    say: Callable[[str], None]

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


@dataclass(frozen=True)
class Cycles:
    """What was measured beside what was predicted; ``timed_frames``: so many frames' ends were compared."""

    latency_cycles: int
    interval_cycles: float
    predicted_latency_cycles: int
    predicted_interval_cycles: float
    timed_frames: int
    equal: bool
    """Every output's last beat of every one of these frames left in the predicted cycle, too."""


@dataclass
class Outcome:
    """``compared`` frames; ``mismatches`` of them differ in at least one integer, or never came."""

    compared: int
    mismatches: int = 0
    problems: list[str] = field(default_factory=list)
    divergence: Divergence | None = None
    cycles: Cycles | None = None


def argmax_threshold(graph: Graph) -> int:
    """The raw threshold of the graph's argmax, 0 where it has none."""
    return next((node.op.threshold for node in graph.nodes if isinstance(node.op, Argmax)), 0)


def hls(job: Job) -> Outcome:
    """hls4ml's C simulation, every frame."""
    from ..hls.model import HlsModel

    model = HlsModel(job.folder)
    job.say("hls: compiling the C simulation")
    model.compile()
    job.say(f"hls: {job.frames} vectors")
    raw = model.predict_raw(*(job.inputs[name] for name, _ in job.graph.inputs))
    got = dict(zip(job.graph.outputs, raw))
    wrong = wrong_frames(job.expected, got)
    outcome = Outcome(job.frames, len(wrong))
    if wrong:
        job.say("hls: looking for the first layer that differs")

        def traced(frames: list[int]) -> tuple[Batch, Batch]:
            inputs, _ = job.part(frames)
            return job.trace(frames), model.trace_raw(*(inputs[name] for name, _ in job.graph.inputs))

        outcome.divergence = locate("hls", job.graph, wrong[0], (job.expected, got), traced)
    else:
        _look_inside("hls", job, outcome, lambda inputs: model.trace_raw(*(inputs[n] for n, _ in job.graph.inputs)))
    return outcome


def rtl(job: Job) -> Outcome:
    """Verilator: every frame at full speed, cycles counted, then some under stalls after a reset in mid-frame."""
    job.say("rtl: compiling the Verilog")
    top = Top.load(job.folder / "rtl")
    device = verilator.build(top.without_traces(), job.sim)
    full = Drive(threshold=job.threshold, seed=job.seed)
    job.say(f"rtl: {job.frames} vectors")
    outcome, run = _compare("rtl", job, top, device, full, list(range(job.frames)))
    if outcome.mismatches == 0:
        job.say(f"rtl: {min(job.frames, STALLED_FRAMES)} vectors with stalls on both sides after a reset in mid-frame")
        stalled, _ = _compare("rtl", job, top, device, _stalls(job, top, abort=True), _first(job, STALLED_FRAMES, top))
        outcome.mismatches, outcome.divergence = stalled.mismatches, stalled.divergence
        outcome.problems += stalled.problems
        outcome.cycles = _cycles(job, top, device, full, run)
    if outcome.mismatches == 0:
        twin = top.traced()
        _look_inside("rtl", job, outcome, lambda inputs: verilator.build(twin, job.sim).run(inputs, full).traces)
    return outcome


def _look_inside(level: str, job: Job, outcome: Outcome, trace: Callable[[Batch], Batch]) -> None:
    """A decision hides what is wrong before it: behind an argmax every layer of some frames is compared, too."""
    if not any(isinstance(node.op, Argmax) for node in job.graph.nodes):
        return
    frames = _first(job, INSIDE_FRAMES)
    job.say(f"{level}: every layer of {len(frames)} vectors")
    found = first_difference(tensors(job.graph), job.trace(frames), trace(job.part(frames)[0]))
    if found is not None:
        outcome.mismatches, outcome.divergence = 1, named(level, job.graph, found, found.frame)


def second(job: Job) -> Outcome:
    """Another simulator, a few frames with stalls: Icarus where it is on PATH, else Yosys's CXXRTL."""
    top = Top.load(job.folder / "rtl")
    job.say("second: compiling the Verilog")
    try:
        iverilog()
        device: Simulator = icarus.build(top.without_traces(), job.sim)
    except BitsmithError:
        device = cxxrtl.build(top.without_traces(), job.sim)
    return _compare("second", job, top, device, _stalls(job, top, abort=False), _first(job, SECOND_FRAMES, top))[0]


def synthesized(job: Job) -> Outcome:
    """Yosys's netlist, a few frames with stalls after a reset in mid-frame."""
    top = Top.load(job.folder / "rtl")
    job.say("netlist: synthesizing (minutes for a large model)")
    device = netlist.build(top.without_traces(), job.sim)
    return _compare("netlist", job, top, device, _stalls(job, top, abort=True), _first(job, NETLIST_FRAMES, top))[0]


LEVELS: dict[str, Callable[[Job], Outcome]] = {"hls": hls, "rtl": rtl, "second": second, "netlist": synthesized}


def _first(job: Job, count: int, top: Top | None = None) -> list[int]:
    """The first frames; with a top, so many of the hardware's."""
    return list(range(min(job.frames, count * (top.sequences if top else 1))))


def _stalls(job: Job, top: Top, abort: bool) -> Drive:
    beats = top.inputs[0].beats
    return Drive(True, beats + beats // 2 if abort else 0, job.threshold, job.seed)


def _compare(level: str, job: Job, top: Top, device: Simulator, drive: Drive, frames: list[int]) -> tuple[Outcome, Run]:
    inputs, expected = job.part(frames)
    run = device.run(inputs, drive)
    wrong = wrong_frames(expected, run.outputs)
    outcome = Outcome(len(frames), len(wrong), list(run.problems))
    if wrong:
        job.say(f"{level}: looking for the first layer that differs")

        def traced(chosen: list[int]) -> tuple[Batch, Batch]:
            twin = verilator.build(top.traced(), job.sim)
            return job.trace(chosen), twin.run(job.part(chosen)[0], drive).traces

        outcome.divergence = locate(level, job.graph, wrong[0], (expected, run.outputs), traced)
    return outcome, run


def _cycles(job: Job, top: Top, device: Simulator, drive: Drive, run: Run) -> Cycles:
    """From the bulk run; too few frames are repeated until all predicted ones are there."""
    latency, interval, steady, ends = _predicted(job.folder / "estimate.json")
    frames = len(ends[0])
    if job.frames < frames * top.sequences:
        run = device.run(job.part([k % job.frames for k in range(frames * top.sequences)])[0], drive)
    found = [[end - run.first_input for end in each[:frames]] for each in run.frame_ends]
    measured = run.latency_cycles, run.interval(steady)
    return Cycles(*measured, latency, interval, frames, measured == (latency, interval) and found == ends)


def _predicted(path: Path) -> tuple[int, float, tuple[int, int], list[list[int]]]:
    """Latency, interval, the frames that it is taken over, and each output's ends of frames."""
    try:
        estimate = json.loads(path.read_text())
        first, last = estimate["steady_frames"]
        return (
            estimate["latency_cycles"],
            estimate["interval_cycles"],
            (first, last),
            [*estimate["frame_ends"].values()],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BitsmithError(f"'{path}' holds no predicted cycles: run 'bitsmith build' again") from error
