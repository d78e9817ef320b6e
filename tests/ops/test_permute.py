"""Another order of the axes: the contract, Keras's layer, and what it costs in cycles and in memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from definitions import Real
from estimated import assert_estimated
from hardware import Case, plan_alone
from layer_configs import Case as LayerCase
from layer_configs import Stored, model
from reading import assert_equal_to_keras, library

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.calibrate.ranges import propose
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert.layers import convert
from bitsmith.gen.passes.resize import resized
from bitsmith.gen.read import read_network_file
from bitsmith.gen.read.network import read_network
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.permute import Permute

Need = Callable[..., None]
S6, S8 = Fixed(True, 2, 3), Fixed(True, 3, 4)
ORDERS = [order for order in permutations(range(3)) if order != (0, 1, 2)]


def case(shape: Shape, axes: Any, pixels: int = 1, type_: Fixed = S6) -> Case:
    return Case(Permute(type_, axes), (Spec(shape, type_),), pixels)


class TestPermute(OperatorContract):
    cases: ClassVar = {
        **{f"few channels {order}": case((3, 5, 2), order) for order in ORDERS},
        **{f"many channels {order}": case((3, 2, 7), order) for order in ORDERS},
        "as it was": case((3, 4, 2), (0, 1, 2)),
        "a sequence": case((1, 6, 3), (0, 2, 1)),
        "a pixel": case((1, 1, 5), (2, 0, 1)),
        "a value": case((1, 1, 1), (1, 0, 2)),
        "one bit": case((3, 4, 2), (1, 2, 0), type_=Fixed(False, 1, 0)),
        "40 bits": case((3, 4, 2), (1, 0, 2), type_=Fixed(True, 19, 20)),
        "and back": Case(Permute(S6, (1, 2, 0)), (Spec((3, 4, 2), S6),), after=(Permute(S6, (2, 0, 1)),)),
        "and rounded": Case(
            Permute(S8, (2, 1, 0)), (Spec((3, 4, 2), S8),), after=(Activation(S8, Kind.RELU, Fixed(False, 3, 1)),)
        ),
        **{f"4 pixels, no multiple {order}": case((3, 7, 2), order, 4) for order in ORDERS},
        **{f"4 pixels, few columns {order}": case((6, 3, 2), order, 4) for order in ORDERS},
        **{f"4 pixels, high {order}": case((17, 5, 3), order, 4) for order in ORDERS},
        "4 pixels, as it was": case((3, 7, 2), (0, 1, 2), 4),
        "4 pixels, a sequence": case((1, 9, 3), (0, 2, 1), 4),
        **{f"16 pixels {order}": case((4, 19, 3), order, 16) for order in ORDERS},
    }
    bad: ClassVar = {
        "an axis twice": (lambda: Permute(S6, (0, 0, 2)), "axes=.*give 0, 1 and 2 in another order"),
        "two axes": (lambda: Permute(S6, (1, 0)), "give 0, 1 and 2"),  # type: ignore[arg-type]
        "a flag": (lambda: Permute(S6, (0, True, 2)), "give 0, 1 and 2"),
        "a vector": (lambda: Permute(S6, (1, 0, 2)).infer(Spec((3,), S6)), "expected 3 axes"),
    }

    def float_result(self, op: Permute, *x_float: Real) -> Real:
        """Value by value, by the definition."""
        (x,) = x_float
        sizes = tuple(x.shape[1 + axis] for axis in op.axes)
        y = np.empty((len(x), *sizes))
        for place in np.ndindex(*sizes):
            source, target = [0, 0, 0], (slice(None), *place)
            for axis, n in zip(op.axes, place):
                source[axis] = n
            y[target] = x[:, source[0], source[1], source[2]]
        return y


# Image, order, pixels per cycle: beats that are written, that are read, banks, words of a bank.
KEPT: dict[str, tuple[Shape, Any, int, tuple[int, int, int, int]]] = {
    "rows and columns, pixel by pixel": ((6, 4, 8), (1, 0, 2), 1, (24, 24, 1, 24)),
    "rows and columns, 4 pixels": ((6, 8, 3), (1, 0, 2), 4, (12, 16, 4, 16)),  # 6 rows are two beats of 4 pixels
    "channels for columns": ((4, 8, 16), (0, 2, 1), 1, (32, 64, 16, 32)),
    "columns for few channels": ((4, 16, 2), (0, 2, 1), 1, (64, 8, 16, 8)),
}


@pytest.mark.parametrize("name", KEPT)
def test_a_frame_is_written_then_read(name: str) -> None:
    """A beat a cycle either way, whatever the order, in no more memory than the frame takes with its void lanes."""
    shape, axes, pixels, (ins, outs, banks, words) = KEPT[name]
    core: Any = plan_alone(case(shape, axes, pixels)).stage("alone").core
    timing = core.steps()
    assert timing.consumes[0].tolist() == [True] * ins + [False] * outs
    assert timing.emits.tolist() == [False] * ins + [True] * outs
    assert set(timing.cost.tolist()) == {1}
    assert (core.banks, core.depth) == (banks, words)


ESTIMATED = {
    "pixels": case((9, 70, 3), (1, 0, 2), type_=S8),
    "values": case((4, 12, 5), (0, 2, 1), type_=S8),
    "all": case((9, 16, 4), (2, 1, 0), type_=S8),
}


@pytest.mark.slow
@pytest.mark.parametrize("pixels", [1, 4])
def test_its_formula_is_an_estimate_of_what_yosys_finds(pixels: int, tmp_path: Path, need: Need) -> None:
    need("yosys")
    assert_estimated(ESTIMATED, pixels, tmp_path)


def test_another_size() -> None:
    graph = Graph("net", (("x", Spec((3, 4, 2), S6)),), (Node("y", Permute(S6, (1, 0, 2)), ("x",)),), ("y",))
    assert resized(graph, 5, 7).specs()["y"].shape == (7, 5, 2)


# from Keras ---------------------------------------------------------------------------------------

EXACT = {"Bitsmith": {"input": "fixed<8,4>"}, "HLSConfig": {"Model": {"Precision": "auto"}}}


def converted(shape: Shape, dims: Any) -> Graph:
    config = {"dims": dims}
    layer = LayerCase("Permute", shape, config)
    return convert(read_network(model(layer, config), Stored(layer), "net"), parse_config(EXACT))


@pytest.mark.parametrize(
    ("shape", "dims", "stem"),
    [
        ((3, 4, 2), [2, 1, 3], "permute"),
        ((6, 2), [2, 1], "permute"),
        ((6, 1), [2, 1], "flatten"),
        ((3, 1, 2), [2, 1, 3], "flatten"),
        ((3, 4, 1), [3, 1, 2], "flatten"),
    ],
)
def test_it_is_a_reshape_where_only_ones_change_places(shape: Shape, dims: list[int], stem: str) -> None:
    stems = [node.op.stem for node in converted(shape, dims).nodes]
    assert [found for found in stems if found != "activation"] == [stem]


@pytest.mark.parametrize(("shape", "dims"), [((4,), [1]), ((3, 4, 2), [1, 2, 3]), ((6, 2), [1, 2])])
def test_nothing_is_done_where_nothing_changes_places(shape: Shape, dims: list[int]) -> None:
    assert {node.op.stem for node in converted(shape, dims).nodes} <= {"activation"}


@pytest.mark.parametrize("dims", [[1, 2], [0, 1, 2], [1, 2, 2], [1, 2, 4], None, 3, [1.0, 2, 3], [True, 2, 3]])
def test_what_is_no_order_is_refused(dims: Any) -> None:
    with pytest.raises(BitsmithError, match="dims=.* on 'tested' is not supported; supported: the axes 1 to 3 in any"):
        converted((3, 4, 2), dims)


KERAS: tuple[tuple[Shape, tuple[int, ...]], ...] = (
    *(((3, 4, 2), tuple(n + 1 for n in order)) for order in ORDERS),
    ((6, 3), (2, 1)),
    ((1, 6, 3), (2, 1, 3)),
)


@pytest.mark.train
@pytest.mark.parametrize(("name", "ending"), [("tf_keras", ".h5"), ("keras", ".keras")])
def test_it_is_keras_s_layer(name: str, ending: str, tmp_path: Path) -> None:
    """All orders in one model. The float form gives the same."""
    k = library(name)
    inputs = [k.Input(shape, name=f"x{i}") for i, (shape, _) in enumerate(KERAS)]
    outputs = [k.layers.Permute(dims, name=f"y{i}")(x) for i, (x, (_, dims)) in enumerate(zip(inputs, KERAS))]
    keras_model = k.Model(inputs, outputs, name="net")
    path = tmp_path / f"net{ending}"
    found = assert_equal_to_keras(keras_model, path, EXACT)
    assert [node.op.stem for node in found.nodes] == [*["permute"] * 6, "flatten"]
    values: list[Any] = [np.random.default_rng(i).normal(size=(4, *shape)) for i, (shape, _) in enumerate(KERAS)]
    got = run(read_network_file(path), values)
    for i, (value, (_, dims)) in enumerate(zip(values, KERAS)):
        np.testing.assert_array_equal(got[f"y{i}"], np.transpose(value, (0, *dims)))


def test_calibrate_gives_it_no_type_of_its_own() -> None:
    """It hands on values as they are."""
    layer = LayerCase("Permute", (6, 2), {"dims": [2, 1]})
    net = read_network(model(layer, {"dims": [2, 1]}), Stored(layer), "net")
    proposed = propose(net, np.random.default_rng(1).normal(size=(3, 6, 2)), 8)
    assert "tested" not in proposed["HLSConfig"].get("LayerName", {})
