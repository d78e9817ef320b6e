"""Cores whose values take more than a formula: transposed convolution's sums, GDN, and a recurrent layer's steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from formal import Harness, Prove, spoilt
from formal_core import data, emitted
from formal_gdn import emitted as emitted_gdn
from formal_gdn import kernel as gdn_kernel
from formal_reference import Beats, affine, in_beats, tabulated
from hardware import Case, plan_alone
from test_gru import gru

from bitsmith.hw.rtl.conv2d import MatrixWindowCore
from bitsmith.hw.rtl.conv2d_transpose import OrderCore
from bitsmith.hw.rtl.core import Core
from bitsmith.hw.rtl.gdn import GDNKernel
from bitsmith.hw.rtl.layout import Layout
from bitsmith.sim.cast import Cast
from bitsmith.sim.fixed import Fixed, Overflow, Rounding
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.conv2d_transpose import Conv2DTranspose
from bitsmith.sim.ops.gdn import GDN
from bitsmith.sim.params import Padding
from bitsmith.sim.root import Form

U2, S2 = Fixed(False, 2, 0), Fixed(True, 1, 0)


class Part(NamedTuple):
    """A core, what its beats must be, and a planted bug: what is written in the place of what."""

    core: Core
    beats: Beats
    bug: tuple[str, str]

    def harness(self) -> Harness:
        return data(self.core, self.beats)


def transposed(size: tuple[int, ...], shape: Shape, strides: tuple[int, int], crop: Padding, *bug: str) -> Part:
    """The convolution that makes all phases of a place, in front of what brings them into order.

    What a place makes for an output outside of the image may be anything.
    """
    weights = np.random.default_rng(5).choice([-2, -1, 1], size)
    bias = np.arange(size[3]) - 1
    op, spec = Conv2DTranspose(U2, weights, S2, bias, S2, strides, crop), Spec(shape, U2)
    cores = [stage.core for stage in plan_alone(Case(op, (spec,))).stages]
    (core,) = (core for core in cores if isinstance(core, MatrixWindowCore))
    (order,) = (core for core in cores if isinstance(core, OrderCore))
    out = op.infer(spec)
    height, width, channels = out.shape
    image = affine(op, (spec,), Layout(height, width, channels, 1, out.type))  # a pixel a beat
    values: list[str] = []
    for place, phase in ((p, q) for p in np.ndindex(_places(order)) for q in np.ndindex(*strides)):
        y, x = (axis.output(p * axis.stride + q) for axis, p, q in zip((order.rows, order.columns), place, phase))
        inside = 0 <= y < height and 0 <= x < width
        values += image[y * width + x] if inside else [""] * channels
    return Part(core, in_beats(values, core.output), (bug[0], bug[1]))


def _places(order: OrderCore) -> tuple[int, int]:
    return order.rows.places, order.columns.places


def recurrent(steps: int, *bug: str) -> Part:
    """A GRU of one unit from its initial state on; every tensor inside is rounded to two or three bits."""
    x, two = Fixed(True, 0, 1), Cast(Fixed(True, 1, 1))
    op = gru(
        units=1,
        x=x,
        kernel_type=Fixed(True, 0, 1),
        bias_type=Fixed(True, 0, 1),
        state=Cast(Fixed(True, 0, 2)),
        gate_input=two,
        candidate_input=two,
        gate=Fixed(False, 1, 1),
        candidate=Fixed(True, 0, 1),
    )
    spec = Spec((1, steps, 3), x)
    core = plan_alone(Case(op, (spec,), sequences=1)).stages[-1].core
    return Part(core, tabulated(op, (spec,), core.output), (bug[0], bug[1]))


SWAPPED = ("sum_1_total, sum_0_total}", "sum_0_total, sum_1_total}")
PHASES = ("{sum_7_wait_1, sum_6_total, sum_5_wait_1", "{sum_5_wait_1, sum_6_total, sum_7_wait_1")
GATES = ("x_0_1 <= x[1:0]", "x_0_1 <= x[3:2]")
PARTS: dict[str, Callable[[], Part]] = {
    "conv1d_transpose": lambda: transposed((1, 3, 1, 1), (1, 3, 1), (1, 2), ((0, 0), (1, 1)), *SWAPPED),
    "conv2d_transpose": lambda: transposed((3, 3, 1, 1), (2, 2, 1), (2, 2), ((1, 1), (1, 1)), *SWAPPED),
    "conv2d_transpose, no overlap": lambda: transposed((2, 2, 1, 2), (2, 2, 1), (2, 2), ((0, 0), (0, 0)), *PHASES),
    "gru, two steps": lambda: recurrent(2, *GATES),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_a_whole_core_is_the_reference(name: str, proof: Prove) -> None:
    part = PARTS[name]()
    verdict = proof(name, part.harness(), emitted(part.core))
    assert verdict.proven, verdict


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_a_planted_bug_is_found(name: str, proof: Prove) -> None:
    part = PARTS[name]()
    verdict = proof(f"{name}: planted bug", part.harness(), spoilt(emitted(part.core), part.bug))
    assert not verdict.proven
    assert verdict.broken.startswith("beat ")


def divided(inverse: bool) -> tuple[GDNKernel, list[str]]:
    """A pixel of two channels of three bits, and the reference's table of both results."""
    x, weight = Fixed(True, 1, 1), Fixed(False, 0, 2)
    gamma, beta, gain = (
        np.array([[1, 2], [3, 1]]),
        np.array([1, 3]),
        Cast(Fixed(False, 2, 3), Rounding.RND, Overflow.SAT),
    )
    op = GDN(x, gamma, weight, beta, weight, gain, inverse, Form.RECIPROCAL_SQUARE_ROOT, 8, 8)
    table = tabulated(op, (Spec((1, 1, 2), x),), Layout(1, 1, 2, 1, op.product_type))[0]
    return GDNKernel("kernel", op, "latency", 1), table


@pytest.mark.slow
@pytest.mark.parametrize("inverse", [False, True], ids=["gdn", "inverse gdn"])
def test_a_gdn_is_the_reference(inverse: bool, proof: Prove) -> None:
    """Squares, sums, roots, and the product with a pixel that waited for its gains."""
    module, table = divided(inverse)
    verdict = proof(f"gdn{', inverse' * inverse}", gdn_kernel(module, table), emitted_gdn(module))
    assert verdict.proven, verdict


GDN_BUGS = {
    "the gain of the other channel": ("gain_1_a <= gain_1", "gain_1_a <= gain_0"),
    "a pixel too early": ("kept[read_place]", "kept[write_place]"),
}


@pytest.mark.slow
@pytest.mark.parametrize("bug", GDN_BUGS)
def test_a_wrong_gdn_is_found(bug: str, proof: Prove) -> None:
    module, table = divided(False)
    verdict = proof(f"gdn: {bug}", gdn_kernel(module, table), spoilt(emitted_gdn(module), GDN_BUGS[bug]))
    assert not verdict.proven
