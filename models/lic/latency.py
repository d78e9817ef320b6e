"""The paper's latency model, with the clock that its formula lacks, beside exact cycles and simulation.

Mazouz et al. 2025, equations 5 to 7: a frame takes workload / (operations a cycle × efficiency) *cycles*; the paper
calls them seconds. ``python -m bitsmith.models.lic.latency`` prints two tables: what the paper's own figures give, and
small layers whose cycles are predicted, simulated and estimated by the paper's model.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed
from ...sim.graph import Graph, Node
from ...sim.op import Operator, Spec
from ...sim.ops.activation import Activation, Kind
from ...sim.ops.conv2d import Conv2D
from ...sim.ops.conv2d_transpose import Conv2DTranspose
from .workload import memory_load, operations

EFFICIENCY = 0.8
"""The paper's eta."""
CORES, CORE_OPERATIONS = 3, 8 * 16 * 16 * 2
"""A B4096 core: 8 pixels × 16 input × 16 output channels, a product and its addition counted as two."""
CLOCK_HZ = 300e6
GIGA = 1e9


@dataclass(frozen=True)
class Published:
    """A row of Table V, transcribed; ``workload`` in operations a frame, the others in frames a second."""

    name: str
    workload: float
    predicted: float
    observed: float


PAPER = (
    Published("192, workload of the text", 528.2 * GIGA, 18.6, 15.6),
    Published("192, workload of Table V", 582.2 * GIGA, 18.6, 15.6),
    Published("160", 220.2 * GIGA, 44.6, 43.1),
    Published("128", 153.0 * GIGA, 64.1, 58.7),
)


def cycles(workload: float, operations_per_cycle: float, efficiency: float = EFFICIENCY) -> float:
    """Clock cycles of a frame, equations 5 and 6."""
    return workload / (operations_per_cycle * efficiency)


def frames_per_second(
    workload: float, operations_per_cycle: float, clock_hz: float, efficiency: float = EFFICIENCY
) -> float:
    """Equation 7 with the clock."""
    return clock_hz / cycles(workload, operations_per_cycle, efficiency)


def paper_rows() -> list[dict[str, Any]]:
    """The paper's networks: the formula at 1 GHz and at the stated 300 MHz beside what is printed.

    ``of_peak``: what the observed rate would take of the cores' peak at 300 MHz; no more than 1 can be.
    """
    peak = CORES * CORE_OPERATIONS
    return [
        {
            "name": row.name,
            "gop": row.workload / GIGA,
            "at_1_ghz": frames_per_second(row.workload, peak, 1e9),
            "at_300_mhz": frames_per_second(row.workload, peak, CLOCK_HZ),
            "printed": row.predicted,
            "observed": row.observed,
            "of_peak": row.observed * row.workload / (peak * CLOCK_HZ),
        }
        for row in PAPER
    ]


# small layers, simulated --------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """A layer: kernel × kernel, stride, channels in and out, an image of size × size, and what is asked of the core.

    ``transposed``: the image becomes ``stride`` times as large, as Keras's deconvolution and its Cropping2D make it.
    """

    kernel: int
    stride: int
    channels: int
    filters: int
    size: int
    pixels: int = 1
    reuse: int = 1
    transposed: bool = False

    @property
    def name(self) -> str:
        kind = "deconv" if self.transposed else "conv"
        return f"{kind} {self.kernel}×{self.kernel}, stride {self.stride}, {self.channels}→{self.filters}"


SHAPES = (
    Shape(5, 2, 3, 8, 32),
    Shape(5, 2, 8, 8, 16, reuse=8),
    Shape(5, 2, 8, 12, 16, reuse=40),
    Shape(3, 1, 12, 8, 12, reuse=12),
    Shape(3, 1, 8, 8, 16, pixels=2, reuse=4),
    Shape(5, 1, 4, 4, 16, reuse=20),
    Shape(1, 1, 16, 16, 16, reuse=16),
    Shape(5, 2, 8, 8, 8, reuse=8, transposed=True),
    Shape(5, 2, 8, 3, 16, transposed=True),
    Shape(3, 1, 4, 8, 12, reuse=9, transposed=True),
)
"""The codec's kinds of layers, small enough to simulate in seconds."""
PIXEL, WEIGHT, SEED, FRAMES = Fixed(False, 0, 8), Fixed(True, 0, 7), 1, 8


def layer(shape: Shape) -> Graph:
    """A graph of the one layer with random weights, padded or cut as the codec does, and its rounding to 8 bits."""
    rng, half = np.random.default_rng(SEED), shape.kernel // 2
    kernel = rng.integers(WEIGHT.raw_min, WEIGHT.raw_max, (shape.kernel, shape.kernel, shape.channels, shape.filters))
    bias = rng.integers(WEIGHT.raw_min, WEIGHT.raw_max, shape.filters)
    source = Spec((shape.size, shape.size, shape.channels), PIXEL)
    after = shape.kernel - shape.stride - half if shape.transposed else half
    edges, kind = ((half, after), (half, after)), Conv2DTranspose if shape.transposed else Conv2D
    op: Operator = kind(PIXEL, kernel, WEIGHT, bias, WEIGHT, (shape.stride, shape.stride), edges)
    rounded = Activation(op.infer(source).type, Kind.RELU, PIXEL)
    nodes = (Node("layer", op, ("x",), "layer"), Node("rounded", rounded, ("layer",), "rounded"))
    return Graph("network", (("x", source),), nodes, ("rounded",))


