"""The scalar product of two vectors: the contract, Keras's layer, and how the two streams meet."""

from __future__ import annotations

import json
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
from bitsmith.gen.calibrate.ranges import propose
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert.layers import convert
from bitsmith.gen.passes.interleave import interleave
from bitsmith.gen.read import read_network_file
from bitsmith.gen.read.network import Network, read_network
from bitsmith.gen.rtl.emit import emit_plan
from bitsmith.gen.rtl.plan import plan
from bitsmith.gen.simulate import verilator
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.simulate.simulation import Drive
from bitsmith.gen.verify import vectors
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Operator, Shape, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.dot import Dot
from bitsmith.sim.ops.flatten import Flatten

Need = Callable[..., None]
S8, U8, S6 = Fixed(True, 3, 4), Fixed(False, 0, 8), Fixed(True, 2, 3)
BIT = Fixed(False, 1, 0)


def dense(inputs: int, outputs: int) -> Dense:
    return Dense(S6, draw(S6, inputs, outputs), S6, draw(S6, outputs), S6)


def same(type_: Fixed = S6) -> Activation:
    """Leaves a vector in the beats that it comes in."""
    return Activation(type_, Kind.LINEAR, S8)


def flat(shape: Shape) -> Flatten:
    return Flatten(S6, (int(np.prod(shape)),))


def case(n: int, a: Fixed = S6, b: Fixed = S6, pixels: int = 1) -> Case:
    return Case(Dot((a, b), n), (Spec((n,), a), Spec((n,), b)), pixels)


def behind(first: tuple[Shape, Operator], second: tuple[Shape, Operator], pixels: int = 1) -> Case:
    """Each vector behind an operator, which decides in what beats it comes."""
    specs = tuple(Spec(shape, S6) for shape, _ in (first, second))
    given = tuple(op.infer(spec) for (_, op), spec in zip((first, second), specs))
    return Case(Dot((given[0].type, given[1].type), given[0].shape[0]), specs, pixels, before=(first[1], second[1]))


IMAGE: Shape = (3, 5, 2)


class TestDot(OperatorContract):
    cases: ClassVar = {
        "7 values": case(7, S6, S8),
        "a value": case(1),
        "unsigned": case(5, U8, U8),
        "signed and unsigned": case(6, S6, U8),
        "one bit": case(9, BIT, BIT),
        "40 bits": case(3, Fixed(True, 9, 10), Fixed(True, 9, 9)),
        "one beat each": behind(((4,), dense(4, 6)), ((3,), dense(3, 6))),
        "one beat and many": behind(((4,), dense(4, 6)), ((6,), same())),
        "many beats and one": behind(((6,), same()), ((4,), dense(4, 6))),
        "images": behind((IMAGE, flat(IMAGE)), (IMAGE, flat(IMAGE))),
        "an image and one beat": behind((IMAGE, flat(IMAGE)), ((2,), dense(2, 30))),
        "an image and a row": behind((IMAGE, flat(IMAGE)), ((30,), same())),
        "and rounded": Case(
            Dot((S6, S6), 4),
            (Spec((4,), S6),) * 2,
            after=(Activation(Dot((S6, S6), 4).output_type, Kind.RELU, S8),),
        ),
        "4 pixels": case(8, S6, U8, 4),
        "4 pixels, no multiple": case(11, S6, S8, 4),
        "4 pixels, one beat": case(3, S6, S8, 4),
        "4 pixels, one beat and many": behind(((4,), dense(4, 11)), ((11,), same()), 4),
        "4 pixels, images": behind((IMAGE, flat(IMAGE)), (IMAGE, flat(IMAGE)), 4),
        "4 pixels, two images of other sizes": behind((IMAGE, flat(IMAGE)), ((5, 6, 1), flat((5, 6, 1))), 4),
        "4 pixels, an image and one beat": behind((IMAGE, flat(IMAGE)), ((2,), dense(2, 30)), 4),
        "16 pixels": case(37, S6, S8, 16),
    }
    bad: ClassVar = {
        "three inputs": (lambda: Dot((S6, S6, S6), 4), "3 inputs; give two"),  # type: ignore[arg-type]
        "no value": (lambda: Dot((S6, S6), 0), "size=0"),
        "a size that is none": (lambda: Dot((S6, S6), True), "size=True"),
        "sizes that differ": (lambda: Dot((S6, S6), 3).infer(Spec((3,), S6), Spec((4,), S6)), "both must have 3"),
        "another size": (lambda: Dot((S6, S6), 3).infer(Spec((4,), S6), Spec((4,), S6)), "both must have 3"),
        "images": (lambda: Dot((S6, S6), 3).infer(Spec((1, 1, 3), S6), Spec((1, 1, 3), S6)), "expected 1 axes"),
        "a sum too wide": (lambda: Dot((Fixed(True, 30, 0), Fixed(True, 0, 30)), 8), "62 is the most"),
    }

    def float_result(self, op: Dot, *x_float: Real) -> Real:
        return np.stack([[float(np.dot(a, b))] for a, b in zip(*x_float)])


