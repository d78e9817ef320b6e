"""The operator contract (contract.py) for transposed convolution's parameters: every phase, edge and dilation."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from definitions import Real, real, windows
from hardware import Case, draw, plan_alone
from hls_cases import joined
from sim_graphs import random_inputs
from test_hls import FRAMES, check, project
from test_hls import SEED as HLS_SEED
from test_hls_recurrent import job

from bitsmith.gen.verify.levels import hls
from bitsmith.sim.fixed import Fixed, IntArray
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.conv2d_transpose import Conv2DTranspose
from bitsmith.sim.ops.crop import Crop

U8, S6 = Fixed(False, 0, 8), Fixed(True, 2, 3)
W6, B8 = Fixed(True, 0, 5), Fixed(True, 1, 6)
Size = tuple[int, int, int, int]


def transposed(size: Size, x: Fixed = S6, w: Fixed = W6, b: Fixed = B8, **more: object) -> Conv2DTranspose:
    """Random weights over their whole range."""
    return Conv2DTranspose(x, draw(w, *size), w, draw(b, size[3]), b, **more)  # type: ignore[arg-type]


def case(size: Size, height: int, width: int, pixels: int = 1, x: Fixed = S6, **more: object) -> Case:
    """One layer on a height × width image, in the default strategy."""
    return Case(transposed(size, x, **more), (Spec((height, width, size[2]), x),), pixels)  # type: ignore[arg-type]


def shared(strategy: str, reuse: int, pixels: int = 1) -> Case:
    """5×5, stride 2, 2→4 channels as in a codec's decoder, with a reuse factor."""
    layer = {"Strategy": strategy, "ReuseFactor": reuse}
    op = transposed((5, 5, 2, 4), strides=(2, 2), crop=((2, 1), (2, 1)))
    return Case(op, (Spec((3, 4, 2), S6),), pixels, layer)


def of(kernel: IntArray, bias: IntArray | None = None) -> Case:
    """On a 3×4 image with stride 2, these very weights."""
    b = draw(B8, kernel.shape[3]) if bias is None else bias
    return Case(Conv2DTranspose(S6, kernel, W6, b, B8, (2, 2)), (Spec((3, 4, kernel.shape[2]), S6),))


def without(kernel: IntArray, channel: int) -> IntArray:
    """One output channel's weights all zero."""
    kernel[..., channel] = 0
    return kernel


EXTREMES = np.where(np.indices((3, 3, 2, 2)).sum(axis=0) % 2, W6.raw_min, W6.raw_max)
CODEC = ((2, 1), (2, 1))  # what the scale hyperprior's decoder cuts behind 5×5 with stride 2
COARSE_X, FINE_X = Fixed(True, 6, -2), Fixed(False, -2, 10)
WIDE_X, WIDE_W = Fixed(True, 12, 8), Fixed(True, 3, 14)


