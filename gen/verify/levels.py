"""The levels of the ladder: each runs the same vectors on something that was built, and says what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...sim.errors import BitsmithError
from ..files.json_file import read_json
from ..running import pool
from ..simulate import cxxrtl, icarus, netlist, verilator
from ..simulate.ports import Top
from ..simulate.simulation import Run, Simulation
from ..tools import iverilog
from . import cocotb_bench, keras_level
from .batch import Batch
from .diverge import first_difference, locate, named, tensors, wrong_frames
from .job import Job
from .trials import (
    STALLED_FRAMES,
    Cycles,
    Outcome,
    Simulator,
    compare,
    first,
    full_speed,
    look_inside,
    through,
    wrong_inside,
)

if TYPE_CHECKING:
    from ..hls.model import HlsModel

SECOND_FRAMES = 3
NETLIST_FRAMES = 3
INSIDE_FRAMES, MOST_INSIDE = 8, 64
MANY_FRAMES = 32
"""Fewer are a quick look."""
NETLISTS = {"netlist": "luts", **{f"netlist-{cells}": cells for cells in netlist.KINDS if cells != "luts"}}
"""Levels, and the cells that their netlists are made of."""
FEW_FRAMES = 256
"""Up to so many the C simulation is optimized less: compiling takes longer than running."""


def hls(job: Job) -> Outcome:
    """hls4ml's C simulation, every frame."""
    model = _hls_model(job)
    job.say(f"hls: {job.frames} vectors")
    looked_into = _inside(job) if _hides(job) else []
    seen, got = _hls_frames(job, model, looked_into)
    wrong = wrong_frames(job.expected, got)
    outcome = Outcome(job.frames, len(wrong), [model.disorder] if model.disorder else [])
    if wrong:
        job.say("hls: looking for the first layer that differs")

        def traced(frames: list[int]) -> tuple[Batch, Batch]:
            inputs, _ = job.part(frames)
            return job.trace(frames), model.trace_raw(*(inputs[name] for name, _ in job.graph.inputs))

        outcome.divergence = locate("hls", job.graph, wrong[0], (job.expected, got), traced)
    elif looked_into:
        job.say(f"hls: every layer of {len(looked_into)} vectors")
        found = first_difference(tensors(job.graph), job.trace(looked_into), seen)
        outcome.divergence = None if found is None else named("hls", job.graph, found, looked_into[found.frame])
        outcome.mismatches = int(found is not None)
    return outcome


def _hls_frames(job: Job, model: HlsModel, looked_into: list[int]) -> tuple[Batch, Batch]:
    """Every tensor of some frames, and the outputs of all."""
    rest = sorted(set(range(job.frames)) - set(looked_into))
    inside, others = ([job.part(frames)[0][name] for name, _ in job.graph.inputs] for frames in (looked_into, rest))
    seen = model.trace_raw(*inside) if looked_into else {}
    outputs = dict(zip(job.graph.outputs, model.predict_raw(*others)))
    order = np.argsort([*looked_into, *rest])
    return seen, {name: np.concatenate([*([seen[name]] if seen else []), raw])[order] for name, raw in outputs.items()}


def rtl(job: Job) -> Outcome:
    """Verilator: every frame at full speed, cycles counted, then some through every hardship."""
    top = _compared_top(job)
    device = _compile_rtl(job)
    job.say(f"rtl: {job.frames} vectors")
    unseen = replace(full_speed(job), traced=False)
    outcome, run = compare("rtl", job, top, device, unseen, list(range(job.frames)))
    if outcome.mismatches == 0:
        further = through("rtl", job, top, device, STALLED_FRAMES, inside=_decides(job))
        outcome.mismatches, outcome.divergence = further.mismatches, further.divergence
        outcome.problems += [problem for problem in further.problems if problem not in outcome.problems]
        outcome.cycles = _cycles(job, top, device, run)
    if outcome.mismatches == 0 and (_decides(job) or top.inside):
        frames = _inside(job) if top.inside else first(job, INSIDE_FRAMES)
        job.say(f"rtl: every layer of {len(frames)} vectors")
        if top.inside:
            run = device.run(job.part(frames)[0], full_speed(job))
            outcome.divergence = wrong_inside("rtl", job, top, frames, job.trace(frames), run)
        else:
            outcome.divergence = look_inside("rtl", job, top, frames)
        outcome.mismatches = int(outcome.divergence is not None)
    return outcome


def _decides(job: Job) -> bool:
    """A decision hides what is wrong before it: behind an argmax every layer of some frames is compared, too."""
    return any(node.op.has_threshold for node in job.graph.nodes)


