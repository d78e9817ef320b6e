"""Large matrices in tiles: two products in one multiplier proven exact on every pair, then the kernel as hardware."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from hardware import Case, draw, plan_alone

from bitsmith.bench import tiles as bench
from bitsmith.gen.build import build
from bitsmith.gen.verify import verify
from bitsmith.hw.rtl.tiles import LARGE, Packing, TileKernel
from bitsmith.sim.fixed import Fixed, IntArray
from bitsmith.sim.graph import Graph
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.conv2d import Conv2D

Need = Callable[..., None]
Array = Any
U8, S8, W8, W6 = Fixed(False, 0, 8), Fixed(True, 3, 4), Fixed(True, 0, 7), Fixed(True, 0, 5)
BYTES = np.arange(-128, 128)

# --- two products in one multiplier -----------------------------------------------------------------------------------


def factor(packing: Packing, w0: Array, w1: Array) -> Array:
    """What enters the multiplier: ``upper`` above the field, the lower weight sign-extended within it."""
    return (packing.upper(w0, w1) << packing.field) | (w0 & ((1 << packing.field) - 1))


def apart(packing: Packing, total: Array) -> tuple[Array, Array]:
    """Both sums: the field read as a signed number; what is left once it is taken away, without the field."""
    low = total % (1 << packing.field)
    low = np.where(low >= 1 << (packing.field - 1), low - (1 << packing.field), low)
    return low, (total - low) // (1 << packing.field)


@pytest.mark.parametrize("x_type", [U8, S8], ids=str)
def test_every_pair_of_8_bit_weights_and_every_value(x_type: Fixed) -> None:
    """All 2**24 cases: both products come out, and both factors fit a DSP48E2."""
    packing = Packing.of(BYTES, x_type)
    assert packing is not None
    x = np.arange(x_type.raw_min, x_type.raw_max + 1)
    assert len(x) == 256
    for w0 in BYTES:
        both = factor(packing, np.full(256, w0), BYTES)
        assert both.min() >= -(1 << 26)
        assert both.max() < 1 << 26
        low, high = apart(packing, both[:, np.newaxis] * x)
        np.testing.assert_array_equal(low, np.broadcast_to(w0 * x, (256, 256)))
        np.testing.assert_array_equal(high, np.outer(BYTES, x))


@pytest.mark.parametrize("x_type", [U8, S8, Fixed(True, 0, 4), Fixed(False, 2, 4)], ids=str)
@pytest.mark.parametrize("weights", [BYTES, np.arange(-32, 32), np.arange(0, 256), np.arange(-7, 1)], ids=len)
def test_sums_of_as_many_products_as_it_says(weights: IntArray, x_type: Fixed) -> None:
    """All at their extremes, in every combination of the ends, and many at random."""
    packing = Packing.of(weights, x_type)
    assert packing is not None
    rng = np.random.default_rng(1)
    ends, values = np.array([weights.min(), weights.max()]), np.array([x_type.raw_min, x_type.raw_max])
    cases = [
        [np.full(packing.terms, v) for v in corner]
        for corner in np.array(np.meshgrid(ends, ends, values)).T.reshape(-1, 3)
    ]
    cases += [
        [
            rng.choice(weights, packing.terms),
            rng.choice(weights, packing.terms),
            rng.integers(x_type.raw_min, x_type.raw_max, packing.terms, endpoint=True),
        ]
        for _ in range(2000)
    ]
    w0, w1, x = np.array(cases).transpose(1, 0, 2)
    low, high = apart(packing, (factor(packing, w0, w1) * x).sum(axis=1))
    np.testing.assert_array_equal(low, (w0 * x).sum(axis=1))
    np.testing.assert_array_equal(high, (w1 * x).sum(axis=1))


def test_one_product_more_would_not_fit() -> None:
    """The number of terms is the field's limit, not a guess: twice as many leave it."""
    packing = Packing.of(BYTES, U8)
    assert packing is not None
    count = 2 * packing.terms
    w0, w1, x = np.full(count, -128), np.full(count, 5), np.full(count, 255)
    low, _ = apart(packing, np.atleast_1d((factor(packing, w0, w1) * x).sum()))
    assert low[0] != (w0 * x).sum()


