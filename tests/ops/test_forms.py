"""Each operator's form with sequences side by side: the integers are those of every sequence by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hardware import draw

from bitsmith.gen.ops.forms import INTERLEAVED
from bitsmith.gen.passes.fuse_crops import fuse_crops
from bitsmith.gen.passes.interleave import interleave
from bitsmith.gen.verify import vectors
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed, IntArray
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Operator, Shape, Spec
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.average_pool2d import AveragePool2D
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.conv2d_transpose import Conv2DTranspose
from bitsmith.sim.ops.crop import Crop
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.depthwise_conv2d import DepthwiseConv2D
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.global_average_pool2d import GlobalAveragePool2D
from bitsmith.sim.ops.global_max_pool2d import GlobalMaxPool2D
from bitsmith.sim.ops.max_pool2d import MaxPool2D
from bitsmith.sim.ops.permute import Permute
from bitsmith.sim.ops.up_sampling2d import UpSampling2D
from bitsmith.sim.ops.zero_padding2d import ZeroPadding2D

S8, W, Y = Fixed(True, 3, 4), Fixed(True, 1, 3), Fixed(True, 5, 3)
SEQUENCE: Shape = (1, 7, 2)
BEHIND = ((0, 0), (2, 1))
CASES: dict[str, tuple[Shape, Operator]] = {
    "conv2d": (SEQUENCE, Conv2D(S8, draw(W, 1, 3, 2, 3), W, draw(W, 3), W, (1, 2), BEHIND)),
    "conv2d, dilated": (SEQUENCE, Conv2D(S8, draw(W, 1, 3, 2, 3), W, draw(W, 3), W, (1, 1), BEHIND, (1, 2))),
    "depthwise_conv2d": (SEQUENCE, DepthwiseConv2D(S8, draw(W, 1, 3, 2, 2), W, draw(W, 4), W, (1, 2), BEHIND)),
    "conv2d_transpose": (
        SEQUENCE,
        Conv2DTranspose(S8, draw(W, 1, 4, 2, 3), W, draw(W, 3), W, (1, 2), ((0, 0), (1, 2)), (0, 1)),
    ),
    "dense": ((4,), Dense(S8, draw(W, 4, 3), W, draw(W, 3), W)),
    "max_pool2d": (SEQUENCE, MaxPool2D(S8, (1, 3), (1, 2), BEHIND)),
    "average_pool2d": (SEQUENCE, AveragePool2D(S8, (1, 3), (1, 2), BEHIND, Y)),
    "global_max_pool2d": (SEQUENCE, GlobalMaxPool2D(S8)),
    "global_average_pool2d": (SEQUENCE, GlobalAveragePool2D(S8, Y)),
    "permute": (SEQUENCE, Permute(S8, (0, 2, 1))),
    "crop": (SEQUENCE, Crop(S8, (0, 1), (2, 5), (1, 2))),
    "up_sampling2d": (SEQUENCE, UpSampling2D(S8, (1, 3))),
    "zero_padding2d": (SEQUENCE, ZeroPadding2D(S8, BEHIND)),
    "flatten": ((1, 1, 4), Flatten(S8, (4,))),
}


def side_by_side(x: IntArray) -> IntArray:
    """(sequences, 1, steps, channels) or (sequences, channels) as one image (1, steps, sequences, channels)."""
    steps = x[:, 0] if x.ndim == 4 else x[:, np.newaxis]
    found: IntArray = steps.swapaxes(0, 1)[np.newaxis]
    return found


@pytest.mark.parametrize("sequences", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_sequences_side_by_side_give_the_same_integers(name: str, sequences: int) -> None:
    shape, op = CASES[name]
    graph = Graph("net", (("x", Spec(shape, S8)),), (Node("y", op, ("x",)),), ("y",))
    (x,) = vectors.make(graph.inputs, sequences, 3).values()
    (alone,) = Reference(graph).predict_raw(x)
    (together,) = Reference(interleave(graph, sequences)).predict_raw(side_by_side(x))
    np.testing.assert_array_equal(together, side_by_side(alone))


def test_every_form_is_tried() -> None:
    assert {type(op) for _, op in CASES.values()} == set(INTERLEAVED)


def test_a_crop_passes_no_sum() -> None:
    """The other tensor of a sum would have to be cut, too."""
    up = Conv2DTranspose(S8, draw(W, 3, 3, 2, 2), W, draw(W, 2), W, (2, 2))
    spec = up.infer(Spec((3, 3, 2), S8))
    total = Add((spec.type, spec.type))
    crop = Crop(total.output_type, (1, 4), (1, 4), (0, 2))
    nodes = (
        Node("up", up, ("x",)),
        Node("sum", total, ("up", "z")),
        Node("cut", crop, ("sum",)),
        Node("y", Crop(total.output_type, (0, 1), (0, 1), (0, 1)), ("cut",)),
    )
    graph = Graph("net", (("x", Spec((3, 3, 2), S8)), ("z", spec)), nodes, ("y",))
    assert fuse_crops(graph) == graph
