"""``verify``: the vectors, the levels, and one report."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fast.predict import Reference
from ...sim.fixed import FloatArray, to_float
from ...sim.graph import Graph
from ..files.folder import open_build, write_json
from ..files.graph_file import load_graph
from ..files.hashes import changed, lines
from ..progress import Say, silent
from . import labels
from . import vectors as vector_files
from .batch import Batch
from .diverge import first_difference
from .job import Job
from .levels import LEVELS, compile_ahead
from .origin import Origin
from .reach.reached import reached
from .trials import Cycles, Outcome

DEFAULT_VECTORS = 64
Report = dict[str, Any]


def verify(
    folder: str | Path,
    levels: Iterable[str] = ("hls", "rtl"),
    vectors: int | None = None,
    inputs: Any = None,
    seed: int = 0,
    progress: Say = silent,
    *,
    model: Origin = Origin(),  # noqa: B008  (frozen)
    exact: bool = False,
    truth: Any = None,
) -> dict[str, Any]:
    """Hold what ``bitsmith build`` made to the reference, level by level, integer by integer.

    ``inputs`` are a user's (see ``vectors.given``); without them the build's own vectors are used, and behind them, or
    where the build has none, the extremes of the input type and random frames from ``seed``; ``vectors`` limits or
    extends them. What must come out is computed here and now, and what the build stored of it is held to that. A file
    that was changed since it was built is named, and the comparison goes on with what it holds now. ``progress`` gets
    a line at each step. ``model`` is for the level keras, which fails only where ``exact`` demands equality. ``truth``
    are labels, one class for each of a user's ``inputs`` (see ``labels.read``).

    Returns {"model", "vectors", "seed", "problems", "levels": {LEVEL: {"compared", "mismatches", "seconds",
    "problems", "required", "figures"}}, "labels": null or ``labels.accuracy``, "first_divergence": null or the fields
    of ``diverge.Divergence``, "cycles": null or {"latency_cycles", "interval_cycles", "predicted_latency_cycles",
    "predicted_interval_cycles", "timed_frames", "equal"}, "passed", "reached": ``Reached.table``}, and writes it as
    ``verify.json``. ``compared`` and ``mismatches`` count frames. BitsmithError for bad input, a missing tool, or a
    build of which something is missing.
    """
    home = Path(folder)
    chosen = _known(levels)
    altered = changed(home, open_build(home))
    try:
        wanted = Wanted(vectors, inputs, seed, model, exact, truth)
        report = _verify(home, altered, chosen, wanted, progress)
    except Exception as error:  # a file that is not what we wrote may break whatever reads it
        if any(name in str(error) for name in altered) or not altered:
            raise
        cause = f"{error}; " if isinstance(error, BitsmithError) else ""
        raise BitsmithError(f"{cause}{lines(home, altered)[0]}") from error
    write_json(home / "verify.json", report)
    return report


@dataclass(frozen=True)
class Wanted:
    """What ``verify`` was asked for."""

    count: int | None
    inputs: Any
    seed: int
    model: Origin
    exact: bool
    truth: Any


def _verify(home: Path, altered: list[str], levels: list[str], wanted: Wanted, say: Say) -> Report:
    job, problems = _job(home, wanted, say)
    job = _with_keras(_with_labels(job, wanted), wanted, levels)
    outcomes: dict[str, Outcome] = {}
    seconds: dict[str, float] = {}
    say("what the vectors reach")
    found = reached(job.graph, job.inputs)
    job = replace(job, reached=found)
    compile_ahead(job, levels)
    for level in levels:
        start = time.perf_counter()
        outcomes[level] = LEVELS[level](job)
        seconds[level] = round(time.perf_counter() - start, 3)
    report = _report(job, [*lines(home, altered), *problems], outcomes, seconds)
    alone = next((outcome.alone for outcome in outcomes.values() if outcome.alone), None)
    return {**report, "reached": found.table(alone)}


def _known(levels: Iterable[str]) -> list[str]:
    chosen = list(dict.fromkeys(levels))
    for level in chosen:
        if level not in LEVELS:
            raise BitsmithError(f"no level '{level}'; the levels are {', '.join(LEVELS)}")
    if not chosen:
        raise BitsmithError(f"no level was given; the levels are {', '.join(LEVELS)}")
    return chosen


def _with_labels(job: Job, wanted: Wanted) -> Job:
    """Checked before anything is compiled: one label for each of the user's inputs, of which ``count`` are taken."""
    if wanted.truth is None:
        return job
    if wanted.inputs is None:
        raise BitsmithError("labels need the inputs that they are for; give --inputs FILE.npy, too")
    every = len(next(iter(vector_files.given(wanted.inputs, job.graph.inputs).values())))
    return replace(job, labels=labels.read(wanted.truth, job.graph, every)[: job.frames])