@pytest.mark.parametrize(
    ("weights", "x_type"),
    [
        (draw(Fixed(True, 0, 15), 100), U8),
        (BYTES, Fixed(False, 1, 16)),
        (BYTES, Fixed(True, 8, 9)),
        (BYTES, Fixed(True, 8, 8)),
        (np.arange(-2048, 2048), S8),
    ],
    ids=["16-bit weights", "17-bit unsigned", "18-bit signed", "17-bit signed", "12-bit weights"],
)
def test_what_does_not_fit_is_not_packed(weights: IntArray, x_type: Fixed) -> None:
    assert Packing.of(weights, x_type) is None


# --- the kernel as hardware -------------------------------------------------------------------------------------------


def conv(
    outputs: int, reuse: int, x: Fixed = U8, w: Fixed = W8, pixels: int = 1, kept: float = 1.0, image: int = 4
) -> Case:
    """A padded 3x3 convolution of 24 channels; ``kept`` of its (tap, output) pairs have weights."""
    kernel, bias = draw(w, 3, 3, 24, outputs), Fixed(True, 2, 9)
    used = np.random.default_rng(outputs).random((3, 3, 1, outputs)) < kept
    op = Conv2D(x, kernel * used, w, draw(bias, outputs), bias, (2, 2), ((1, 1), (1, 1)))
    layer = {"Strategy": "resource", "ReuseFactor": reuse}
    return Case(op, (Spec((image, image, 24), x),), pixels, layer)


CASES = {
    "4 outputs at once": conv(20, 45),
    "odd outputs at once": conv(21, 63, S8),
    "5 outputs at once, 24 inputs": conv(20, 36, S8, W6),
    "all outputs at once": conv(20, 9),
    "one output at once": conv(20, 80),
    "sparse": conv(20, 45, kept=0.2),
    "nothing but bias": conv(20, 60, kept=0.0),
    "wide values": conv(20, 60, Fixed(True, 8, 9)),
    "wide weights": conv(20, 60, w=Fixed(True, 0, 15)),
    "2 pixels": conv(20, 45, pixels=2),
}


def kernel_of(case: Case) -> TileKernel:
    (kernel,) = kernels_of(case)
    assert isinstance(kernel, TileKernel)
    return kernel


def kernels_of(case: Case) -> list[Any]:
    return [kernel for stage in plan_alone(case).stages for kernel in stage.core.kernels().values()]


def weights(case: Case) -> int:
    assert isinstance(case.op, Conv2D)
    return int(case.op.kernel.size)