class TestConv2DTranspose(OperatorContract):
    cases: ClassVar = {
        "stride 1": case((3, 3, 2, 3), 4, 5),
        "stride 2": case((3, 3, 2, 3), 4, 5, strides=(2, 2)),
        "stride 2, unsigned, 1 channel": case((3, 3, 1, 1), 3, 3, x=U8, strides=(2, 2)),
        "stride 3": case((3, 3, 2, 2), 3, 4, strides=(3, 3)),
        "a codec's decoder": case((5, 5, 2, 3), 4, 5, strides=(2, 2), crop=CODEC),
        "kernel 4, stride 2": case((4, 4, 1, 2), 3, 4, strides=(2, 2), crop=((1, 1), (1, 1))),
        "kernel 5, stride 3": case((5, 5, 1, 2), 3, 3, strides=(3, 3), crop=((1, 1), (1, 1))),
        "kernel 5, stride 1": case((5, 5, 1, 1), 3, 4, crop=((2, 2), (2, 2))),
        "5 to 7 channels": case((2, 2, 5, 7), 2, 3, strides=(2, 2)),
        "1×1 kernel": case((1, 1, 3, 4), 3, 3),
        "1×1 kernel, stride 2": case((1, 1, 2, 2), 3, 3, strides=(2, 2), extend=(1, 1)),
        "1×1 image": case((3, 3, 3, 2), 1, 1, strides=(2, 2)),
        "kernel beyond the image": case((5, 4, 2, 2), 2, 1, strides=(2, 1)),
        "strides beyond the kernel": case((2, 2, 1, 2), 3, 3, strides=(3, 3), extend=(1, 1)),
        "strides that differ": case((2, 3, 1, 2), 3, 4, strides=(1, 2)),
        "no square": case((4, 1, 2, 2), 3, 4, strides=(2, 3)),
        "output padding": case((3, 3, 2, 2), 3, 4, strides=(2, 2), extend=(1, 1)),
        "output padding in one axis": case((3, 3, 1, 2), 3, 4, strides=(3, 3), extend=(2, 0)),
        "cut in front": case((3, 3, 2, 2), 3, 4, strides=(2, 2), crop=((2, 0), (1, 0))),
        "cut behind": case((3, 3, 2, 2), 3, 4, strides=(2, 2), crop=((0, 3), (0, 2))),
        "cut to one place": case((3, 3, 1, 2), 3, 3, strides=(2, 2), crop=((3, 3), (2, 4))),
        "cut in front, more behind": case((3, 3, 1, 2), 3, 3, strides=(2, 2), crop=((1, 0), (1, 0)), extend=(1, 2)),
        "dilation 2": case((3, 3, 1, 2), 4, 4, dilation=(2, 2)),
        "dilation 2 and 3": case((3, 2, 1, 2), 4, 5, dilation=(2, 3), crop=((2, 2), (1, 2))),
        "dilation 2, stride 2": case((3, 3, 1, 2), 3, 4, strides=(2, 2), dilation=(2, 2)),
        "dilation 2, stride 3": case((3, 3, 1, 2), 3, 3, strides=(3, 3), dilation=(2, 2), crop=((1, 1), (2, 0))),
        "dilation 3, stride 2": case((2, 3, 1, 2), 3, 3, strides=(2, 2), dilation=(3, 3)),
        "a sequence": case((1, 3, 3, 2), 1, 5, strides=(1, 2)),
        "a sequence, kernel 4, stride 3": case((1, 4, 2, 2), 1, 6, strides=(1, 3), crop=((0, 0), (0, 1))),
        "a channel without weights": of(without(draw(W6, 3, 3, 2, 3), 1)),
        "no weights": of(np.zeros((3, 3, 2, 2), dtype=np.int64)),
        "no weights, no bias": of(np.zeros((2, 2, 2, 2), dtype=np.int64), np.zeros(2, dtype=np.int64)),
        "weights at both ends": of(EXTREMES),
        "a finer bias": case((2, 2, 2, 2), 2, 3, strides=(2, 2), b=Fixed(True, 0, 16)),
        "a coarser bias": case((2, 2, 2, 2), 2, 3, strides=(2, 2), b=Fixed(True, 6, -2)),
        "one bit": case((3, 3, 2, 2), 3, 3, x=Fixed(False, 1, 0), w=Fixed(False, 1, 0), strides=(2, 2)),
        "one signed bit": case((3, 3, 2, 2), 3, 3, x=Fixed(True, 0, 0), w=Fixed(True, 0, 0), strides=(2, 2)),
        "negative integer part": case((3, 3, 2, 2), 2, 3, x=FINE_X, strides=(2, 2)),
        "negative fraction": case((3, 3, 2, 2), 2, 3, x=COARSE_X, w=Fixed(True, 5, -1), strides=(2, 2)),
        "a wide accumulator": case((3, 3, 2, 2), 2, 3, x=WIDE_X, w=WIDE_W, strides=(2, 2)),
        "between others": Case(
            transposed((5, 5, 2, 2), strides=(2, 2)),
            (Spec((3, 3, 2), U8),),
            before=(Activation(U8, Kind.LINEAR, S6),),
            after=(Crop(transposed((5, 5, 2, 2)).accumulator.type, (2, 8), (2, 8), (0, 2)),),
        ),
        "resource, 2": shared("resource", 2),
        "resource, 9": shared("resource", 9),
        "resource, each product alone": shared("resource", 288),
        "adder graphs": shared("distributed_arithmetic", 1),
        "adder graphs, 3 digits": shared("distributed_arithmetic", 3),
        "4 pixels, width no multiple": case((3, 3, 1, 2), 3, 5, 4, strides=(2, 2)),
        "4 pixels, a codec's decoder": case((5, 5, 2, 2), 3, 6, 4, strides=(2, 2), crop=CODEC),
        "4 pixels, stride 3": case((4, 4, 1, 2), 3, 5, 4, strides=(3, 3), crop=((0, 1), (1, 0))),
        "4 pixels, stride 1": case((3, 3, 1, 2), 3, 7, 4, crop=((1, 1), (1, 1))),
        "4 pixels, resource": shared("resource", 6, 4),
        "4 pixels, adder graphs": shared("distributed_arithmetic", 2, 4),
        "16 pixels": case((3, 3, 1, 2), 3, 21, 16, strides=(2, 2), crop=((0, 1), (0, 1))),
        "16 pixels, width 3": case((3, 3, 1, 1), 3, 3, 16, strides=(2, 2)),
    }
    bad: ClassVar = {
        "stride 0": (lambda: transposed((3, 3, 1, 1), strides=(0, 1)), "strides"),
        "a negative extension": (lambda: transposed((3, 3, 1, 1), extend=(0, -1)), "extend"),
        "a negative cut": (lambda: transposed((3, 3, 1, 1), crop=((0, 0), (-1, 0))), "crop"),
        "dilation 0": (lambda: transposed((3, 3, 1, 1), dilation=(1, 0)), "dilation"),
        "a weight too large": (
            lambda: Conv2DTranspose(U8, np.full((1, 1, 1, 1), 32), W6, np.zeros(1, dtype=int), B8),
            r"kernel holds raw 32\.\.32",
        ),
        "bias of another length": (
            lambda: Conv2DTranspose(U8, np.zeros((1, 1, 1, 2), dtype=int), W6, np.zeros(1, dtype=int), B8),
            "bias has shape",
        ),
        "channels that do not fit": (
            lambda: transposed((3, 3, 2, 1)).infer(Spec((5, 5, 3), S6)),
            "3 channels, the kernel 2",
        ),
        "everything cut away": (
            lambda: transposed((3, 3, 1, 1), crop=((2, 2), (0, 0))).infer(Spec((2, 5, 1), S6)),
            "4 of 4 places along axis 0 are cut away",
        ),
        "an accumulator too wide": (
            lambda: transposed((3, 3, 2, 1), Fixed(True, 30, 0), Fixed(True, 30, 0)),
            "accumulator",
        ),
        "reuse 7 with resource": (lambda: plan_alone(shared("resource", 7)), "legal: 1, 2, 3, 4, 6, 8, 9, 12"),
        "reuse 5 with adder graphs": (lambda: plan_alone(shared("distributed_arithmetic", 5)), "legal: 1, 2, 3, 6"),
        "reuse 2 with latency": (lambda: plan_alone(shared("latency", 2)), "legal: 1$"),
    }

    def float_result(self, op: Conv2DTranspose, *x_float: Real) -> Real:
        """The textbook's way: zeros between the pixels and around them, then a convolution with the turned kernel."""
        x, kernel = x_float[0], real(op.kernel, op.kernel_type)
        strides, reach = op.strides, op.reach
        spread = [(n - 1) * s + 1 for n, s in zip(x.shape[1:3], strides)]
        stuffed = np.zeros((len(x), *spread, x.shape[3]))
        stuffed[:, :: strides[0], :: strides[1]] = x
        around = tuple((n - 1, n - 1 + more) for n, more in zip(reach, op.extend))
        seen = windows(stuffed, (kernel.shape[0], kernel.shape[1]), (1, 1), around, op.dilation)
        full = np.einsum("nrwijc,ijco->nrwo", seen, kernel[::-1, ::-1]) + real(op.bias, op.bias_type)
        rows, columns = (slice(a, n - b) for (a, b), n in zip(op.crop, full.shape[1:3]))
        return np.asarray(full[:, rows, columns])


