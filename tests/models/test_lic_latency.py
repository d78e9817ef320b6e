"""The paper's latency model gives the paper's figures; products are counted as they are made; cycles are simulated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lic_codecs import BIAS, BYTE, INNER, WEIGHT, Chain, analysis, synthesis

from bitsmith.models.lic import latency
from bitsmith.models.lic.codec import PIXEL
from bitsmith.models.lic.latency import PAPER, SHAPES, Shape
from bitsmith.models.lic.workload import layers, memory_load, operations, products
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.batch_norm import BatchNorm
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.conv2d_transpose import Conv2DTranspose
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.depthwise_conv2d import DepthwiseConv2D
from bitsmith.sim.ops.repeat_vector import RepeatVector

Need = Callable[..., None]
ONE = Fixed(False, 1, 0)


# the formula --------------------------------------------------------------------------------------


def test_the_papers_frames_a_second_follow_with_one_gigahertz() -> None:
    """Section IV-B prints 18.6, 44.6 and 64.1; for the last the formula gives 64.3."""
    found = {row["name"]: row["at_1_ghz"] for row in latency.paper_rows()}
    assert round(found["192, workload of the text"], 1) == 18.6
    assert round(found["160"], 1) == 44.6
    assert round(found["128"], 1) == 64.3
    assert found["128"] == pytest.approx(64.1, rel=0.003)
    assert round(found["192, workload of Table V"], 1) != 18.6


def test_at_the_stated_300_megahertz_they_are_less_than_a_third() -> None:
    found = {row["name"]: round(row["at_300_mhz"], 1) for row in latency.paper_rows()}
    assert [found[name] for name in ("192, workload of the text", "160", "128")] == [5.6, 13.4, 19.3]


def test_what_the_paper_observed_is_more_than_its_cores_can_do() -> None:
    """2.4 to 2.6 times the peak, with the workloads of Table V."""
    shares = [row["of_peak"] for row in latency.paper_rows()][1:]
    assert all(2.4 <= share <= 2.6 for share in shares)
    assert latency.CORES * latency.CORE_OPERATIONS == 12288
    assert [row.observed for row in PAPER[1:]] == [15.6, 43.1, 58.7]


def test_the_formula_by_hand() -> None:
    """1,000 operations, 10 a cycle at 80 %: 125 cycles; at 1 kHz 8 frames a second."""
    assert latency.cycles(1000, 10, 0.8) == 125
    assert latency.frames_per_second(1000, 10, 1000, 0.8) == 8


# products -----------------------------------------------------------------------------------------


def ones(kind: Any, shape: tuple[int, ...], outputs: int, **changes: Any) -> Operator:
    """Every weight 1, no bias: on an image of ones the sum of all outputs counts the products."""
    op: Operator = kind(ONE, np.ones(shape, np.int64), ONE, np.zeros(outputs, np.int64), ONE, **changes)
    return op


def made(op: Operator, shape: tuple[int, ...]) -> int:
    return int(op.compute(np.ones((1, *shape), np.int64)).sum())


small, edges = st.integers(1, 4), st.tuples(st.integers(0, 3), st.integers(0, 3))


@settings(max_examples=150)
@given(st.data(), st.sampled_from([Conv2D, DepthwiseConv2D, Conv2DTranspose]))
def test_as_many_products_are_counted_as_are_made(data: st.DataObject, kind: Any) -> None:
    height, width, kh, kw, cin, cout = (data.draw(small, label=name) for name in ("h", "w", "kh", "kw", "cin", "cout"))
    name = "crop" if kind is Conv2DTranspose else "padding"
    changes: dict[str, Any] = {
        "strides": (data.draw(small), data.draw(small)),
        "dilation": (data.draw(small), data.draw(small)),
        name: (data.draw(edges), data.draw(edges)),
    }
    if kind is Conv2DTranspose:
        changes["extend"] = (data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2)))
    op = ones(kind, (kh, kw, cin, cout), cin * cout if kind is DepthwiseConv2D else cout, **changes)
    try:
        result = op.infer(Spec((height, width, cin), ONE))
    except BitsmithError:
        assume(False)  # the kernel reaches beyond the image, or nothing is left of it
    assert products(op, (height, width, cin), result.shape) == made(op, (height, width, cin))


def test_dense_and_scales() -> None:
    dense = Dense(ONE, np.ones((6, 5), np.int64), ONE, np.zeros(5, np.int64), ONE)
    assert products(dense, (6,), (5,)) == made(dense, (6,)) == 30
    scale = BatchNorm(ONE, np.ones(3, np.int64), ONE, np.zeros(3, np.int64), ONE)
    assert products(scale, (4, 5, 3), (4, 5, 3)) == made(scale, (4, 5, 3)) == 60


def test_the_cell_sorters_products() -> None:
    """Student 2: 304,704 + 1,016,064 + 3,200, counted by hand from the paper's layers."""
    first = ones(Conv2D, (3, 3, 1, 16), 16)
    second = ones(Conv2D, (3, 3, 16, 16), 16)
    last = Dense(ONE, np.ones((1600, 2), np.int64), ONE, np.zeros(2, np.int64), ONE)
    found = [
        products(first, (48, 48, 1), (46, 46, 16)),
        products(second, (23, 23, 16), (21, 21, 16)),
        products(last, (1600,), (2,)),
    ]
    assert found == [304_704, 1_016_064, 3_200]