class TestTiles(OperatorContract):
    cases: ClassVar = CASES
    bad: ClassVar = {
        "another factor": (
            lambda: kernel_of(conv(20, 7)),
            "a reuse factor of 7 is not legal with resource; legal: 1, 2",
        ),
    }

    def float_result(self, op: Any, *x_float: Any) -> Any:
        """Each output place's window times the kernel, in float64."""
        (x,) = x_float
        x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        kernel = np.ldexp(op.kernel.astype(np.float64), -op.kernel_type.fraction)
        bias = np.ldexp(op.bias.astype(np.float64), -op.bias_type.fraction)
        rows, columns = ((n - 3) // 2 + 1 for n in x.shape[1:3])
        windows = [[x[:, 2 * r : 2 * r + 3, 2 * c : 2 * c + 3] for c in range(columns)] for r in range(rows)]
        return np.array([[np.einsum("nijc,ijco->no", w, kernel) + bias for w in row] for row in windows]).transpose(
            2, 0, 1, 3
        )


def test_two_products_a_multiplier_where_they_fit() -> None:
    """Weights by reuse factor are the products of a cycle; half as many multipliers make them."""
    for name in ("4 outputs at once", "all outputs at once", "2 pixels"):
        case = CASES[name]
        kernel = kernel_of(case)
        assert 2 * kernel.multipliers * case.layer["ReuseFactor"] == weights(case), name
    odd = kernel_of(CASES["odd outputs at once"])
    assert odd.at_once % 2 == 1
    assert odd.multipliers == odd.taken * (odd.at_once // 2 + 1)
    for name in ("one output at once", "wide values", "wide weights"):
        case = CASES[name]
        kernel = kernel_of(case)
        assert kernel.packing is None, name
        assert kernel.multipliers * case.layer["ReuseFactor"] == weights(case), name


def test_a_tile_of_zeros_takes_no_cycle() -> None:
    full, sparse, empty = (kernel_of(CASES[name]) for name in ("4 outputs at once", "sparse", "nothing but bias"))
    assert full.cycles == 45
    blocks = sparse.spec.matrix[0].reshape(sparse.rows, sparse.taken, sparse.columns, sparse.at_once)
    assert sparse.cycles == sum(bool(blocks[r, :, c].any()) for r in range(9) for c in range(5)) < 45
    assert empty.cycles == empty.columns


def test_small_matrices_are_not_tiled() -> None:
    case = conv(20, 45)
    assert isinstance(case.op, Conv2D)
    few = replace(case.op, kernel=case.op.kernel[:, :, :, :9], bias=case.op.bias[:9])
    assert few.kernel.size < LARGE <= weights(case)
    (kernel,) = kernels_of(replace(case, op=few, layer={"Strategy": "resource", "ReuseFactor": 54}))
    assert not isinstance(kernel, TileKernel)


# --- a bench that can fail --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_flipped_bit_in_the_weights_memory(tmp_path: Path, need: Need) -> None:
    """The lowest bit of a word that the kernel reads: the level rtl fails and names the layer."""
    need("g++", "verilator")
    case = CASES["4 outputs at once"]
    layer = case.graph("big")
    graph = Graph("net", layer.inputs, layer.nodes, layer.outputs)
    build(graph, {"HLSConfig": {"LayerName": {"big": dict(case.layer)}}}, tmp_path / "build", seed=3, vectors=2)
    assert verify(tmp_path / "build", ["rtl"])["passed"] is True
    path = tmp_path / "build" / "rtl" / "net_big.v"
    text = path.read_text()
    words = list(re.finditer(r"\[\d+\] = \d+'h([0-9a-f]+);", text))
    word = max(words, key=lambda match: len(match[1]))
    flipped = format(int(word[1], 16) ^ 1, f"0{len(word[1])}x")
    path.write_text(text[: word.start(1)] + flipped + text[word.end(1) :])
    report = verify(tmp_path / "build", ["rtl"])
    assert report["passed"] is False
    assert report["levels"]["rtl"]["mismatches"] > 0
    assert report["first_divergence"]["node"] == "big"


# --- the benchmark ----------------------------------------------------------------------------------------------------


def test_the_benchmark_counts_products_and_mismatches() -> None:
    graph = bench.layer(4, 2, 3)
    assert graph.specs()["conv"].shape == (2, 3, 4)
    assert bench.products(graph) == 2 * 3 * 5 * 5 * 4 * 4
    expected = np.arange(24).reshape(2, 3, 4)
    assert bench.mismatches(expected, expected) == 0
    assert bench.mismatches(expected ^ (expected == 5), expected) == 1
    assert bench.mismatches(expected[:1], expected) == 12


@pytest.mark.parametrize(
    ("wrong", "reached"),
    [({}, True), ({"mismatches": 1}, False), ({"busy": 0.94}, False), ({"interval_cycles": 101}, False)],
)
def test_the_benchmark_s_verdict(wrong: dict[str, Any], reached: bool) -> None:
    run = {"mismatches": 0, "busy": 0.95, "interval_cycles": 100, "predicted_interval_cycles": 100, **wrong}
    assert bench.met({"layer": run, "packed": {"products_per_cycle": 32, "dsp": 16}}) is reached
    assert not bench.met({"layer": run, "packed": {"products_per_cycle": 32, "dsp": 17}})


def test_a_small_layer_in_the_simulation(tmp_path: Path, need: Need) -> None:
    """16 channels: equal integers, the predicted interval, and nearly all products useful."""
    need("g++", "verilator")
    found = bench.simulate(bench.layer(16, 2, 2), 200, tmp_path)
    assert found["mismatches"] == 0
    assert found["interval_cycles"] == found["predicted_interval_cycles"]
    assert found["busy"] == 4 * 200 / found["interval_cycles"] > 0.9


@pytest.mark.slow
def test_yosys_puts_two_products_in_a_block(tmp_path: Path, need: Need) -> None:
    need("yosys")
    found = bench.packed(tmp_path)
    assert found["products_per_cycle"] == 2 * found["dsp"]