def compare(shapes: Sequence[Shape] = SHAPES) -> list[dict[str, Any]]:
    """Each shape built, its cycles predicted and simulated (Verilator), and what the paper's model says of them.

    ``latency`` and ``interval`` are (predicted, simulated) cycles. ``multipliers``: products that the core can make in
    a cycle; the paper's model is given twice that as its operations a cycle, and ``paper_error`` compares its cycles
    with the simulated interval. BitsmithError where Verilator or a compiler is missing, or the integers are wrong.
    """
    with tempfile.TemporaryDirectory(prefix="bitsmith-latency-") as work:
        return [_compared(shape, Path(work) / str(k)) for k, shape in enumerate(shapes)]


def _compared(shape: Shape, folder: Path) -> dict[str, Any]:
    from ...gen.build import build
    from ...gen.resources.estimate import estimate
    from ...gen.verify import verify

    graph = layer(shape)
    model = {"Strategy": "resource", "ReuseFactor": shape.reuse}
    config = {"HLSConfig": {"LayerName": {"layer": model}}, "Bitsmith": {"pixels_per_cycle": shape.pixels}}
    build(graph, config, folder, vectors=FRAMES)
    report = verify(folder, ["rtl"])
    if not report["passed"] and report["levels"]["rtl"]["mismatches"]:
        raise BitsmithError(f"{shape.name}: the simulated integers are wrong; run 'make test'")
    multipliers = _multipliers(shape, estimate(folder)["layers"])
    found, paper = report["cycles"], cycles(operations(graph), 2 * multipliers)
    return {
        "name": shape.name,
        "image": f"{shape.size}×{shape.size}",
        "macs": operations(graph) // 2,
        "memory_bits": memory_load(graph),
        "multipliers": multipliers,
        "latency": (found["predicted_latency_cycles"], found["latency_cycles"]),
        "interval": (found["predicted_interval_cycles"], found["interval_cycles"]),
        "paper_cycles": paper,
        "paper_error": paper / found["interval_cycles"] - 1,
    }


def _multipliers(shape: Shape, rows: list[dict[str, Any]]) -> int:
    """Products a cycle. A shared transposed core has a place for each product of each phase, the missing ones too."""
    name = "layer_phases" if shape.transposed else "layer"
    (row,) = [row for row in rows if row["name"] == name]
    shared = shape.transposed and row["reuse_factor"] > 1
    side = -(-shape.kernel // shape.stride) * shape.stride if shared else shape.kernel
    return -(-side * side * shape.channels * shape.filters // row["reuse_factor"]) * int(row["pixels_per_cycle"])


# Markdown -----------------------------------------------------------------------------------------


def markdown(paper: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> str:
    """Both tables, with a line under each that sums it up."""
    lines = [
        "| network | GOP a frame | formula at 1 GHz | formula at 300 MHz | paper's prediction | observed | of peak |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {r['name']} | {r['gop']:.1f} | {r['at_1_ghz']:.1f} | {r['at_300_mhz']:.1f} | {r['printed']} "
            f"| {r['observed']} | {r['of_peak']:.2f} |"
            for r in paper
        ),
        "",
        "| layer | image | products | bits moved (eq. 8) | multipliers | latency: predicted, simulated "
        "| interval: predicted, simulated | the paper's model | its error |",
        "|---|---|---|---|---|---|---|---|---|",
        *(
            f"| {r['name']} | {r['image']} | {r['macs']:,} | {r['memory_bits']:,} | {r['multipliers']:,} "
            f"| {r['latency'][0]:,}, {r['latency'][1]:,} | {r['interval'][0]:,}, {r['interval'][1]:,} "
            f"| {r['paper_cycles']:,.0f} | {r['paper_error']:+.1%} |"
            for r in rows
        ),
        "",
        summary(rows),
    ]
    return "\n".join(lines)


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """How often prediction and simulation agree, and the paper's mean error, which it gives as 9 % for its networks."""
    equal = sum(r["latency"][0] == r["latency"][1] and r["interval"][0] == r["interval"][1] for r in rows)
    mean = sum(abs(r["paper_error"]) for r in rows) / len(rows)
    return (
        f"Predicted and simulated cycles are equal for {equal} of {len(rows)} layers. The paper's model is off by "
        f"{mean:.1%} in the mean; for its own networks the paper prints 16.1, 3.4 and 8.4 %."
    )


def main() -> int:
    """0 where the tables were printed, 2 where a tool is missing."""
    try:
        print(markdown(paper_rows(), compare()))
    except BitsmithError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
