"""Whatever moves values and computes none: every value of every frame comes where the reference puts it.

Elements have two bits, so that a part of one in the place of another is seen. What a value is never decides where it
goes, so two bits stand for any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from formal import Prove, marked, spoilt
from formal_core import data, emitted
from formal_reference import Beats, in_beats, moved
from hardware import Case, plan_alone

from bitsmith.hw.rtl.conv2d_transpose import OrderCore, ordering
from bitsmith.hw.rtl.core import Core
from bitsmith.hw.rtl.join import entrance
from bitsmith.hw.rtl.layout import Layout
from bitsmith.hw.rtl.narrow import NarrowCore
from bitsmith.hw.rtl.reshape import CollectCore, RefillCore, SpreadCore
from bitsmith.hw.rtl.role import StreamRole, role_of
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Operator, Shape, Spec
from bitsmith.sim.ops.concatenate import Concatenate
from bitsmith.sim.ops.conv2d_transpose import Conv2DTranspose
from bitsmith.sim.ops.crop import Crop
from bitsmith.sim.ops.permute import Permute
from bitsmith.sim.ops.repeat_vector import RepeatVector
from bitsmith.sim.ops.reverse import Reverse
from bitsmith.sim.ops.up_sampling2d import UpSampling2D
from bitsmith.sim.ops.zero_padding2d import ZeroPadding2D

T, PLACE = Fixed(False, 2, 0), Fixed(False, 16, 0)


@dataclass(frozen=True)
class Part:
    """A core, what its beats must be, and a planted bug: what is written in the place of what."""

    core: Core
    beats: Beats
    bug: tuple[str, str]


def same(core: Core, *bug: str) -> Part:
    """The values in their order, in other beats."""
    layout = core.inputs[0].layout
    size = layout.height * layout.width * layout.channels
    return Part(core, in_beats([f"x0_{k}" for k in range(size)], core.output), (bug[0], bug[1]))


def of(make: Callable[[Fixed], Operator], shapes: tuple[Shape, ...], *bug: str, pixels: int = 1) -> Part:
    """The core that an operator is planned with; the same operator on places says where they go."""
    case = Case(make(T), tuple(Spec(shape, T) for shape in shapes), pixels)
    core = plan_alone(case).stages[-1].core
    inputs = tuple(Spec(shape, PLACE) for shape in shapes)
    return Part(core, moved(make(PLACE), inputs, core.output), (bug[0], bug[1]))


def alone(op: Operator, layout: Layout, *bug: str) -> Part:
    """An operator that a sequence's planning makes of another."""
    role = role_of(op)
    assert isinstance(role, StreamRole)
    core = role.make("core", op, (layout,), "", 1)
    spec = Spec((layout.height, layout.width, layout.channels), PLACE)
    return Part(core, moved(replace(op, input_type=PLACE), (spec,), core.output), (bug[0], bug[1]))  # type: ignore[type-var]


def depth_to_space(*bug: str) -> Part:
    """2 × 2 places of 2 × 2 phases, of which the first row and the last column are cut: 3 × 3 pixels."""
    op = Conv2DTranspose(T, np.ones((2, 2, 1, 1), np.int64), T, np.zeros(1, np.int64), T, (2, 2), ((1, 0), (0, 1)))
    source = Layout(2, 2, 1, 1, T)
    core = ordering("core", op, source, Layout(2, 2, 4, 1, T), 1)
    assert isinstance(core, OrderCore)
    top, left = (-axis.output(0) for axis in (core.rows, core.columns))
    image = np.arange(16).reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(4, 4)
    image = image[top : top + core.output.height, left : left + core.output.width]
    assert image.size == 9
    return Part(core, in_beats([f"x0_{k}" for k in image.ravel()], core.output), (bug[0], bug[1]))


