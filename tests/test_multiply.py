"""The product of tensors: exact, of any number, and with one of them broadcast."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from layer_configs import Case as LayerCase
from layer_configs import Stored, model
from reading import assert_equal_to_keras, library

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.calibrate.ranges import propose
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert.layers import convert
from bitsmith.gen.hls import HlsModel, emit
from bitsmith.gen.passes.interleave import interleave
from bitsmith.gen.passes.resize import resized
from bitsmith.gen.read import read_network_file
from bitsmith.gen.read.network import Network, read_network
from bitsmith.gen.verify import vectors
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed, to_float
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.multiply import Multiply

S8, U8, S6 = Fixed(True, 3, 4), Fixed(False, 0, 8), Fixed(True, 2, 3)
SHAPES: dict[str, tuple[Shape, ...]] = {
    "one shape": ((3, 4, 2), (3, 4, 2)),
    "vectors": ((5,), (5,)),
    "a vector and one value": ((5,), (1,)),
    "a factor for each channel": ((3, 4, 2), (1, 1, 2)),
    "a vector for each channel": ((2,), (3, 4, 2)),
    "a factor for each place": ((3, 4, 2), (3, 4, 1)),
    "one factor": ((3, 4, 2), (1, 1, 1)),
    "a factor for each row": ((3, 1, 2), (3, 4, 2)),
    "a factor for each column": ((3, 4, 2), (1, 4, 2)),
    "a sequence and a vector": ((1, 6, 3), (3,)),
    "three": ((3, 4, 2), (3, 4, 1), (2,)),
    "three, the whole last": ((2,), (3, 4, 1), (3, 4, 2)),
    "four": ((2, 2, 3), (2, 2, 3), (2, 2, 3), (3,)),
}
TYPES = (S6, U8, S8, S6)


def graph(shapes: tuple[Shape, ...]) -> Graph:
    inputs = tuple((f"x{i}", Spec(shape, type)) for i, (shape, type) in enumerate(zip(shapes, TYPES)))
    op = Multiply(tuple(spec.type for _, spec in inputs))
    return Graph("net", inputs, (Node("y", op, tuple(name for name, _ in inputs)),), ("y",))


def real(given: Graph, raw: dict[str, Any]) -> Any:
    """The product in float64, by numpy's own broadcasting; exact, as none has more than 53 bits."""
    rank = max(len(spec.shape) for _, spec in given.inputs)
    y = np.ones(())
    for name, spec in given.inputs:
        x = to_float(raw[name], spec.type)
        y = y * x.reshape(len(x), *(1,) * (rank - len(spec.shape)), *spec.shape)
    return y


@pytest.mark.parametrize("name", SHAPES)
def test_the_integers_are_the_real_product(name: str) -> None:
    net = graph(SHAPES[name])
    raw = vectors.make(net.inputs, 8, 5)
    (y,) = Reference(net).predict_raw(*raw.values())
    spec = net.specs()["y"]
    assert y.shape == (8, *spec.shape)
    np.testing.assert_array_equal(to_float(y, spec.type), real(net, raw))
    np.testing.assert_array_equal(Reference(net).trace_raw(*raw.values())["y"], y)


def test_the_ends_of_the_types_fit() -> None:
    net = graph(((4,), (4,), (4,)))
    types = [spec.type for _, spec in net.inputs]
    ends = [np.array([[t.raw_min, t.raw_min, t.raw_max, t.raw_max]]) for t in types]
    (y,) = Reference(net).predict_raw(*ends)
    assert [int(v) for v in y[0]] == [int(a) * int(b) * int(c) for a, b, c in zip(*(e[0] for e in ends))]
    assert net.specs()["y"].type.raw_min <= y.min()
    assert y.max() <= net.specs()["y"].type.raw_max


@pytest.mark.parametrize("io_type", ["io_stream", "io_parallel"])
def test_the_c_simulation_gives_the_same(io_type: str, tmp_path: Path) -> None:
    """All cases side by side; the Verilog's plan is left out, which only shares multipliers."""
    inputs: list[tuple[str, Spec]] = []
    nodes: list[Node] = []
    for i, shapes in enumerate(SHAPES.values()):
        case = graph(shapes)
        inputs += [(f"c{i}_{name}", spec) for name, spec in case.inputs]
        nodes += [Node(f"c{i}_y", case.nodes[0].op, tuple(f"c{i}_{name}" for name, _ in case.inputs))]
    net = Graph("net", tuple(inputs), tuple(nodes), tuple(node.name for node in nodes))
    raw = vectors.make(net.inputs, 6, 5)
    expected = Reference(net).predict_raw(*raw.values())
    folder = tmp_path / "vectors"
    folder.mkdir()
    for kind, arrays in (("input", raw), ("output", dict(zip(net.outputs, expected)))):
        for name, array in arrays.items():
            np.save(folder / f"{kind}_{name}.npy", array)
    plan: Any = SimpleNamespace(decided={})
    emit(net, parse_config({"IOType": io_type}), tmp_path, folder, plan)
    got = HlsModel(tmp_path, "-O0").predict_raw(*raw.values())
    for name, right, have in zip(SHAPES, expected, got):
        np.testing.assert_array_equal(have, right, err_msg=name)


