"""Random networks through a whole build and every level of ``verify``, for as long as one likes: ``make soak``.

Each build holds several networks side by side, which share nothing but the clock: images, vectors of a few beats,
several inputs joined into one output, several outputs of one input. What is drawn depends on the printed seed alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from random_graphs import PIXEL, Forest

from bitsmith.gen.build import build
from bitsmith.gen.verify import verify
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.concatenate import Concatenate

LEVELS = ("hls", "rtl", "second")


def grow(rng: np.random.Generator) -> tuple[Forest, int]:
    """Networks for one build, and the pixels per cycle that it gets."""
    pixels = int(rng.choice([1, 1, 2, 4, 8]))
    grown = Forest(rng)
    if rng.random() < 0.5:
        grown.chain(grown.pick(1, 3, 5), int(rng.integers(4, 10)))
        grown.fork_and_join(3, int(rng.integers(3, 7)))
    for _ in range(int(rng.integers(1, 4))):
        vectors(grown, pixels)
    return grown, pixels


def vectors(grown: Forest, pixels: int) -> None:
    """Vectors of one or a few beats: two or three inputs, each through dense layers of its own, joined or not."""
    count = int(grown.rng.integers(1, 3 * pixels + 3))
    width = int(grown.rng.integers(1, 6))
    branches = [branch(grown, grown.input((count,)), width) for _ in range(int(grown.rng.integers(1, 4)))]
    if len(branches) > 1:
        operator: Any = grown.pick(Add, Concatenate)
        joined = grown.activation(grown.add(operator((PIXEL, PIXEL)), *branches[:2]))
        branches = [joined, *branches[2:]]
    for source in branches:
        outputs = {grown.dense(source, grown.rng.random() < 0.5) for _ in range(int(grown.rng.integers(1, 3)))}
        grown.outputs += sorted(outputs)


def branch(grown: Forest, source: str, width: int) -> str:
    """One or two dense layers."""
    for _ in range(int(grown.rng.integers(1, 3))):
        source = grown.activation(grown.dense(source, False, width))
    return source


def prove(seed: int) -> dict[str, Any]:
    """One build's report; its network, too, where it fails."""
    grown, pixels = grow(np.random.default_rng(seed))
    graph = grown.graph("soak")
    with tempfile.TemporaryDirectory() as folder:
        config = {"Bitsmith": {"pixels_per_cycle": pixels, "strategy": grown.pick("latency", "resource")}}
        build(graph, config, Path(folder) / "built", seed=seed, vectors=24)
        report = verify(Path(folder) / "built", LEVELS, seed=seed)
    report["networks"] = f"{len(graph.inputs)} inputs, {len(graph.outputs)} outputs, {len(graph.nodes)} nodes"
    return report


def main() -> int:
    """Exit status 1 where anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the first build; the next ones count up")
    arguments = parser.parse_args()
    end, seed, failed, compared = time.monotonic() + 60 * arguments.minutes, arguments.seed, list[int](), 0
    while time.monotonic() < end:
        report = prove(seed)
        cycles = report["cycles"]
        compared += sum(level["compared"] for level in report["levels"].values())
        print(f"seed {seed}: {report['networks']}, interval {cycles and cycles['interval_cycles']}", end=", ")
        print("equal" if report["passed"] else f"FAILED {report}", flush=True)
        failed += [] if report["passed"] else [seed]
        seed += 1
    builds, levels = seed - arguments.seed, ", ".join(LEVELS)
    print(f"{builds} builds, {compared:,} frames compared at {levels}, failed: {failed or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