def test_the_phases_leave_out_every_product_with_an_inserted_zero() -> None:
    """As many products as pixels times weights, at the edges that are kept; the convolution of the definition has
    stride² times as many."""
    kernel, bias = np.ones((5, 5, 1, 1), dtype=np.int64), np.zeros(1, dtype=np.int64)
    op = Conv2DTranspose(U8, kernel, W6, bias, B8, (2, 2))
    counts = op.compute(np.ones((1, 4, 4, 1), dtype=np.int64))
    assert counts.sum() == 16 * 25
    assert counts.max() == 9  # of 25: 3×3, 3×2, 2×3 or 2×2 in the four phases
    assert {int(n) for n in counts[0, 4:7, 4:7].ravel()} == {4, 6, 9}


# --- the C++ ----------------------------------------------------------------------------------------------------------

Need = Callable[..., None]


@pytest.mark.parametrize(
    ("io_type", "backend", "count"),
    [pytest.param("io_parallel", "Vitis", None, marks=pytest.mark.slow), ("io_stream", "Vivado", 8)],
)
def test_other_projects(io_type: str, backend: str, count: int | None, tmp_path: Path, need: Need) -> None:
    need("g++")
    graphs = [case.graph("up") for case in list(TestConv2DTranspose.cases.values())[:count]]
    check(joined(graphs), tmp_path, IOType=io_type, Backend=backend)


