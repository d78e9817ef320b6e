"""``verify``: the vectors, the levels, and one report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.predict import Reference
from ..folder import write_json
from ..ir import Graph
from . import vectors as vector_files
from .levels import LEVELS, Cycles, Job, Outcome
from .vectors import Batch

DEFAULT_VECTORS = 64


def verify(
    folder: str | Path,
    levels: Iterable[str] = ("hls", "rtl"),
    vectors: int | None = None,
    inputs: Any = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Hold what ``bitsmith build`` made to the reference, level by level, integer by integer.

    ``inputs`` are a user's (see ``vectors.given``); without them the build's own vectors are used, and behind them, or
    where the build has none, the extremes of the input type and random frames from ``seed``; ``vectors`` limits or
    extends them. What the build stored as expected is what is compared, so that an edited file shows. ``progress``
    gets a line at each step.

    Returns {"model", "vectors", "seed", "levels": {LEVEL: {"compared", "mismatches", "seconds", "problems"}},
    "first_divergence": null or the fields of ``diverge.Divergence``, "cycles": null or
    {"latency_cycles", "interval_cycles", "predicted_latency_cycles", "predicted_interval_cycles",
    "timed_frames", "equal"}, "passed"},
    and writes it as ``verify.json``. ``compared`` and ``mismatches`` count frames. BitsmithError for bad input or a
    missing tool.
    """
    home = Path(folder)
    chosen = _known(levels)
    job = _job(home, vectors, inputs, seed, progress or (lambda line: None))
    outcomes: dict[str, Outcome] = {}
    seconds: dict[str, float] = {}
    for level in chosen:
        start = time.perf_counter()
        outcomes[level] = LEVELS[level](job)
        seconds[level] = round(time.perf_counter() - start, 3)
    report = _report(job, outcomes, seconds)
    write_json(home / "verify.json", report)
    return report


def _known(levels: Iterable[str]) -> list[str]:
    chosen = list(dict.fromkeys(levels))
    for level in chosen:
        if level not in LEVELS:
            raise BitsmithError(f"no level '{level}'; the levels are {', '.join(LEVELS)}")
    if not chosen:
        raise BitsmithError(f"no level was given; the levels are {', '.join(LEVELS)}")
    return chosen


def _job(home: Path, count: int | None, inputs: Any, seed: int, say: Callable[[str], None]) -> Job:
    if not (home / "bitsmith.json").is_file():
        raise BitsmithError(f"'{home}' is no folder of 'bitsmith build'")
    if count is not None and count < 1:
        raise BitsmithError(f"{count} vectors cannot be compared; give 1 or more")
    graph = Graph.load(home / "graph.json")
    reference = Reference(graph)
    batch, known = _inputs(home / "vectors", graph, count, inputs, seed)
    frames = [batch[name] for name, _ in graph.inputs]
    expected = dict(zip(graph.outputs, reference.predict_raw(*frames)))
    if known is not None:
        expected = {n: np.concatenate([known[n], raw[len(known[n]) :]])[: len(raw)] for n, raw in expected.items()}
    return Job(home, graph, reference, batch, expected, seed, say)


def _inputs(folder: Path, graph: Graph, count: int | None, inputs: Any, seed: int) -> tuple[Batch, Batch | None]:
    """The frames, and the stored expected outputs of the first of them."""
    if inputs is not None:
        batch = vector_files.given(inputs, graph.inputs)
        return {name: raw[:count] for name, raw in batch.items()}, None
    stored = vector_files.stored(folder, "input", [name for name, _ in graph.inputs])
    if stored is None:
        return vector_files.make(graph.inputs, count or DEFAULT_VECTORS, seed), None
    batch = vector_files.given(stored, graph.inputs)
    have = len(next(iter(batch.values())))
    if count is not None and count > have:
        more = vector_files.make(graph.inputs, count - have, seed)
        batch = {name: np.concatenate([raw, more[name]]) for name, raw in batch.items()}
    known = vector_files.stored(folder, "output", list(graph.outputs))
    return {name: raw[:count] for name, raw in batch.items()}, known


def _report(job: Job, outcomes: dict[str, Outcome], seconds: dict[str, float]) -> dict[str, Any]:
    found = [outcome.divergence for outcome in outcomes.values() if outcome.divergence]
    cycles = next((outcome.cycles for outcome in outcomes.values() if outcome.cycles), None)
    good = all(outcome.mismatches == 0 and not outcome.problems for outcome in outcomes.values())
    return {
        "model": job.graph.name,
        "vectors": job.frames,
        "seed": job.seed,
        "levels": {
            level: {
                "compared": outcome.compared,
                "mismatches": outcome.mismatches,
                "seconds": seconds[level],
                "problems": outcome.problems,
            }
            for level, outcome in outcomes.items()
        },
        "first_divergence": found[0].to_json() if found else None,
        "cycles": _cycles_json(cycles),
        "passed": good and (cycles is None or cycles.equal),
    }


def _cycles_json(cycles: Cycles | None) -> dict[str, Any] | None:
    return None if cycles is None else dict(vars(cycles))