def _with_keras(job: Job, wanted: Wanted, levels: list[str]) -> Job:
    """The model that Keras computes, where that level was asked for; loaded before anything is compiled."""
    if "keras" not in levels:
        return job
    from . import keras_model

    job.say("keras: loading the model")
    model = keras_model.load(wanted.model, job.folder, open_build(job.folder), job.graph)
    real: dict[str, FloatArray]
    if wanted.inputs is None:
        real = {name: to_float(job.inputs[name], spec.type) for name, spec in job.graph.inputs}
    else:
        real = vector_files.real(wanted.inputs, job.inputs, job.graph.inputs)
    return replace(job, keras=model, real=real, exact=wanted.exact)


def _job(home: Path, wanted: Wanted, say: Say) -> tuple[Job, list[str]]:
    """What is compared, and where the build's stored outputs are not the reference's."""
    count, inputs, seed = wanted.count, wanted.inputs, wanted.seed
    if count is not None and count < 1:
        raise BitsmithError(f"{count} vectors cannot be compared; give 1 or more")
    graph = load_graph(home / "graph.json")
    reference = Reference(graph)
    stored = vector_files.stored(home / "vectors", "input", graph.inputs)
    batch = _inputs(graph, stored, count, inputs, seed)
    job = Job(home, graph, reference, batch, _outputs(graph, reference, batch), seed, say)
    if stored is None:
        return job, []
    part = {name: raw[: job.frames] for name, raw in stored.items()}
    right = job.expected if inputs is None else _outputs(graph, reference, part)
    return job, _stored_problems(home / "vectors", graph, right)


def _outputs(graph: Graph, reference: Reference, batch: Batch) -> Batch:
    return dict(zip(graph.outputs, reference.predict_raw(*(batch[name] for name, _ in graph.inputs))))


def _inputs(graph: Graph, stored: Batch | None, count: int | None, inputs: Any, seed: int) -> Batch:
    """The frames: a user's, or the build's and then new ones."""
    if inputs is not None:
        batch = vector_files.given(inputs, graph.inputs)
    elif stored is None:
        batch = vector_files.of_graph(graph, count or DEFAULT_VECTORS, seed)
    else:
        missing = (count or 0) - len(next(iter(stored.values())))
        more = vector_files.make(graph.inputs, max(missing, 0), seed)
        batch = {name: np.concatenate([raw, more[name]]) for name, raw in stored.items()}
    return {name: raw[:count] for name, raw in batch.items()}


def _stored_problems(folder: Path, graph: Graph, right: Batch) -> list[str]:
    """The first place of each stored output that is not what the reference gives."""
    specs = graph.specs()
    known = vector_files.stored(folder, "output", [(name, specs[name]) for name in graph.outputs]) or {}
    problems = []
    for name, raw in known.items():
        found = first_difference([name], {name: right[name][: len(raw)]}, {name: raw})
        if found is not None and found.index is not None:
            place = f"frame {found.frame}, index {list(found.index)}"
            problems.append(
                f"'{folder / f'output_{name}.npy'}' holds {found.got} at {place}; the reference gives {found.expected}"
            )
    return problems


def _report(job: Job, problems: list[str], outcomes: dict[str, Outcome], seconds: dict[str, float]) -> Report:
    found = [outcome.divergence for outcome in outcomes.values() if outcome.divergence]
    cycles = next((outcome.cycles for outcome in outcomes.values() if outcome.cycles), None)
    required = [outcome for outcome in outcomes.values() if outcome.required]
    good = all(outcome.mismatches == 0 and not outcome.problems for outcome in required)
    return {
        "model": job.graph.name,
        "vectors": job.frames,
        "seed": job.seed,
        "problems": problems,
        "levels": {
            level: {
                "compared": outcome.compared,
                "mismatches": outcome.mismatches,
                "seconds": seconds[level],
                "problems": outcome.problems,
                "required": outcome.required,
                "figures": outcome.figures,
            }
            for level, outcome in outcomes.items()
        },
        "labels": labels.accuracy(job),
        "first_divergence": found[0].to_json() if found else None,
        "cycles": _cycles_json(cycles),
        "passed": good and not problems and (cycles is None or cycles.equal),
    }


def _cycles_json(cycles: Cycles | None) -> dict[str, Any] | None:
    return None if cycles is None else dict(vars(cycles))