def spoil(path: Path, entry: int, bit: int, fraction: int = 0) -> None:
    """Flip one bit of one number in a weight header of an HLS project."""
    head, mark, rest = path.read_text().partition("_VALUES \\\n")
    values, end, tail = rest.partition("\n\n#ifdef")
    numbers = [float(number) for number in values.replace("\\", "").split(",")]
    numbers[entry] = math.ldexp(round(math.ldexp(numbers[entry], fraction)) ^ 1 << bit, -fraction)
    path.write_text(head + mark + ", ".join(map(repr, numbers)) + end + tail)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unchanged project."""
    folder = tmp_path_factory.mktemp("whole")
    project(upwards(), folder)
    return folder


def upwards() -> Graph:
    """Two layers; both give their exact sums, so that no rounding hides a bit."""
    x = Spec((3, 4, 2), S6)
    first = transposed((3, 3, 2, 2), strides=(2, 2))
    second = transposed((5, 5, 2, 3), x=first.accumulator.type, strides=(2, 2), crop=CODEC)
    nodes = (Node("first", first, ("x",), "first"), Node("second", second, ("first",), "second"))
    return Graph("upwards", (("x", x),), nodes, ("second",))


@pytest.mark.parametrize(
    ("node", "role", "type_"), [pytest.param("first", "b", B8, marks=pytest.mark.slow), ("second", "w", W6)]
)
def test_a_flipped_bit_in_the_cpp(node: str, role: str, type_: Fixed, whole: Path, tmp_path: Path, need: Need) -> None:
    """The level hls fails and names the layer."""
    need("g++")
    folder, graph = tmp_path / "spoilt", upwards()
    shutil.copytree(whole, folder)
    found = sorted((folder / "hls" / "firmware" / "weights").glob(f"{role}*.h"), key=lambda p: int(p.stem[1:]))
    assert len(found) == 2
    spoil(found[node == "second"], 1, 0, type_.fraction)
    outcome = hls(job(graph, folder, random_inputs(graph, FRAMES, HLS_SEED)))
    assert outcome.mismatches > 0
    assert outcome.divergence is not None
    assert outcome.divergence.node == node