def _hides(job: Job) -> bool:
    """Pools and further roundings hide things as well: so it is with as many vectors as reach many points."""
    return _decides(job) or job.frames >= MANY_FRAMES


def _inside(job: Job) -> list[int]:
    """The frames of which every layer is compared: those that reach the most points."""
    telling = job.reached.telling if job.reached else []
    return sorted(set(telling[:MOST_INSIDE]) | set(first(job, INSIDE_FRAMES)))


def second(job: Job) -> Outcome:
    """Another simulator, a few frames: Icarus where it is on PATH, else Yosys's CXXRTL."""
    top = Top.load(job.folder / "rtl")
    job.say("second: compiling the Verilog")
    try:
        iverilog()
        device: Simulator = icarus.build(top.without_traces(), job.sim)
    except BitsmithError:
        device = cxxrtl.build(top.without_traces(), job.sim)
    return through("second", job, top, device, SECOND_FRAMES, brief=True)


def synthesized(level: str, cells: str) -> Callable[[Job], Outcome]:
    """Yosys's netlist of such cells, a few frames."""

    def run(job: Job) -> Outcome:
        top = Top.load(job.folder / "rtl")
        device = netlist.build(top.without_traces(), job.sim, cells, lambda line: job.say(f"{level}: {line}"))
        return through(level, job, top, device, NETLIST_FRAMES, brief=True)

    return run


def alone(job: Job) -> Outcome:
    """Single layers; what plans and writes hardware is not imported without need."""
    from .alone.level import level

    return level(job)


LEVELS: dict[str, Callable[[Job], Outcome]] = {
    "hls": hls,
    "rtl": rtl,
    "second": second,
    **{level: synthesized(level, cells) for level, cells in NETLISTS.items()},
    "cocotb": cocotb_bench.level,
    "layers": alone,
    "keras": keras_level.level,
}


def _compile_hls(job: Job) -> Path:
    return _hls_model(job).compile()


def _hls_model(job: Job) -> HlsModel:
    from ..hls.model import HlsModel

    return HlsModel(job.folder, "-O1" if job.frames <= FEW_FRAMES else "-O2")


def _compile_rtl(job: Job) -> Simulation:
    top = _compared_top(job)
    return verilator.build(top if top.inside else top.without_traces(), job.sim)


def _compared_top(job: Job) -> Top:
    """What the level rtl runs; its layers' streams are seen where they are compared, if that is possible."""
    top = Top.load(job.folder / "rtl")
    return (top.seen_inside() if _hides(job) else None) or top


_COMPILED: dict[str, tuple[str, Callable[[Job], object]]] = {
    "hls": ("the C simulation", _compile_hls),
    "rtl": ("the Verilog", _compile_rtl),
}


def compile_ahead(job: Job, chosen: list[str]) -> None:
    """The programs of the levels hls and rtl, side by side; the level then finds its own."""
    every = {level: _COMPILED[level] for level in chosen if level in _COMPILED}
    if every:
        job.say(f"{', '.join(every)}: compiling {' and '.join(what for what, _ in every.values())}")
        with pool(len(every)) as threads:
            list(threads.map(lambda one: one[1](job), every.values()))


def _cycles(job: Job, top: Top, device: Simulator, run: Run) -> Cycles:
    """From the bulk run; too few frames are repeated until all predicted ones are there."""
    latency, interval, steady, ends = _predicted(job.folder / "estimate.json")
    frames = len(next(iter(ends.values())))
    if job.frames < frames * top.sequences:
        run = device.run(job.part([k % job.frames for k in range(frames * top.sequences)])[0], full_speed(job))
    found = {
        port.name: [end - run.first_input for end in each[:frames]] for port, each in zip(top.outputs, run.frame_ends)
    }
    measured = run.latency_cycles, run.interval(steady)
    built = top.frame_ends in (None, ends)
    return Cycles(*measured, latency, interval, frames, measured == (latency, interval) and found == ends and built)


def _predicted(path: Path) -> tuple[int, float, tuple[int, int], dict[str, list[int]]]:
    """Latency, interval, the frames that it is taken over, and each output's ends of frames."""
    try:
        estimate = read_json(path, "a whole build folder")
        first, last = estimate["steady_frames"]
        return (
            estimate["latency_cycles"],
            estimate["interval_cycles"],
            (first, last),
            dict(estimate["frame_ends"]),
        )
    except (BitsmithError, ValueError, LookupError, TypeError) as error:
        raise BitsmithError(f"'{path}' holds no predicted cycles: run 'bitsmith build' again") from error
