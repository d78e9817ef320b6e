"""The logarithm of a softmax: the contract, an error bound, Keras's layers and ONNX's operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from contract import Need, OperatorContract
from definitions import Real, real
from estimated import assert_estimated
from hardware import SEED, Case
from layer_configs import Case as LayerCase
from layer_configs import Stored, model
from reading import library

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.convert.layers import convert
from bitsmith.gen.read.network import read_network
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed, Overflow, Rounding, quantize, to_float
from bitsmith.sim.graph import Graph
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.log_softmax import LogSoftmax

S8, U8, S16 = Fixed(True, 3, 4), Fixed(False, 0, 8), Fixed(True, 7, 8)
UNIT, TABLE, Y = Fixed(False, 1, 10), Fixed(False, 3, 4), Fixed(True, 5, 6)


def log_softmax(x: Fixed, difference: Fixed = TABLE, total: Fixed = TABLE, y: Fixed = Y, **more: Any) -> LogSoftmax:
    return LogSoftmax(x, difference, UNIT, total, more.pop("log", Fixed(False, 2, 8)), y, **more)


def case(shape: Shape, x: Fixed = S8, pixels: int = 1, **more: Any) -> Case:
    return Case(log_softmax(x, **more), (Spec(shape, x),), pixels)


class TestLogSoftmax(OperatorContract):
    cases: ClassVar = {
        "5 classes": case((5,)),
        "2 classes": case((2,)),
        "1 class": case((1,)),
        "13 classes, unsigned": case((13,), U8, total=Fixed(False, 4, 4)),
        "16 bits of input": case((4,), S16, y=Fixed(True, 9, 4)),
        "an image, over its channels": case((2, 3, 4)),
        "a sequence": case((1, 5, 3)),
        "tiny tables": case((4,), difference=Fixed(False, 3, 1), total=Fixed(False, 3, 2)),
        "wide outputs": case((4,), y=Fixed(True, 5, 12)),
        "cut off, wrapping": case((5,), y=Fixed(True, 2, 3), rounding=Rounding.TRN, overflow=Overflow.WRAP),
        "unsigned outputs": case((3,), y=Fixed(False, 2, 3)),
        "fine tables": case((3,), difference=Fixed(False, 4, 6), total=Fixed(False, 2, 9), log=Fixed(False, 1, 12)),
        "one bit": case((3,), Fixed(False, 1, 0)),
        "4 pixels, 7 classes": case((7,), pixels=4),
        "4 pixels, an image": case((2, 6, 2), pixels=4),
    }
    bad: ClassVar = {
        "a signed table": (lambda: log_softmax(S8, difference=S8), "difference_type fixed<8,4> is signed"),
        "signed logarithms": (lambda: log_softmax(S8, log=S8), "log_type fixed<8,4> is signed"),
        "a huge table": (lambda: log_softmax(S8, total=Fixed(False, 10, 10)), "at most 18 bits"),
        "sums too wide": (
            lambda: log_softmax(Fixed(True, 30, 0), log=Fixed(False, 2, 40)),
            "an exact value inside needs 7. bits and 62 is the most",
        ),
    }

    def test_float_bound(self, name: str) -> None:
        """Within what the tables' roundings allow, where the output's type holds the value."""
        op, spec = self.cases[name].op, self.cases[name].operator_inputs[0]
        assert isinstance(op, LogSoftmax)
        raw = np.random.default_rng(SEED).integers(
            spec.type.raw_min, spec.type.raw_max, (200, *spec.shape), endpoint=True
        )
        got, expected = real(op.compute(raw), op.output_type), self.float_result(op, real(raw, spec.type))
        low, high = (end * 2.0**-op.output_type.fraction for end in (op.output_type.raw_min, op.output_type.raw_max))
        if op.overflow is Overflow.WRAP:
            inside = (expected > low + 0.5) & (expected < high - 0.5)
            assert inside.any()
            got, expected = got[inside], expected[inside]
        assert np.abs(got - np.clip(expected, low, high)).max() <= bound(op, spec.shape[-1])

    def float_result(self, op: LogSoftmax, *x_float: Real) -> Real:
        below = x_float[0] - x_float[0].max(axis=-1, keepdims=True)
        return np.asarray(below - np.log(np.exp(below).sum(axis=-1, keepdims=True)))


def bound(op: LogSoftmax, classes: int) -> float:
    """The largest error: that of every exponential and half a step of the sum, which is at least 1, so that its
    logarithm is no steeper than 1; half a step of the logarithm and one of the outputs."""
    half = {name: 2.0 ** -(getattr(op, f"{name}_type").fraction + 1) for name in ("difference", "exp", "sum", "log")}
    beyond = np.exp(-op.difference_type.raw_max * 2.0**-op.difference_type.fraction)
    e = half["difference"] + half["exp"] + beyond
    return float(classes * e + half["sum"] + half["log"] + 2.0**-op.output_type.fraction)


ESTIMATED = {"classes": case((10,)), "wide": case((4,), S16)}


@pytest.mark.slow
def test_its_formula_is_an_estimate_of_what_yosys_finds(tmp_path: Path, need: Need) -> None:
    need("yosys")
    assert_estimated(ESTIMATED, 1, tmp_path)


# from Keras ---------------------------------------------------------------------------------------

CONFIG: dict[str, Any] = {
    "Bitsmith": {"input": "fixed<10,4>"},
    "HLSConfig": {"Model": {"Precision": "fixed<16,6,RND_CONV,SAT>"}},
}


def converted(class_name: str, shape: Shape, config: dict[str, Any], **bitsmith: Any) -> Graph:
    layer = LayerCase(class_name, shape, config)
    given = CONFIG | {"Bitsmith": CONFIG["Bitsmith"] | bitsmith}
    return convert(read_network(model(layer, config), Stored(layer), "net"), parse_config(given))


FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "a layer": ("LogSoftmax", {"axis": -1}),
    "an activation": ("Activation", {"activation": "log_softmax"}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("classes", [1, 3, 10])
def test_its_tables_follow_from_the_result(form: str, classes: int) -> None:
    """Within 2**-7 with tables of 12 bits, within 2**-9 with 16, of results with 10 fraction bits."""
    class_name, config = FORMS[form]
    for bits, most in ((12, 2.0**-7), (16, 2.0**-9)):
        graph = converted(class_name, (classes,), config, table_bits=bits)
        x = np.random.default_rng(4).uniform(-8, 8, (300, classes))
        raw = quantize(x, graph.inputs[0][1].type)
        (found,) = Reference(graph).predict_raw(raw)
        x = to_float(raw, graph.inputs[0][1].type)
        below = x - x.max(axis=-1, keepdims=True)
        exact = below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
        assert np.abs(to_float(found, graph.specs()[graph.outputs[0]].type) - exact).max() <= most


@pytest.mark.parametrize("form", FORMS)
def test_it_is_left_out_before_a_decision(form: str) -> None:
    class_name, config = FORMS[form]
    stems = {node.op.stem for node in converted(class_name, (5,), config, output="argmax").nodes}
    assert "log_softmax" not in stems
    assert "argmax" in stems


@pytest.mark.train
def test_it_is_keras_s_function(tmp_path: Path) -> None:
    k = library("keras")
    x = k.Input((6,), name="x")
    dense = k.layers.Dense(5, activation="log_softmax", name="inside")(x)
    k.Model(x, [dense, k.ops.log_softmax(x), k.layers.Activation("log_softmax")(dense)]).save(tmp_path / "m.keras")
    config = parse_config({"Bitsmith": {"input": "fixed<10,4>", "table_bits": 16}, "HLSConfig": CONFIG["HLSConfig"]})
    graph = read_model(tmp_path / "m.keras", config)
    assert [node.op.stem for node in graph.nodes if node.op.stem == "log_softmax"] == ["log_softmax"] * 3
    raw = np.random.default_rng(2).integers(-300, 300, (50, 6))
    found = [to_float(y, graph.specs()[n].type) for y, n in zip(Reference(graph).predict_raw(raw), graph.outputs)]
    expected = k.models.load_model(tmp_path / "m.keras")(to_float(raw, Fixed(True, 3, 6)).astype(np.float32))
    for mine, theirs in zip(found, expected, strict=True):
        assert np.abs(mine - np.asarray(theirs)).max() < 0.02