def test_the_ends_of_the_types_fit() -> None:
    """All values at their ends reach the ends of the sum's type, which is no wider than they need."""
    op = Dot((S6, S6), 5)
    low = np.full((1, 5), S6.raw_min)
    ((most,),) = op.compute(low, low)
    ((least,),) = op.compute(low, np.full((1, 5), S6.raw_max))
    assert int(most) == 5 * S6.raw_min**2 <= op.output_type.raw_max < 2 * int(most)
    assert op.output_type.raw_min <= least


STREAMS: dict[str, tuple[int, int]] = {
    "7 values": (7, 1),
    "one beat each": (1, 6),
    "one beat and many": (6, 1),
    "an image and a row": (30, 1),  # the row takes 30 beats anyway
    "4 pixels, no multiple": (3, 4),
    "4 pixels, two images of other sizes": (10, 4),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_multiplier_for_each_element_of_a_beat(name: str) -> None:
    """Steps and multipliers of a frame: many beats are accumulated, a vector in one beat is a tree."""
    beats, multipliers = STREAMS[name]
    core = plan_alone(TestDot.cases[name]).stage("alone").core
    assert len(core.steps().cost) == beats
    assert core.image.elements == multipliers


def test_only_a_vector_in_other_beats_is_gathered() -> None:
    stages = [stage.name for stage in plan_alone(TestDot.cases["4 pixels, two images of other sizes"]).stages]
    assert "alone_vector_0" in stages
    assert "alone_vector_1" not in stages  # of more pixels
    for name in ("4 pixels, images", "4 pixels, an image and one beat", "one beat and many"):
        assert not [s.name for s in plan_alone(TestDot.cases[name]).stages if "vector" in s.name]


@pytest.mark.parametrize("pixels", [1, 4])
def test_vectors_side_by_side(pixels: int, tmp_path: Path, need: Need) -> None:
    """In a network with recurrent layers: the integers of every pair by itself, in the predicted cycles."""
    need("g++", "verilator")
    alone = Graph(
        "net", tuple((f"x{k}", Spec((3,), S6)) for k in range(2)), (Node("y", Dot((S6, S6), 3), ("x0", "x1")),), ("y",)
    )
    graph = interleave(alone, 5)
    assert graph.specs()["y"].shape == (1, 5, 1)
    planned = plan(graph, pixels, {})
    schedule = emit_plan(planned, tmp_path / "rtl")
    batch = vectors.make(graph.inputs, schedule.frames + 2, 3)
    (each,) = Reference(alone).predict_raw(*(x.reshape(-1, 3) for x in batch.values()))
    device = verilator.build(Top.load(tmp_path / "rtl").without_traces(), tmp_path / "sim")
    for drive in (Drive(), Drive(stalls=True, seed=3)):
        run_ = device.run(batch, drive)
        assert run_.problems == ()
        np.testing.assert_array_equal(run_.outputs["y"].reshape(-1, 1), each)
        if not drive.stalls:
            (ends,) = run_.frame_ends
            got = [end - run_.first_input for end in ends[: schedule.frames]]
            assert got == planned.frame_ends(schedule)["y"]


ESTIMATED = {
    "accumulated": case(40, S8, S8),
    "wide": case(24, Fixed(True, 7, 8), Fixed(True, 7, 8)),
    "held": behind(((4,), dense(4, 24)), ((24,), same())),
    "tree": behind(((4,), dense(4, 12)), ((3,), dense(3, 12))),
}


@pytest.mark.slow
@pytest.mark.parametrize("pixels", [1, 4])
def test_its_formula_is_an_estimate_of_what_yosys_finds(pixels: int, tmp_path: Path, need: Need) -> None:
    need("yosys")
    assert_estimated(ESTIMATED, pixels, tmp_path)


# from Keras ---------------------------------------------------------------------------------------

ATTRIBUTES: dict[str, Any] = {"axes": 1, "normalize": False}
EXACT = {"Bitsmith": {"input": "fixed<8,4>"}, "HLSConfig": {"Model": {"Precision": "auto"}}}
ROUNDED = {"Bitsmith": {"input": "fixed<8,4>"}, "HLSConfig": {"Model": {"Precision": "fixed<12,6,RND_CONV,SAT>"}}}


def network(*shapes: Shape, **attributes: Any) -> Network:
    """Dot called on inputs of these shapes, as Keras writes it."""
    found = model(LayerCase("Dot", shapes[0], {}), ATTRIBUTES | attributes)
    layer = found["config"]["layers"][1] | {"inbound_nodes": [[[f"x{i}", 0, 0, {}] for i in range(len(shapes))]]}
    entries = [
        {
            "class_name": "InputLayer",
            "name": f"x{i}",
            "config": {"name": f"x{i}", "batch_input_shape": [None, *shape], "dtype": "float32"},
            "inbound_nodes": [],
        }
        for i, shape in enumerate(shapes)
    ]
    found["config"] |= {"layers": [*entries, layer], "input_layers": [[f"x{i}", 0, 0] for i in range(len(shapes))]}
    return read_network(json.loads(json.dumps(found)), Stored(LayerCase("Dot", (), {})), "net")


@pytest.mark.parametrize("axes", [1, -1, [1, 1], [-1, 1]])
def test_keras_s_layer_becomes_it(axes: Any) -> None:
    found = convert(network((4,), (4,), axes=axes), parse_config(EXACT))
    assert [node.op.stem for node in found.nodes] == ["dot"]
    rounded = convert(network((4,), (4,), axes=axes), parse_config(ROUNDED))
    assert [node.op.stem for node in rounded.nodes] == ["dot", "activation"]


REFUSED: dict[str, tuple[tuple[Shape, ...], dict[str, Any], str]] = {
    "normalize": (((4,),) * 2, {"normalize": True}, "normalize=True on 'tested' is not supported; .* is not exact"),
    "the batch": (((4,),) * 2, {"axes": 0}, "axes=0 on 'tested' is not supported; supported: 1, -1"),
    "the next axis": (((4,),) * 2, {"axes": [1, 2]}, r"axes=\(1, 2\) on 'tested' is not supported; supported: 1, -1"),
    "images": (((3, 4, 2),) * 2, {"axes": -1}, r"'tested': Dot of shapes \(3, 4, 2\) and \(3, 4, 2\) is not supported"),
    "sequences": (
        ((4, 2), (4, 2)),
        {},
        r"'tested': Dot of shapes \(4, 2\) and \(4, 2\) is not supported; give two vec",
    ),
    "a sequence and a vector": (((4, 2), (4,)), {}, r"'tested': Dot of shapes \(4, 2\) and \(4,\) is not supported"),
    "other sizes": (((4,), (5,)), {}, r"'tested': Dot of shapes \(4,\) and \(5,\)"),
    "three": (((4,),) * 3, {}, "'tested': Dot of 3 tensors; give two"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_scalar_product_is_refused(name: str) -> None:
    shapes, attributes, message = REFUSED[name]
    with pytest.raises(BitsmithError, match=message):
        convert(network(*shapes, **attributes), parse_config(EXACT))


@pytest.mark.train
@pytest.mark.parametrize(("name", "ending"), [("tf_keras", ".h5"), ("keras", ".keras")])
@pytest.mark.parametrize("axes", [1, -1])
def test_it_is_keras_s_layer(name: str, ending: str, axes: int, tmp_path: Path) -> None:
    """Integer for integer: every value fits float32's mantissa. The float form gives the same."""
    k = library(name)
    inputs = [k.Input((6,), name=f"x{i}") for i in range(2)]
    keras_model = k.Model(inputs, k.layers.Dot(axes=axes, name="product")(inputs), name="net")
    path = tmp_path / f"net{ending}"
    found = assert_equal_to_keras(keras_model, path, EXACT | {"Bitsmith": {"input": "fixed<8,4>"}})
    assert [node.op.stem for node in found.nodes] == ["dot"]
    x: list[Any] = [np.random.default_rng(i).normal(size=(4, 6)) for i in range(2)]
    wanted: Any = np.asarray(keras_model([v.astype(np.float32) for v in x]))
    np.testing.assert_allclose(run(read_network_file(path), x)["product"], wanted, rtol=1e-5)


def test_calibrate_measures_it() -> None:
    """One input, called on twice: the sum of its squares, 0.25 + 2.25 + 9."""
    case_ = LayerCase("Dot", (4,), ATTRIBUTES, tensors=2)
    net = read_network(model(case_, ATTRIBUTES), Stored(case_), "net")
    proposed = propose(net, np.array([[0.5, -1.5, 3.0, 0.0]]), 8)
    assert proposed["HLSConfig"]["LayerName"]["tested"]["Precision"]["result"].startswith("ufixed<8,4")
