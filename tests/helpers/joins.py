"""What operators that join tensors value by value promise beside the contract: Keras's layers, shapes, types."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from definitions import quantized
from hardware import Case
from join_cases import S6, S8, SHAPES, TYPES, U4, U8, Shapes
from layer_configs import Case as LayerCase
from layer_configs import Stored, model
from model_files import write_functional
from reading import FloatArray, assert_float32_is_exact, batch, evaluate, keras_shape, library, save

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.calibrate.ranges import propose
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.convert.layers import convert
from bitsmith.gen.hls import HlsModel, emit
from bitsmith.gen.inspect import inspect
from bitsmith.gen.passes.interleave import interleave
from bitsmith.gen.passes.resize import resized
from bitsmith.gen.read import read_network_file
from bitsmith.gen.read.network import Network, read_network
from bitsmith.gen.verify import vectors
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed, Overflow, Rounding
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Operator, Shape, Spec

FRAMES = 7
"""Keras 3's sum takes (batch, 1) for a bias where the other tensor has as many channels as the batch has frames."""
KERAS: Shapes = {
    "images": ((3, 4, 2), (3, 4, 2)),
    "a value for each channel": ((3, 4, 2), (1, 1, 2)),
    "an image and a sequence": ((3, 4, 2), (4, 2)),
    "a sequence and a vector": ((6, 3), (3,)),
    "vectors": ((5,), (1,)),
    "three images": ((3, 4, 2),) * 3,
    "a vector, an image and a map": ((2,), (3, 4, 2), (3, 4, 1)),
    "four vectors": ((5,),) * 4,
}
EXACT = {"Bitsmith": {"input": "fixed<6,3>"}, "HLSConfig": {"Model": {"Precision": "auto"}}}
ROUNDED = {"Bitsmith": {"input": "fixed<6,3>"}, "HLSConfig": {"Model": {"Precision": "fixed<8,6,RND_CONV,SAT>"}}}


def network(class_name: str, *shapes: Shape) -> Network:
    """The layer called on inputs of these shapes, as Keras writes it."""
    found = model(LayerCase(class_name, shapes[0], {}), {})
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
    return read_network(json.loads(json.dumps(found)), Stored(LayerCase(class_name, (), {})), "net")


