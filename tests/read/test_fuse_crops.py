"""A crop inside of a transposed convolution gives what it gave behind it, and stays where others see what it cuts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hardware import draw

from bitsmith.gen.passes.fuse_crops import fuse_crops
from bitsmith.gen.verify import vectors
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.batch_norm import BatchNorm
from bitsmith.sim.ops.conv2d_transpose import Conv2DTranspose
from bitsmith.sim.ops.crop import Crop

X, W, Y = Fixed(True, 3, 2), Fixed(True, 0, 4), Fixed(True, 6, 3)
INPUT = Spec((3, 4, 2), X)


def graph(*, between: bool, twice: bool = False, extend: tuple[int, int] = (0, 0)) -> Graph:
    """A transposed convolution, perhaps a scale and a rounding, one crop or two, and a rounding."""
    nodes: list[Node] = []
    spec = INPUT

    def add(name: str, op: Operator) -> None:
        nonlocal spec
        nodes.append(Node(name, op, (nodes[-1].name if nodes else "x",), name))
        spec = op.infer(spec)

    add("up", Conv2DTranspose(X, draw(W, 5, 4, 2, 3), W, draw(W, 3), W, (2, 3), ((0, 1), (1, 0)), extend))
    if between:
        add("scale", BatchNorm(spec.type, draw(W, 3), W, draw(W, 3), W))
        add("middle", Activation(spec.type, Kind.RELU, Y))
    for k in range(1 + twice):
        add(f"cut{k}", Crop(spec.type, (2, spec.shape[0] - 1), (1 + k, spec.shape[1] - 2), (0, 3)))
    add("y", Activation(spec.type, Kind.LINEAR, Y))
    return Graph("cropped", (("x", INPUT),), tuple(nodes), ("y",), {f"cut{k}": f"Cut {k}" for k in range(1 + twice)})


def outputs(of: Graph) -> list[np.ndarray]:
    return list(Reference(of).predict_raw(*vectors.make(of.inputs, 6, 3).values()))


@pytest.mark.parametrize("between", [False, True])
@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("extend", [(0, 0), (1, 2)])
def test_nothing_changes_but_the_work(between: bool, twice: bool, extend: tuple[int, int]) -> None:
    before = graph(between=between, twice=twice, extend=extend)
    after = fuse_crops(before)
    assert [node.op.stem for node in after.nodes].count("crop") == 0
    assert after.labels == {}
    assert after.specs()["y"] == before.specs()["y"]
    np.testing.assert_array_equal(outputs(after)[0], outputs(before)[0])


def test_what_others_see_stays() -> None:
    seen = graph(between=True)
    assert fuse_crops(replace(seen, outputs=("y", "middle"))).nodes == seen.nodes
    assert fuse_crops(replace(seen, outputs=("y", "up"))).nodes == seen.nodes
    read = replace(seen, nodes=(*seen.nodes, Node("z", Activation(Y, Kind.LINEAR, Y), ("middle",), "z")))
    assert fuse_crops(replace(read, outputs=("y", "z"))).nodes == read.nodes


def test_a_crop_of_channels_or_at_an_output_stays() -> None:
    seen = graph(between=False)
    crop = seen.node("cut0")
    assert isinstance(crop.op, Crop)
    narrow = replace(crop, op=replace(crop.op, channels=(0, 2)))
    nodes = tuple(narrow if node is crop else node for node in seen.nodes)
    assert fuse_crops(replace(seen, nodes=nodes)).nodes == nodes
    ends = replace(seen, nodes=seen.nodes[:-1], outputs=("cut0",))
    assert fuse_crops(ends).nodes == ends.nodes