REFUSED: dict[str, tuple[tuple[Shape, ...], str]] = {
    "sizes that differ": (((3, 4, 2), (3, 3, 2)), "one must have the whole shape"),
    "none with the whole shape": (((3, 1, 2), (1, 4, 2)), "one must have the whole shape"),
    "one tensor": (((3, 4, 2),), "1 inputs; give two or more"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name: str) -> None:
    shapes, message = REFUSED[name]
    with pytest.raises(BitsmithError, match=message):
        graph(shapes).specs()


def test_a_product_too_wide_is_refused() -> None:
    with pytest.raises(BitsmithError, match="62 is the most"):
        Multiply((Fixed(True, 40, 0), Fixed(True, 0, 40)))


def test_it_is_saved_and_read_back() -> None:
    text = graph(SHAPES["three"]).to_json()
    assert Graph.from_json(text).to_json() == text


def network(*shapes: Shape) -> Network:
    """Multiply called on inputs of these shapes, as Keras writes it."""
    found = model(LayerCase("Multiply", shapes[0], {}), {})
    entries = [
        {
            "class_name": "InputLayer",
            "name": f"x{i}",
            "config": {"name": f"x{i}", "batch_input_shape": [None, *shape], "dtype": "float32"},
            "inbound_nodes": [],
        }
        for i, shape in enumerate(shapes)
    ]
    layer = found["config"]["layers"][1] | {"inbound_nodes": [[[f"x{i}", 0, 0, {}] for i in range(len(shapes))]]}
    found["config"] |= {
        "layers": [*entries, layer],
        "input_layers": [[f"x{i}", 0, 0] for i in range(len(shapes))],
    }
    return read_network(json.loads(json.dumps(found)), Stored(LayerCase("Multiply", (), {})), "net")


EXACT = {"Bitsmith": {"input": "fixed<8,4>"}, "HLSConfig": {"Model": {"Precision": "auto"}}}
ROUNDED = {"Bitsmith": {"input": "fixed<8,4>"}, "HLSConfig": {"Model": {"Precision": "fixed<12,6,RND_CONV,SAT>"}}}


@pytest.mark.parametrize("shapes", [((3, 4, 2),) * 3, ((3, 4, 2), (2,)), ((6, 3), (3,)), ((6, 3), (1, 3))])
def test_keras_s_layer_becomes_it(shapes: tuple[Shape, ...]) -> None:
    found = convert(network(*shapes), parse_config(EXACT))
    assert [node.op.stem for node in found.nodes] == ["multiply"]
    rounded = convert(network(*shapes), parse_config(ROUNDED))
    assert [node.op.stem for node in rounded.nodes] == ["multiply", "activation"]


KERAS: dict[str, tuple[Shape, ...]] = {
    "three images": ((3, 4, 2),) * 3,
    "a factor for each channel": ((3, 4, 2), (1, 1, 2)),
    "a vector, an image and a map": ((2,), (3, 4, 2), (3, 4, 1)),
    "a sequence and a vector": ((6, 3), (3,)),
    "vectors": ((5,), (1,)),
}


@pytest.mark.train
@pytest.mark.parametrize(("name", "ending"), [("tf_keras", ".h5"), ("keras", ".keras")])
@pytest.mark.parametrize("case", KERAS)
def test_it_is_keras_s_product(name: str, ending: str, case: str, tmp_path: Path) -> None:
    """Integer for integer: every value fits float32's mantissa. The float form gives the same."""
    k = library(name)
    inputs = [k.Input(shape, name=f"x{i}") for i, shape in enumerate(KERAS[case])]
    keras_model = k.Model(inputs, k.layers.Multiply(name="product")(inputs), name="net")
    path = tmp_path / f"net{ending}"
    found = assert_equal_to_keras(keras_model, path, EXACT | {"Bitsmith": {"input": "fixed<6,3>"}})
    assert [node.op.stem for node in found.nodes] == ["multiply"]
    x: list[Any] = [np.random.default_rng(i).normal(size=(4, *shape)) for i, shape in enumerate(KERAS[case])]
    wanted: Any = np.asarray(keras_model([v.astype(np.float32) for v in x]))
    np.testing.assert_allclose(run(read_network_file(path), x)["product"], wanted, rtol=1e-5)


def test_shapes_that_do_not_fit_name_the_layer() -> None:
    with pytest.raises(BitsmithError, match=r"'tested' \(Multiply\): inputs of shapes \(3, 4, 2\), \(3, 3, 2\)"):
        convert(network((3, 4, 2), (3, 3, 2)), parse_config(EXACT))
    with pytest.raises(BitsmithError, match="'tested': Multiply of one tensor; give two or more"):
        convert(network((3, 4, 2)), parse_config(EXACT))


def test_calibrate_measures_it() -> None:
    """One input, called on twice: its square."""
    case = LayerCase("Multiply", (4,), {}, tensors=2)
    net = read_network(model(case, {}), Stored(case), "net")
    proposed = propose(net, np.array([[0.5, -1.5, 3.0, 0.0]]), 8)
    assert proposed["HLSConfig"]["LayerName"]["tested"]["Precision"]["result"].startswith("ufixed<8,4")


def test_it_is_pixel_by_pixel() -> None:
    """Resized it is itself; with sequences side by side a vector for every step is one for every sequence."""
    net = graph(((4, 4, 2), (4, 4, 2)))
    one = Graph("net", net.inputs[:1], (Node("y", Multiply((S6, S6)), ("x0", "x0")),), ("y",))
    assert resized(one, 6, 5).specs()["y"].shape == (6, 5, 2)
    sequence = graph(((1, 6, 3), (3,)))
    side_by_side = interleave(sequence, 2)
    raw = vectors.make(sequence.inputs, 2, 5)
    (plain,) = Reference(sequence).predict_raw(*raw.values())
    steps, gate = raw.values()
    (both,) = Reference(side_by_side).predict_raw(
        steps[:, 0].transpose(1, 0, 2)[np.newaxis], gate[np.newaxis, np.newaxis]
    )
    np.testing.assert_array_equal(both[0].transpose(1, 0, 2), plain[:, 0])
