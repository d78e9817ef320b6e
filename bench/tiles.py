"""``python -m bitsmith.bench.tiles [DIR]``: how busy the multipliers of a large convolution are, by simulation.

A 5x5 convolution, 128 to 128 channels, stride 2, 8-bit weights and values (random: synthetic), on a patch with the
pixels around it. Its Verilog runs several frames back to back against the reference; the interval is the simulation's.
Two products share a DSP block: Yosys counts the blocks of a smaller kernel of the same kind.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..gen.config.schema import parse_config
from ..gen.files.folder import write_json
from ..gen.rtl.choices import plan_for
from ..gen.rtl.emit import emit_plan
from ..gen.simulate import verilator
from ..gen.simulate.ports import Top
from ..gen.verify import vectors
from ..hw.rtl.matrix import MatrixSpec
from ..hw.rtl.tiles import TileKernel
from ..sim.errors import BitsmithError
from ..sim.fast.predict import Reference
from ..sim.fixed import Fixed, IntArray
from ..sim.graph import Graph, Node
from ..sim.op import Spec
from ..sim.ops.conv2d import Conv2D
from .modules import synthesize

LIMIT = 0.95
PAPERS = {"Mazouz et al. 2025": 0.85, "Sun, Yi and Fujita 2024": 0.937}
VALUE, WEIGHT, BIAS = Fixed(False, 0, 8), Fixed(True, 0, 7), Fixed(True, 0, 15)
KERNEL, STRIDE, CHANNELS, REUSE = 5, 2, 128, 1600
FRAMES, SEED = 6, 1
SMALL_CHANNELS, SMALL_REUSE = 8, 100


def layer(channels: int, height: int, width: int) -> Graph:
    """The convolution with random weights over their whole range, for ``height`` by ``width`` results."""
    rng = np.random.default_rng(SEED)
    shape = (KERNEL, KERNEL, channels, channels)
    kernel = rng.integers(WEIGHT.raw_min, WEIGHT.raw_max, shape, endpoint=True)
    bias = rng.integers(BIAS.raw_min, BIAS.raw_max, channels, endpoint=True)
    op = Conv2D(VALUE, kernel, WEIGHT, bias, BIAS, (STRIDE, STRIDE))
    size = [(n - 1) * STRIDE + KERNEL for n in (height, width)]
    return Graph("conv128", (("x", Spec((*size, channels), VALUE)),), (Node("conv", op, ("x",), "conv"),), ("conv",))


def simulate(graph: Graph, reuse: int, work: Path) -> dict[str, Any]:
    """Builds ``graph``, runs it, and counts: ``busy`` is useful products by those that the DSP blocks can do."""
    section = {"conv": {"Strategy": "resource", "ReuseFactor": reuse}}
    plan = plan_for(graph, parse_config({"HLSConfig": {"LayerName": section}}))
    (stage,) = plan.stages
    predicted = emit_plan(plan, work / "rtl").interval
    batch = vectors.make(graph.inputs, FRAMES, SEED)
    run = verilator.build(Top.load(work / "rtl").without_traces(), work / "sim").run(batch)
    if run.problems:
        raise BitsmithError(f"the simulation found: {run.problems[0]}")
    expected = Reference(graph).predict_raw(*batch.values())[0]
    blocks: int = stage.core.kernels()[f"{stage.core.name}_kernel"].multipliers
    useful = products(graph)
    return {
        "reuse": reuse,
        "frames": FRAMES,
        "mismatches": mismatches(run.outputs["conv"], expected),
        "products": useful,
        "dsp": blocks,
        "interval_cycles": run.interval_cycles,
        "predicted_interval_cycles": predicted,
        "busy": useful / (2 * blocks * run.interval_cycles),
    }


def products(graph: Graph) -> int:
    """Products of a frame; nothing is padded, so every one is useful."""
    op, (rows, columns, _) = graph.nodes[0].op, graph.specs()["conv"].shape
    assert isinstance(op, Conv2D)
    return rows * columns * int(op.kernel.size)


def mismatches(got: IntArray, expected: IntArray) -> int:
    """Integers that differ; all of a frame that did not arrive."""
    missing = (len(expected) - len(got)) * int(np.prod(expected.shape[1:]))
    return missing + int((got != expected[: len(got)]).sum())


def small_kernel(reuse: int = SMALL_REUSE) -> TileKernel:
    op = layer(SMALL_CHANNELS, 1, 1).nodes[0].op
    assert isinstance(op, Conv2D)
    sums = op.accumulator
    matrix, bias = op.kernel.reshape(1, -1, SMALL_CHANNELS), (op.bias << sums.bias_shift).reshape(1, -1)
    return TileKernel(MatrixSpec(matrix, bias, sums.product_shift, VALUE, sums.type, "resource", reuse))


def packed(folder: Path) -> dict[str, Any]:
    """DSP blocks of the small kernel by Yosys, and the products that it makes in a cycle."""
    kernel = small_kernel()
    return {"products_per_cycle": kernel.taken * kernel.at_once, **synthesize(kernel, "tiles", folder)}


def show(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    run, small = found["layer"], found["packed"]
    title = "5x5, 128 to 128 channels, stride 2, random 8-bit weights (synthetic)"
    table = Table(title=title, show_header=False, min_width=len(title))
    table.add_column()
    table.add_column(justify="right")
    rows = {
        "mismatches against the reference": f"{run['mismatches']} in {run['frames']} frames",
        "products of a frame": f"{run['products']:,}",
        "DSP blocks, two products each": f"{run['dsp']:,}",
        "cycles from frame to frame, simulated": f"{run['interval_cycles']:,}",
        "the same, predicted": f"{run['predicted_interval_cycles']:,}",
        "DSP blocks doing useful products": f"{run['busy']:.1%}, asked {LIMIT:.0%}",
        **{f"  {paper}, published": f"{share:.1%}" for paper, share in PAPERS.items()},
        f"{SMALL_CHANNELS} channels, products in a cycle": f"{small['products_per_cycle']}",
        f"{SMALL_CHANNELS} channels, DSP blocks by Yosys": f"{small['dsp']}",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    Console(width=100).print(table)


def met(found: dict[str, Any]) -> bool:
    """Equal integers, enough useful products, and two of them in each DSP block."""
    run, small = found["layer"], found["packed"]
    same = run["mismatches"] == 0 and run["interval_cycles"] == run["predicted_interval_cycles"]
    return bool(same and run["busy"] >= LIMIT and small["products_per_cycle"] == 2 * small["dsp"])


def main() -> int:
    """0 where the integers are equal and the figures are reached, else 1."""
    parser = argparse.ArgumentParser(prog="bitsmith.bench.tiles", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("build/bench_tiles"))
    parser.add_argument("--size", type=int, nargs=2, default=(4, 4), help="rows and columns of results")
    given = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="bitsmith-bench-") as work:
            found = {"layer": simulate(layer(CHANNELS, *given.size), REUSE, Path(work))}
        found["packed"] = packed(given.folder)
    except BitsmithError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    found["layer"]["size"] = list(given.size)
    write_json(given.folder / "tiles.json", found)
    show(found)
    print(f"written to {given.folder / 'tiles.json'}")
    return int(not met(found))


if __name__ == "__main__":
    sys.exit(main())