def test_normalization_is_an_eighth_of_the_analysis_and_not_four_percent() -> None:
    """Ballé's g_a with N = 192, M = 320 on 256 × 256: per pixel c squares, c² products with gamma, c with the gain."""
    chain = Chain("g_a", (256, 256, 3), PIXEL, 1)
    for filters in (192, 192, 192, 320):
        chain.conv(5, filters, 2)
        chain.round(INNER)
        if filters == 192:
            chain.gdn()
    found = layers(chain.graph())
    share = {kind: sum(layer.macs for layer in found if layer.operator == kind) for kind in ("conv2d", "gdn")}
    assert share["gdn"] == (128**2 + 64**2 + 32**2) * (192 * 192 + 2 * 192)
    assert 0.125 < share["gdn"] / sum(share.values()) < 0.135
    assert operations(chain.graph()) == 2 * sum(share.values())


def test_a_codecs_networks_are_counted_whole() -> None:
    assert [layer.operator for layer in layers(analysis())] == ["conv2d", "gdn", *["conv2d"] * 6]
    assert [layer.operator for layer in layers(synthesis())] == [*["conv2d_transpose"] * 3, "gdn", "conv2d_transpose"]


def test_what_nobody_counts_is_an_error() -> None:
    chain = Chain("net", (4,), BYTE, 1)
    chain.add(RepeatVector(BYTE, 3))
    with pytest.raises(BitsmithError, match="products of repeat_vector are not counted"):
        layers(chain.graph())


def test_the_memory_load_is_equation_8() -> None:
    """Stride 1: H W N_l Δ + H W N_(l+1) Δ + N_l N_(l+1) K² Δ, for two layers of 8 and 5 bits."""
    chain = Chain("net", (10, 12, 3), BYTE, 1)
    chain.conv(3, 4)
    chain.round(Fixed(True, 2, 2))
    chain.conv(5, 2)
    first = 10 * 12 * 3 * 8 + 10 * 12 * 4 * 8 + 3 * 4 * 9 * 8
    second = 10 * 12 * 4 * 5 + 10 * 12 * 2 * 5 + 4 * 2 * 25 * 5
    assert memory_load(chain.graph()) == first + second
    halved = Chain("net", (10, 12, 3), BYTE, 1)
    halved.conv(3, 4, 2)
    assert memory_load(halved.graph()) == 8 * (10 * 12 * 3 + 5 * 6 * 4 + 3 * 4 * 9)


# simulated ----------------------------------------------------------------------------------------


def test_ten_shapes() -> None:
    assert len({shape.name + str(shape.size) for shape in SHAPES}) == len(SHAPES) == 10


# A convolution and a transposed one; all ten are `python -m bitsmith.models.lic.latency` too.
QUICK = (next(shape for shape in SHAPES if not shape.transposed), next(shape for shape in SHAPES if shape.transposed))


@pytest.mark.parametrize(
    "shape",
    [pytest.param(shape, marks=[pytest.mark.slow] * (shape not in QUICK)) for shape in SHAPES],
    ids=lambda shape: f"{shape.name}, {shape.size}",
)
def test_predicted_cycles_are_the_simulated_ones(shape: Shape, need: Need) -> None:
    need("g++", "verilator")
    (row,) = latency.compare([shape])
    assert row["latency"][0] == row["latency"][1]
    assert row["interval"][0] == row["interval"][1]
    assert row["interval"][1] * row["multipliers"] >= row["macs"], "no core makes more products than it has multipliers"
    assert row["memory_bits"] == memory_load(latency.layer(shape))
    assert row["paper_cycles"] == pytest.approx(row["macs"] / row["multipliers"] / 0.8)
    assert row["paper_error"] == pytest.approx(row["paper_cycles"] / row["interval"][1] - 1)


@pytest.mark.parametrize(("transposed", "size"), [(False, 8), (True, 32)])
def test_a_shape_is_padded_as_the_codec_pads(transposed: bool, size: int) -> None:
    """16 × 16 at stride 2: half and twice as large."""
    graph = latency.layer(Shape(5, 2, 3, 4, 16, transposed=transposed))
    assert graph.specs()["rounded"] == Spec((size, size, 4), PIXEL)
    assert (WEIGHT.width, BIAS.width) == (8, 9)


def test_the_tables_say_what_was_found(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"name": "a", "image": "1×1", "macs": 8, "multipliers": 1, "latency": (5, 5), "interval": (10, 10)}
    row |= {"memory_bits": 1024, "paper_cycles": 12.5, "paper_error": 0.25}
    wrong = {**row, "interval": (10, 11), "paper_error": -0.75}
    monkeypatch.setattr(latency, "compare", lambda: [row, wrong])
    assert latency.main() == 0
    printed = capsys.readouterr().out
    assert "| a | 1×1 | 8 | 1,024 | 1 | 5, 5 | 10, 10 | 12 | +25.0% |" in printed
    assert "equal for 1 of 2 layers" in printed
    assert "off by 50.0% in the mean" in printed
    assert printed.count("| 18.6 |") == 3

    def missing() -> None:
        raise BitsmithError("no Verilator; install it")

    monkeypatch.setattr(latency, "compare", missing)
    assert latency.main() == 2
    assert capsys.readouterr().err == "error: no Verilator; install it\n"
