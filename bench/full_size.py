"""Builds the published networks at full size, compares their first layers: ``python -m bitsmith.bench.full_size``.

Every network's Verilog for a 256×256 patch is planned and emitted; seconds, bytes and memory are printed. Its C++ is
emitted as well, and the whole network runs in C simulation on one such patch. Then the first layers of analysis and
synthesis run in Verilator on a small patch. Every integer is compared.
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ..gen.config.schema import parse_config
from ..gen.hls import HlsModel, emit
from ..gen.resources import Resources, of_stage, total
from ..gen.rtl.choices import plan_for
from ..gen.rtl.emit import emit_plan
from ..gen.simulate import verilator
from ..gen.simulate.ports import Top
from ..gen.simulate.simulation import Drive
from ..gen.verify import vectors
from ..sim.fast.predict import Reference
from ..sim.graph import Graph
from .paper_networks import NETWORKS, SEED, analysis, beginning, synthesis

LATENTS = 192
# Cycles for a patch. A 720p frame is 28 patches (overlap 56): at 300 MHz somewhat more than one frame a second.
INTERVAL = 8_000_000
PATCH_INTERVAL = 40_000
FRAMES = 2


@dataclass(frozen=True)
class Emitted:
    """One network's Verilog."""

    name: str
    seconds: float
    megabytes: float
    interval: float
    resources: Resources


@dataclass(frozen=True)
class Proof:
    """The first layers of one network on a patch."""

    name: str
    last: str
    compared: int
    mismatches: int
    predicted: tuple[int, ...]
    simulated: tuple[int, ...]


def settings(interval: int) -> Any:
    return parse_config({"Bitsmith": {"pixels_per_cycle": 1, "strategy": "resource", "interval_cycles": interval}})


def emit_network(graph: Graph, folder: Path, interval: int = INTERVAL) -> Emitted:
    """Plan and emit; the resources are an estimate by formula."""
    start = time.monotonic()
    plan = plan_for(graph, settings(interval))
    schedule = emit_plan(plan, folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    cost = total(of_stage(stage) for stage in plan.stages)
    return Emitted(graph.name, time.monotonic() - start, size / 1e6, schedule.interval, cost)


def prove(graph: Graph, last: str, folder: Path, interval: int = PATCH_INTERVAL) -> Proof:
    """The layers up to ``last``, simulated on random images, the extremes among them."""
    part = beginning(graph, last)
    schedule = emit_plan(plan_for(part, settings(interval)), folder / "rtl")
    simulation = verilator.build(Top.load(folder / "rtl").without_traces(), folder / "sim")
    batch = vectors.make(part.inputs, FRAMES, SEED)
    run = simulation.run(batch, Drive(seed=SEED))
    expected = Reference(part).predict_raw(*batch.values())[0]
    got = run.outputs[last]
    simulated = tuple(int(end - run.first_input) for end in run.frame_ends[0][:FRAMES])
    wrong = int(np.sum(got != expected)) + len(run.problems)
    return Proof(graph.name, last, expected.size, wrong, tuple(schedule.ends[:FRAMES]), simulated)


def simulate_cpp(graph: Graph, folder: Path, optimize: str = "-O2") -> tuple[int, int]:
    """(integers compared, mismatches) of the whole network's C++ on one random image."""
    rng = np.random.default_rng(SEED)
    batch = {name: vectors.random(spec, 1, rng) for name, spec in graph.inputs}
    (expected,) = Reference(graph).predict_raw(*batch.values())
    vectors.save(folder / "vectors", batch, {graph.outputs[0]: expected})
    emit(graph, settings(INTERVAL), folder, folder / "vectors")
    (got,) = HlsModel(folder, optimize).predict_raw(*batch.values())
    return expected.size, int(np.sum(got != expected))


def main(widths: list[int]) -> int:
    """Random weights: what is shown is that the full size builds and is exact, not what it compresses."""
    print(f"Random integer weights, seed {SEED}; M = {LATENTS}; {INTERVAL:,} cycles for a patch of 256 × 256.")
    wrong = False
    for filters in widths:
        for make in NETWORKS:
            _emission(make(filters, LATENTS), filters)
            wrong |= _cpp(make(filters, LATENTS), filters)
        for graph, last in (
            (analysis(filters, LATENTS, 8, 8), "conv2_q"),
            (synthesis(filters, LATENTS, 2, 2), "igdn1_q"),
        ):
            wrong |= _proof(graph, last, filters)
    return int(wrong)


def _emission(graph: Graph, filters: int) -> None:
    with TemporaryDirectory() as folder:
        found = emit_network(graph, Path(folder))
    peak, cost = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, found.resources
    print(
        f"{graph.name}, N = {filters}: {found.seconds:.0f} s, {found.megabytes:.0f} MB of Verilog, {peak:.0f} MB of "
        f"memory at most so far, {found.interval:,} cycles, by formula {cost.dsp:,} DSP and {cost.bram:,} BRAM",
        flush=True,
    )


def _cpp(graph: Graph, filters: int) -> bool:
    start = time.monotonic()
    with TemporaryDirectory() as folder:
        compared, mismatches = simulate_cpp(graph, Path(folder))
    words = f"{compared:,} integers compared, {mismatches} mismatches"
    print(f"{graph.name}, N = {filters}, whole in C++: {words} ({time.monotonic() - start:.0f} s)", flush=True)
    return mismatches > 0


def _proof(graph: Graph, last: str, filters: int) -> bool:
    with TemporaryDirectory() as folder:
        found = prove(graph, last, Path(folder))
    print(
        f"{graph.name}, N = {filters}, to {last}: {found.compared:,} integers compared, {found.mismatches} mismatches, "
        f"cycles predicted {found.predicted}, simulated {found.simulated}",
        flush=True,
    )
    return found.mismatches > 0 or found.predicted != found.simulated


if __name__ == "__main__":
    sys.exit(main([int(text) for text in sys.argv[1:]] or [192, 160, 128, 96]))