VECTOR, ROWS = Layout(1, 1, 6, 1, T), Layout(2, 3, 1, 2, T)
PARTS: dict[str, Callable[[], Part]] = {
    "entrance": lambda: same(entrance("core", Layout(1, 3, 1, 2, T)), "= s_tdata[3:2]", "= s_tdata[2:1]"),
    "fewer lanes": lambda: same(NarrowCore("core", Layout(2, 5, 1, 4, T), 2), "? s_tdata[3:0]", "? s_tdata[4:1]"),
    "collected": lambda: same(CollectCore("core", ROWS), "{shift[13:8], shift[5:0]}", "{shift[15:10], shift[5:0]}"),
    "spread": lambda: same(SpreadCore("core", VECTOR, ROWS), "{2'd0, s_tdata[5:4]}", "{2'd0, s_tdata[7:6]}"),
    "refilled, narrower": lambda: same(
        RefillCore("core", ROWS, Layout(3, 2, 1, 1, T)), "send ? word_1 : word_0", "send ? word_0 : word_1"
    ),
    "refilled, wider": lambda: same(
        RefillCore("core", Layout(2, 3, 1, 1, T), Layout(1, 3, 2, 1, T)), "kept_0 <= word_0", "kept_0 <= word_1"
    ),
    "rows and columns": lambda: of(
        lambda t: Permute(t, (1, 0, 2)), ((2, 3, 1),), "place <= write_address_0", "place <= read_address_0"
    ),
    "all axes": lambda: of(lambda t: Permute(t, (2, 1, 0)), ((2, 2, 2),), "backwards_2", "backwards_1"),
    "rows and columns, 2 pixels": lambda: of(
        lambda t: Permute(t, (1, 0, 2)), ((2, 4, 1),), "backwards_2", "backwards_1", pixels=2
    ),
    "reversed": lambda: of(Reverse, ((1, 3, 1),), "last ? 2'd2 : base - 2'd1", "base - 2'd1"),
    "reversed, interleaved": lambda: alone(
        Reverse(T, interleaved=True), Layout(3, 2, 1, 1, T), "kept[count] <= s_tdata", "kept[base] <= s_tdata"
    ),
    "repeated": lambda: of(lambda t: RepeatVector(t, 3), ((2,),), "fresh <= first", "fresh <= ~first"),
    "repeated, interleaved": lambda: alone(
        RepeatVector(T, 3, interleaved=True), Layout(1, 2, 2, 1, T), "if (step & first)", "if (step)"
    ),
    "up-sampled": lambda: of(lambda t: UpSampling2D(t, (2, 2)), ((2, 2, 1),), "if (step & first)", "if (step)"),
    "up-sampled, 2 pixels": lambda: of(
        lambda t: UpSampling2D(t, (2, 2)), ((2, 3, 1),), "fresh <= first", "fresh <= step", pixels=2
    ),
    "cropped": lambda: of(
        lambda t: Crop(t, (1, 2), (1, 3), (0, 1)), ((3, 3, 1),), "m_tdata = tap_0_0", "m_tdata = s_tdata"
    ),
    "padded": lambda: of(
        lambda t: ZeroPadding2D(t, ((1, 0), (0, 1))), ((2, 2, 1),), "in_image_0 ? s_tdata : 2'd0", "s_tdata"
    ),
    "joined on channels": lambda: of(
        lambda t: Concatenate((t, t)), ((1, 2, 1), (1, 2, 2)), "{next_0_2, next_0_1, ", "{next_0_1, next_0_2, "
    ),
    "depth to space": lambda: depth_to_space("row_phase_a <= row_phase", "row_phase_a <= phase"),
}
IN_CI = ("fewer lanes",)


@pytest.mark.parametrize("name", marked(PARTS, IN_CI))
def test_every_value_comes_where_it_belongs(name: str, proof: Prove) -> None:
    part = PARTS[name]()
    verdict = proof(name, data(part.core, part.beats), emitted(part.core))
    assert verdict.proven, verdict


@pytest.mark.parametrize("name", marked(PARTS, IN_CI))
def test_a_planted_bug_is_found(name: str, proof: Prove) -> None:
    """A beat that is wrong, in its time."""
    part = PARTS[name]()
    verdict = proof(f"{name}: planted bug", data(part.core, part.beats), spoilt(emitted(part.core), part.bug))
    assert not verdict.proven
    assert verdict.broken.startswith("beat ")