class JoinContract(OperatorContract):
    """Give ``class_name``, ``make``, and where they take no more than two tensors ``most`` and ``operands``."""

    class_name: ClassVar[str]
    most: ClassVar[int] = 4
    """Tensors of the layer."""
    operands: ClassVar[int] = 4
    """Tensors of the operator."""

    def make(self, types: tuple[Fixed, ...]) -> Operator:
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        super().pytest_generate_tests(metafunc)
        if "shapes" in metafunc.fixturenames:
            taken = {name: shapes for name, shapes in KERAS.items() if len(shapes) <= self.most}
            metafunc.parametrize("shapes", list(taken.values()), ids=list(taken))

    @property
    def stem(self) -> str:
        return self.make((S8, S8)).stem

    def test_arrays_in_the_c_simulation_give_the_same(self, tmp_path: Path, need: Callable[..., None]) -> None:
        """io_parallel; the contract has streams."""
        need("g++")
        graphs = {name: case.graph(f"c{k}") for k, (name, case) in enumerate(self.cases.items()) if name in SHAPES}
        inputs = tuple(entry for graph in graphs.values() for entry in graph.inputs)
        nodes = tuple(node for graph in graphs.values() for node in graph.nodes)
        net = Graph("net", inputs, nodes, tuple(node.name for node in nodes))
        raw = vectors.make(net.inputs, 6, 5)
        expected = Reference(net).predict_raw(*raw.values())
        vectors.save(tmp_path / "vectors", raw, dict(zip(net.outputs, expected)))
        plan: Any = SimpleNamespace(decided={})
        emit(net, parse_config({"IOType": "io_parallel"}), tmp_path, tmp_path / "vectors", plan)
        for name, right, got in zip(graphs, expected, HlsModel(tmp_path, "-O0").predict_raw(*raw.values())):
            np.testing.assert_array_equal(got, right, err_msg=name)

    def test_every_integer_fits_and_the_type_is_no_wider_than_that(self) -> None:
        """At the corners of what the inputs can be."""
        for types in ((S6, U8), (U8, U4), (S8, S6), (U4, S6), TYPES):
            if len(types) > self.operands:
                continue
            op = self.make(types)
            corners = np.array(np.meshgrid(*((t.raw_min, t.raw_max) for t in types))).reshape(len(types), -1, 1)
            y = op.compute(*corners)
            out = op.infer(*(Spec((1,), t) for t in types)).type
            assert (out.raw_min <= y.min(), y.max() <= out.raw_max) == (True, True)
            self.check_width(out, Fixed.holding(int(y.min()), int(y.max()), out.fraction), len(types))

    def check_width(self, out: Fixed, least: Fixed, tensors: int) -> None:
        assert out == least

    def test_keras_s_layer_becomes_it(self, shapes: tuple[Shape, ...]) -> None:
        found = convert(network(self.class_name, *shapes), parse_config(ROUNDED))
        assert [node.op.stem for node in found.nodes] == self.nodes(len(shapes))
        assert found.specs()[found.outputs[0]].type == Fixed(True, 5, 2)
        assert found.nodes[0].layer == "tested"

    def nodes(self, tensors: int) -> list[str]:
        return [self.stem, "activation"]

    @pytest.mark.train
    @pytest.mark.parametrize(
        ("keras", "ending", "config"),
        [
            pytest.param("tf_keras", ".h5", EXACT, id="h5 exact"),
            pytest.param("keras", ".keras", ROUNDED, id="keras rounded"),
            pytest.param("tf_keras", ".h5", ROUNDED, id="h5 rounded", marks=pytest.mark.slow),
            pytest.param("keras", ".keras", EXACT, id="keras exact", marks=pytest.mark.slow),
        ],
    )
    def test_it_is_what_keras_computes(
        self, keras: str, ending: str, config: dict[str, Any], shapes: tuple[Shape, ...], tmp_path: Path
    ) -> None:
        """Integer for integer, from the file; and its form in float64, of values that are on no grid."""
        k = library(keras)
        inputs = [k.Input(shape, name=f"x{i}") for i, shape in enumerate(shapes)]
        keras_model = k.Model(inputs, getattr(k.layers, self.class_name)(name="tested")(inputs), name="net")
        path = tmp_path / f"net{ending}"
        save(keras_model, path)
        if config is EXACT and not self.is_exact(len(shapes)):
            with pytest.raises(BitsmithError, match="'tested' needs a type for its result"):
                read_model(path, parse_config(config))
            return
        graph = read_model(path, parse_config(config))
        assert_float32_is_exact(graph)
        raw = batch(graph, FRAMES)
        given = [keras_shape(x, (None, *shape)) for x, shape in zip(raw, shapes)]
        wanted = np.asarray(keras_model([x.astype(np.float32) for x in given]), dtype=np.float64)
        (got,) = evaluate(graph, *raw)
        out = graph.specs()[graph.outputs[0]].type
        assert got.shape[-len(wanted.shape[1:]) :] == wanted.shape[1:]
        right = quantized(wanted, out, Rounding.RND_CONV, Overflow.SAT)
        np.testing.assert_array_equal(got.reshape(wanted.shape), right)
        assert np.unique(right).size > 2
        assert config is ROUNDED or not (right - wanted).any()
        self.check_floats(keras_model, path, shapes)

    def is_exact(self, tensors: int) -> bool:
        return True

    def check_floats(self, keras_model: Any, path: Path, shapes: tuple[Shape, ...]) -> None:
        x: list[FloatArray] = [np.random.default_rng(i).normal(size=(4, *shape)) for i, shape in enumerate(shapes)]
        wanted = np.asarray(keras_model([v.astype(np.float32) for v in x]))
        np.testing.assert_allclose(run(read_network_file(path), x)["tested"], wanted, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("wrong", [((3, 4, 2), (3, 3, 2)), ((3, 1, 2), (1, 4, 2))])
    def test_shapes_that_do_not_fit_name_the_layer(self, wrong: tuple[Shape, ...]) -> None:
        """Keras refuses the first; the second it takes, and hardware would hold both."""
        with pytest.raises(BitsmithError, match=rf"'tested' \({self.class_name}\): inputs of shapes \(3, \d, 2\), \("):
            convert(network(self.class_name, *wrong), parse_config(EXACT))

    def test_a_number_of_tensors_that_it_does_not_take_names_the_layer(self) -> None:
        with pytest.raises(BitsmithError, match=f"'tested': {self.class_name} of one tensor; give two or more"):
            convert(network(self.class_name, (3, 4, 2)), parse_config(EXACT))
        if self.most == 2:
            with pytest.raises(BitsmithError, match=f"'tested': {self.stem}: 3 inputs; give two$"):
                convert(network(self.class_name, *((4,),) * 3), parse_config(EXACT))

    def test_types_too_wide_name_the_layer(self) -> None:
        layers = {"x0": {"Precision": "fixed<40,40>"}, "x1": {"Precision": "fixed<40,0>"}}
        model = {"Precision": "fixed<8,6,RND_CONV,SAT>"}
        wide = parse_config({"HLSConfig": {"LayerName": layers, "Model": model}})
        with pytest.raises(BitsmithError, match="'tested': .*(bits|wide)"):
            convert(network(self.class_name, (4,), (4,)), wide)

    def test_calibrate_and_inspect_know_it(self, tmp_path: Path) -> None:
        """One input, called on twice."""
        case = LayerCase(self.class_name, (4,), {}, tensors=2)
        net = read_network(model(case, {}), Stored(case), "net")
        x = np.array([[0.5, -1.5, 3.0, 0.0]])
        proposed = propose(net, x, 8)
        found = convert(net, parse_config(proposed))
        (y,) = evaluate(found, x)
        np.testing.assert_allclose(y, run(net, [x])["tested"], atol=2.0**-4)
        path = write_functional(tmp_path / "m.h5", model(case, {}), {})
        rows = {row["name"]: row for row in inspect(path)["layers"]}
        assert rows["tested"]["shape"] == [4]

    def test_it_is_pixel_by_pixel(self) -> None:
        """Resized it is itself; with sequences side by side a vector for every step is one for every sequence."""
        image = Spec((4, 4, 2), S6)
        one = Graph("net", (("x", image),), (Node("y", self.make((S6, S6)), ("x", "x")),), ("y",))
        assert resized(one, 6, 5).specs()["y"].shape == (6, 5, 2)
        sequence = Case(self.make((S6, U8)), (Spec((1, 6, 3), S6), Spec((3,), U8))).graph("net")
        raw = vectors.make(sequence.inputs, 2, 5)
        (plain,) = Reference(sequence).predict_raw(*raw.values())
        steps, vector = raw.values()
        (both,) = Reference(interleave(sequence, 2)).predict_raw(
            steps[:, 0].transpose(1, 0, 2)[np.newaxis], vector[np.newaxis, np.newaxis]
        )
        np.testing.assert_array_equal(both[0].transpose(1, 0, 2), plain[:, 0])
