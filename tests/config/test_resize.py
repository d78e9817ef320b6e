"""A network on images of another size: the same layers, and on what both sizes see the same integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from lic_codecs import BLOCK, BYTE, Chain, analysis, synthesis

from bitsmith.gen.passes.resize import resized
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.average_pool2d import AveragePool2D
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.global_max_pool2d import GlobalMaxPool2D
from bitsmith.sim.ops.max_pool2d import MaxPool2D
from bitsmith.sim.ops.up_sampling2d import UpSampling2D
from bitsmith.sim.ops.zero_padding2d import ZeroPadding2D


@pytest.mark.parametrize("build", [analysis, synthesis])
@pytest.mark.parametrize("size", [(64, 64), (128, 64), (64, 192), (256, 128)])
def test_a_graph_of_another_size_is_the_graph_made_in_that_size(
    build: Callable[..., Graph], size: tuple[int, int]
) -> None:
    """Grown at 128 pixels and resized to a square is what grows there; a strip is as wide and high as it should."""
    graph = build(size=128)
    factor = 128 // graph.inputs[0][1].shape[0]
    found = resized(graph, size[0] // factor, size[1] // factor)
    if size[0] == size[1]:
        assert found.to_json() == build(size=size[0]).to_json()
    scaled = {
        name: (spec.shape[0] * size[0] // 128, spec.shape[1] * size[1] // 128, spec.shape[2])
        for name, spec in ends(graph)
    }
    assert {name: spec.shape for name, spec in ends(found)} == scaled


def ends(graph: Graph) -> list[tuple[str, Spec]]:
    specs = graph.specs()
    return [(name, specs[name]) for name in graph.outputs]


def test_the_integers_are_those_of_the_larger_image() -> None:
    """A black image with the small one in its corner: far from the seam both see the same."""
    chain = Chain("net", (16, 16, 2), BYTE, 5)
    chain.conv(3, 2)
    chain.round(BYTE)
    chain.add(MaxPool2D(BYTE, (2, 2), (2, 2), ((0, 0), (0, 0))))
    chain.add(AveragePool2D(BYTE, (2, 2), (1, 1), ((0, 1), (0, 1)), BYTE))
    chain.add(UpSampling2D(BYTE, (2, 2)))
    chain.add(ZeroPadding2D(BYTE, ((1, 0), (1, 0))))
    small, large = chain.graph(), resized(chain.graph(), 24, 40)
    x = np.zeros((1, 24, 40, 2), np.int64)
    x[:, :16, :16] = np.random.default_rng(1).integers(-128, 128, (1, 16, 16, 2))
    (inside,), (whole,) = Reference(small).predict_raw(x[:, :16, :16]), Reference(large).predict_raw(x)
    assert whole.shape == (1, 25, 41, 2)
    np.testing.assert_array_equal(whole[:, :12, :12], inside[:, :12, :12])
    assert np.unique(inside[:, :12, :12]).size > 10


def test_the_same_size_is_the_same_graph() -> None:
    graph = analysis()
    assert resized(graph, BLOCK, BLOCK) is graph


@pytest.mark.parametrize("op", [Flatten(BYTE, (32,)), GlobalMaxPool2D(BYTE)], ids=["flatten", "global_max_pool2d"])
def test_a_layer_that_takes_the_whole_image_is_refused(op: Operator) -> None:
    chain = Chain("net", (4, 4, 2), BYTE, 1)
    chain.add(op)
    with pytest.raises(BitsmithError, match=rf"'{op.stem}_0' \({op.stem}\) takes the whole image.*one size"):
        resized(chain.graph(), 8, 8)


def test_only_a_network_of_one_image_has_a_size() -> None:
    chain = Chain("net", (4,), BYTE, 1)
    weights = np.ones((4, 2), np.int64)
    chain.add(Dense(BYTE, weights, Fixed(True, 1, 0), np.zeros(2, np.int64), Fixed(True, 1, 0)))
    with pytest.raises(BitsmithError, match="not one image as its input"):
        resized(chain.graph(), 8, 8)
    graph = analysis()
    two = replace(graph, inputs=(*graph.inputs, ("other", graph.inputs[0][1])))
    with pytest.raises(BitsmithError, match="not one image as its input"):
        resized(two, 128, 128)


def test_an_image_that_is_too_small_is_refused() -> None:
    chain = Chain("net", (16, 16, 2), BYTE, 5)
    chain.conv(5, 2)
    chain.add(MaxPool2D(chain.spec.type, (4, 4), (4, 4), ((0, 0), (0, 0))))
    with pytest.raises(BitsmithError, match="max_pool2d"):
        resized(chain.graph(), 2, 2)
