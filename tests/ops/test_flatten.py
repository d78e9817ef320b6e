"""The operator contract (contract.py) for reshapes: free where only a name changes, beats moved where more does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from definitions import Real
from estimated import assert_estimated
from hardware import Case, draw, plan_alone
from layer_configs import Case as LayerCase
from layer_configs import Stored, model
from reading import assert_equal_to_keras, library

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert.layers import convert
from bitsmith.gen.read import read_network_file
from bitsmith.gen.read.network import read_network
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Operator, Shape, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.global_max_pool2d import GlobalMaxPool2D

Need = Callable[..., None]
S6 = Fixed(True, 2, 3)


def case(before: Shape, after: Shape, pixels: int = 1, *then: Operator) -> Case:
    return Case(Flatten(S6, after), (Spec(before, S6),), pixels, after=then)


def dense(inputs: int, outputs: int = 3) -> Dense:
    return Dense(S6, draw(S6, inputs, outputs), S6, draw(S6, outputs), S6)


def conv(channels: int) -> Conv2D:
    return Conv2D(S6, draw(S6, 2, 2, channels, 2), S6, draw(S6, 2), S6)


BIT, Y = Fixed(False, 1, 0), dense(5, 12).infer(Spec((5,), S6)).type
RELU = Activation(S6, Kind.RELU, S6)


class TestFlatten(OperatorContract):
    cases: ClassVar = {
        "an image, as an output": case((3, 4, 2), (24,)),
        "1 channel": case((3, 4, 1), (12,)),
        "1×1": case((1, 1, 5), (5,)),
        "a single value": case((1, 1, 1), (1,)),
        "a sequence": case((1, 6, 2), (12,)),
        "into dense": case((3, 4, 2), (24,), 1, dense(24)),
        "into an activation": case((3, 4, 2), (24,), 1, RELU),
        "a vector into an image": case((24,), (3, 4, 2)),
        "a vector into an image and a convolution": case((24,), (3, 4, 2), 1, conv(2)),
        "an image into another": case((3, 4, 2), (2, 6, 2)),
        "rows into channels": case((2, 3, 4), (1, 1, 24)),
        "an image into another, and pooled": case((3, 4, 2), (4, 2, 3), 1, GlobalMaxPool2D(S6)),
        "the same shape": case((3, 4, 2), (3, 4, 2)),
        "a vector as it was": case((6,), (6,)),
        "there and back": case((3, 4, 2), (24,), 1, Flatten(S6, (4, 3, 2))),
        "4 pixels, width no multiple": case((3, 5, 2), (30,), 4),
        "4 pixels, into dense": case((3, 5, 2), (30,), 4, dense(30)),
        "4 pixels, a vector into an image": case((30,), (3, 5, 2), 4),
        "4 pixels, an image into another": case((3, 5, 2), (5, 3, 2), 4, conv(2)),
        "rows in two": case((3, 8, 2), (6, 4, 2)),
        "rows joined": case((6, 4, 2), (3, 8, 2), 1, conv(2)),
        "channels for columns": case((3, 8, 2), (3, 4, 4)),
        "columns for channels": case((3, 4, 6), (3, 12, 2), 1, conv(2)),
        "3 channels, then 2": case((4, 2, 3), (4, 3, 2)),
        "2 channels, then 3": case((4, 3, 2), (4, 2, 3), 1, GlobalMaxPool2D(S6)),
        "a sequence into an image": case((1, 12, 4), (4, 3, 4)),
        "an image into a sequence": case((4, 3, 4), (1, 6, 8)),
        "a row into an image of many channels": case((48,), (2, 3, 8)),
        "dense into an image": Case(Flatten(Y, (2, 3, 2)), (Spec((5,), S6),), before=(dense(5, 12),)),
        "nearly all in a beat": case((6, 2, 2), (2, 1, 12)),
        "one bit": Case(Flatten(BIT, (3, 10, 1)), (Spec((5, 3, 2), BIT),)),
        "4 pixels, rows in two": case((3, 8, 2), (6, 4, 2), 4),
        "4 pixels, rows joined": case((6, 4, 2), (3, 8, 2), 4, conv(2)),
        "4 pixels, no multiples": case((5, 7, 3), (7, 3, 5), 4),
        "4 pixels, more channels": case((4, 6, 2), (3, 2, 8), 4),
        "4 pixels, fewer channels": case((3, 5, 8), (6, 10, 2), 4, conv(2)),
        "4 pixels, few columns": case((10, 3, 2), (4, 5, 3), 4),
        "4 pixels, rows into channels": case((2, 3, 4), (1, 1, 24), 4),
        "4 pixels, a row into an image": case((60,), (3, 5, 4), 4),
        "16 pixels": case((4, 20, 3), (6, 10, 4), 16),
    }
    bad: ClassVar = {
        "another number of values": (lambda: Flatten(S6, (23,)).infer(Spec((3, 4, 2), S6)), "24 values"),
        "a size of 0": (lambda: Flatten(S6, (0, 4)), "at least one positive size"),
        "no size": (lambda: Flatten(S6, ()), "at least one positive size"),
    }

    def float_result(self, op: Flatten, *x_float: Real) -> Real:
        """Row by row, the channel fastest."""
        return np.stack([np.array(list(frame.flat)).reshape(op.shape) for frame in x_float[0]])


# Shapes, pixels per cycle: steps of a frame, values kept, pixels at once.
REFILLED: dict[str, tuple[Shape, Shape, int, tuple[int, int, int]]] = {
    "48 × 48 × 16 in rows of half the width": ((48, 48, 16), (96, 24, 16), 1, (2304, 0, 1)),
    "48 × 48 × 16 with a quarter of the channels": ((48, 48, 16), (96, 96, 4), 1, (9216, 12, 1)),
    "48 × 48 × 16 with four times the channels": ((48, 48, 16), (24, 24, 64), 1, (2304, 48, 1)),
    "4 pixels": ((48, 48, 16), (96, 24, 16), 4, (576, 0, 4)),
    "4 pixels, twice the channels": ((48, 48, 16), (48, 24, 32), 4, (576, 0, 2)),
    "3 values, then 2": ((4, 2, 3), (4, 3, 2), 1, (12, 2, 1)),
    "4 pixels of rows of 6 in rows of 9": ((6, 6, 1), (4, 9, 1), 4, (16, 3, 4)),  # twice 4 | 2, 4 | - | 2, 4 | 2 | -
}


@pytest.mark.parametrize("name", REFILLED)
def test_steps_and_places_by_hand(name: str) -> None:
    """And what is kept is less than a beat in and one out together, whatever the frame."""
    before, after, pixels, (steps, kept, lanes) = REFILLED[name]
    (stage,) = plan_alone(case(before, after, pixels)).stages
    core: Any = stage.core
    timing = core.steps()
    ins, outs = core.inputs[0].layout, core.output
    assert (len(timing.cost), core.places * core.word, outs.lanes) == (steps, kept, lanes)
    assert (int(timing.consumes[0].sum()), int(timing.emits.sum())) == (ins.beats, outs.beats)
    assert kept < ins.elements + outs.elements


def test_what_costs_nothing() -> None:
    """A vector, the shape that there was, and back to it: no stage but the one that makes the output."""
    there_and_back = case((3, 4, 2), (24,), 1, Flatten(S6, (3, 4, 2)), RELU)
    assert [stage.core.__class__.__name__ for stage in plan_alone(there_and_back).stages] == ["EntranceCore"]


ESTIMATED = {
    "fewer": case((6, 8, 16), (12, 16, 4)),
    "more": case((6, 8, 4), (6, 2, 16)),
    "others": case((10, 6, 3), (6, 6, 5)),
}


@pytest.mark.slow
@pytest.mark.parametrize("pixels", [1, 4])
def test_its_formula_is_an_estimate_of_what_yosys_finds(pixels: int, tmp_path: Path, need: Need) -> None:
    need("yosys")
    assert_estimated(ESTIMATED, pixels, tmp_path)


# from Keras ---------------------------------------------------------------------------------------

EXACT = {"Bitsmith": {"input": "fixed<8,4>"}, "HLSConfig": {"Model": {"Precision": "auto"}}}
# Shape, target, what Keras makes of it, and whether the graph needs an operator.
KERAS: tuple[tuple[Shape, tuple[int, ...], Shape, bool], ...] = (
    ((3, 4, 2), (2, 6, 2), (2, 6, 2), True),
    ((3, 4, 2), (4, -1, 2), (4, 3, 2), True),
    ((3, 4, 2), (-1, 4), (6, 4), True),
    ((3, 4, 2), (-1,), (24,), True),
    ((24,), (3, 4, -1), (3, 4, 2), True),
    ((24,), (-1, 8), (3, 8), True),
    ((4,), (1, 1, 4), (1, 1, 4), True),
    ((6, 4), (2, 3, 4), (2, 3, 4), True),
    ((6, 4), (3, -1), (3, 8), True),
    ((6, 4), (1, 6, 4), (1, 6, 4), False),  # a sequence is that in a graph
    ((1, 6, 4), (6, 4), (6, 4), False),
)


@pytest.mark.train
@pytest.mark.parametrize(("name", "ending"), [("tf_keras", ".h5"), ("keras", ".keras")])
def test_it_is_keras_s_reshape(name: str, ending: str, tmp_path: Path) -> None:
    """All in one model. The float form gives the same."""
    k = library(name)
    inputs = [k.Input(entry[0], name=f"x{i}") for i, entry in enumerate(KERAS)]
    outputs = [k.layers.Reshape(entry[1], name=f"y{i}")(x) for i, (x, entry) in enumerate(zip(inputs, KERAS))]
    keras_model = k.Model(inputs, outputs, name="net")
    assert [tuple(y.shape[1:]) for y in keras_model.outputs] == [entry[2] for entry in KERAS]
    path = tmp_path / f"net{ending}"
    found = assert_equal_to_keras(keras_model, path, EXACT)
    wanted = [f"y{i}" for i, entry in enumerate(KERAS) if entry[3]]
    assert [node.layer for node in found.nodes if node.op.stem == "flatten"] == wanted
    values: list[Any] = [np.random.default_rng(i).normal(size=(4, *entry[0])) for i, entry in enumerate(KERAS)]
    got = run(read_network_file(path), values)
    for i, (value, entry) in enumerate(zip(values, KERAS)):
        np.testing.assert_array_equal(got[f"y{i}"], value.reshape(4, *entry[2]))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([5, -1], r"target_shape=\(5, -1\) on 'tested': \(3, 4, 2\) cannot be reshaped to it; the sizes must agree"),
        ([-1, -1], r"target_shape=\(-1, -1\) on 'tested': \(3, 4, 2\) cannot be reshaped"),
        ([-2, -12], r"target_shape=\(-2, -12\) on 'tested' is not supported; supported: sizes of 1 or more, and -1"),
        ([0, 24], r"target_shape=\(0, 24\) on 'tested' is not supported"),
        ([2, 3, 2, 2], r"'tested': a tensor of shape \(2, 3, 2, 2\) is not supported; supported: 1 to 3 axes"),
        ([2.0, 12], r"target_shape=\(2.0, 12\) on 'tested' is not supported; supported: whole numbers"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(target: list[Any], message: str) -> None:
    config = {"target_shape": target}
    layer = LayerCase("Reshape", (3, 4, 2), config)
    with pytest.raises(BitsmithError, match=message):
        convert(read_network(model(layer, config), Stored(layer), "net"), parse_config(EXACT))
