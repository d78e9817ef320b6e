"""GDN from files made by hand: its parameters and types, what the configuration changes, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import input_layer, quantize, write_h5
from numpy.typing import NDArray

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.calibrate.ranges import propose
from bitsmith.gen.config.schema import Config, parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.inspect import inspect
from bitsmith.gen.read import read_network_file
from bitsmith.sim.cast import Cast
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed, Overflow, Rounding, to_float
from bitsmith.sim.graph import Graph
from bitsmith.sim.ops.activation import Activation
from bitsmith.sim.ops.gdn import GDN
from bitsmith.sim.root import Form

Item = tuple[str, dict[str, Any], dict[str, Any]]
BETA = np.array([0.25, 1.0, 2.5])
GAMMA = np.array([[0.5, 0.125, 0.0], [0.25, 0.0625, 0.75], [0.0, 0.375, 0.5]])
"""From channel (row) to channel (column); no value is the same in its row and its column."""
PARAMETRIZATION: dict[str, Any] = {"beta_min": 1e-6, "reparam_offset": 2.0**-18}
FIXED: dict[str, Any] = PARAMETRIZATION | {
    "form": "square_root_reciprocal",
    "segments": 32,
    "width": 24,
    "newton": True,
    "input_type": "ufixed<4,0>",
    "beta_type": "ufixed<9,2>",
    "gamma_type": "ufixed<6,0>",
    "gain_type": "ufixed<14,2>",
    "square_type": None,
}
GDN_PARAMETER = {
    "minimum": 0.0,
    "offset": 2.0**-18,
    "name": "p",
    "initial_value": None,
    "shape": [3],
    "dtype": "float32",
}
THEIRS: dict[str, Any] = {
    "rectify": False,
    "data_format": "channels_last",
    "alpha_parameter": 2.0,
    "epsilon_parameter": 0.5,
    "beta_parameter": {
        "class_name": "tensorflow_compression>GDNParameter",
        "config": GDN_PARAMETER | {"minimum": 1e-6, "name": "beta"},
    },
    "gamma_parameter": {"class_name": "tensorflow_compression>GDNParameter", "config": GDN_PARAMETER},
    "alpha_initializer": {"class_name": "Ones", "config": {}},
}


def stored(parameters: NDArray[Any]) -> NDArray[Any]:
    """The variable, by CompressAI's formula."""
    return np.sqrt(np.maximum(parameters + 2.0**-36, 2.0**-36))


def layer(class_name: str = "Bitsmith>GDN", beta: Any = BETA, gamma: Any = GAMMA, **changes: Any) -> Item:
    config = {"name": "gdn", "inverse": False, "dtype": "float32"}
    config |= {"Bitsmith>FixedGDN": FIXED, "tensorflow_compression>GDN": THEIRS}.get(class_name, PARAMETRIZATION)
    names = ("reparam_beta", "reparam_gamma") if class_name.startswith("tensorflow") else ("beta", "gamma")
    return class_name, config | changes, dict(zip(names, (stored(np.asarray(beta)), stored(np.asarray(gamma)))))


def read(folder: Path, item: Item, config: dict[str, Any] | None = None, shape: tuple[int, ...] = (4, 5, 3)) -> Graph:
    return read_model(
        write_h5(folder / "model.h5", [input_layer(*shape), quantize(), item]), parse_config(config or {})
    )


def operator(graph: Graph) -> GDN:
    return next(node.op for node in graph.nodes if isinstance(node.op, GDN))


def section(**entry: Any) -> dict[str, Any]:
    """A configuration with this section for the layer."""
    return {"HLSConfig": {"LayerName": {"gdn": entry}}}


def fixed(text: str) -> Fixed:
    return Fixed.parse(text)[0]


@pytest.mark.parametrize("shape", [(4, 5, 3), (7, 3), (3,)])
@pytest.mark.parametrize("inverse", [False, True])
def test_parameters_and_default_types(tmp_path: Path, inverse: bool, shape: tuple[int, ...]) -> None:
    graph = read(tmp_path, layer(inverse=inverse), shape=shape)
    assert [node.op.stem for node in graph.nodes] == ["gdn"], "the input has the quantizer's type"
    op = operator(graph)
    assert (op.inverse, op.form, op.segments, op.width, op.newton) == (
        *(inverse, Form.RECIPROCAL_SQUARE_ROOT, 64, 32, False),
    )
    assert op.input_type == fixed("ufixed<4,0>")
    assert op.gamma_type == fixed("ufixed<18,0>")
    assert op.beta_type == fixed("ufixed<28,2>"), "26 fraction bits as the products"
    assert op.gain == op.fitting_gain(27)
    assert op.square is None
    np.testing.assert_allclose(to_float(op.beta, op.beta_type), BETA, rtol=1e-6)
    np.testing.assert_allclose(to_float(op.gamma, op.gamma_type), GAMMA, atol=2.0**-18)


def test_the_integers_are_the_formula_s_within_the_bound(tmp_path: Path) -> None:
    """Of the whole reader and reference, against the float model, which is against the formula."""
    item = layer(inverse=True)
    graph = read(tmp_path, item, section(Bitsmith={"segments": 256, "newton": True}))
    raw = np.random.default_rng(3).integers(0, 16, (20, 4, 5, 3))
    x, op = raw / 16, operator(graph)
    (found,) = Reference(graph).predict_raw(raw)
    norm = np.einsum("bhwj,ji->bhwi", x * x, GAMMA) + BETA
    floats = run(read_network_file(tmp_path / "model.h5"), [x])["gdn"]
    np.testing.assert_allclose(floats, x * np.sqrt(norm), rtol=1e-6)
    np.testing.assert_allclose(to_float(found, op.product_type), floats, atol=1e-5)


def test_a_small_beta_keeps_its_bits(tmp_path: Path) -> None:
    op = operator(read(tmp_path, layer(beta=[1e-6, 1.0, 2.5])))
    assert op.beta_type.fraction == 28, "2^-20 < 1e-6, and eight bits more"
    assert abs(to_float(op.beta, op.beta_type)[0] / 1e-6 - 1) < 2.0**-8


def test_every_type_and_choice_from_the_configuration(tmp_path: Path) -> None:
    types = {"gamma": "ufixed<9,1,RND,SAT>", "beta": "ufixed<12,3,TRN,SAT>", "gain": "ufixed<11,2,TRN,SAT>",
             "square": "ufixed<5,0,RND,SAT>", "result": "fixed<8,2,RND,SAT>"}  # fmt: skip
    ways = {"form": "Square_Root_Reciprocal", "segments": 16, "width": 18, "newton": True}
    graph = read(tmp_path, layer(), section(Precision=types, Bitsmith=ways))
    op, last = operator(graph), graph.nodes[-1].op
    assert (op.form, op.segments, op.width, op.newton) == (Form.SQUARE_ROOT_RECIPROCAL, 16, 18, True)
    assert (op.gamma_type, op.beta_type) == (fixed("ufixed<9,1>"), fixed("ufixed<12,3>"))
    assert op.gain == Cast(fixed("ufixed<11,2>"), Rounding.TRN, Overflow.SAT)
    assert op.square == Cast(fixed("ufixed<5,0>"), Rounding.RND, Overflow.SAT)
    assert isinstance(last, Activation)
    assert (graph.nodes[-1].name, last.output_type, last.rounding) == ("gdn_round", fixed("fixed<8,2>"), Rounding.RND)


def test_the_model_s_and_the_class_s_sections_count(tmp_path: Path) -> None:
    """The nearest says more: layer, class, model; a model's default type is none of a gdn's inner types."""
    config: dict[str, Any] = {
        "HLSConfig": {
            "Model": {"Precision": "fixed<16,6>", "Bitsmith": {"segments": 128, "width": 20, "newton": True}},
            "LayerType": {"GDN": {"Bitsmith": {"width": 24, "form": "square_root_reciprocal"}}},
            "LayerName": {"gdn": {"Bitsmith": {"newton": False}}},
        }
    }
    op = operator(read(tmp_path, layer(), config))
    assert (op.form, op.segments, op.width, op.newton) == (Form.SQUARE_ROOT_RECIPROCAL, 128, 24, False)
    assert op.gamma_type == fixed("ufixed<18,0>")
    assert op.gain == op.fitting_gain(24)


def test_the_twin_brings_its_own_types(tmp_path: Path) -> None:
    """Saturated, no beta below one step, the input rounded where it comes in another type."""
    beta, gamma = [0.001, 1.0, 9.0], GAMMA + np.diag([0.75, 0, 0])
    graph = read(tmp_path, layer("Bitsmith>FixedGDN", beta, gamma))
    op = operator(graph)
    assert (op.form, op.segments, op.width, op.newton) == (Form.SQUARE_ROOT_RECIPROCAL, 32, 24, True)
    assert op.gain == Cast(fixed("ufixed<14,2>"), Rounding.RND_CONV, Overflow.SAT)
    assert [node.name for node in graph.nodes] == ["gdn"]
    np.testing.assert_array_equal(op.beta, [1, 128, 511])
    np.testing.assert_array_equal(op.gamma, [[63, 8, 0], [16, 4, 48], [0, 24, 32]])
    other = read(tmp_path, layer("Bitsmith>FixedGDN", input_type="fixed<6,2>", square_type="ufixed<5,1>"))
    assert [node.name for node in other.nodes] == ["gdn_input", "gdn"]
    assert operator(other).square == Cast(fixed("ufixed<5,1>"))
    rounded = read(tmp_path, layer("Bitsmith>FixedGDN", output_type="fixed<8,3>")).nodes[-1]
    assert isinstance(rounded.op, Activation)
    assert (rounded.name, str(rounded.op.output_type), rounded.op.rounding) == (
        *("gdn_round", "fixed<8,3>", Rounding.RND_CONV),
    )
    same = section(Precision={"gain": "ufixed<14,2>"}, Bitsmith={"segments": 32})
    assert operator(read(tmp_path, layer("Bitsmith>FixedGDN"), same)).segments == 32


def test_tensorflow_compression_s_gdn(tmp_path: Path) -> None:
    """With alpha 2 and epsilon 1/2 it is the same function of the same variables, under other names."""
    ours, theirs = (operator(read(tmp_path, layer(name))) for name in ("Bitsmith>GDN", "tensorflow_compression>GDN"))
    assert ours == theirs
    assert operator(read(tmp_path, layer("tensorflow_compression>GDN", inverse=True))).inverse


@pytest.mark.parametrize(
    ("item", "config", "message"),
    [
        (layer(beta=[np.nan, 1, 1]), {}, r"'gdn': beta\[\(0,\)\] is nan"),
        (layer(gamma=np.full((3, 3), np.inf)), {}, r"'gdn': gamma\[\(0, 0\)\] is inf"),
        (layer(beta=np.ones(4)), {}, r"'gdn': beta has shape \(4,\), expected \(3,\)"),
        (layer(gamma=np.ones((3, 2))), {}, r"'gdn': gamma has shape \(3, 2\), expected \(3, 3\)"),
        ((*layer()[:2], {"beta": BETA}), {}, "'gdn': the file holds no gamma"),
        (layer(surprise=1), {}, "surprise=1 on 'gdn' is not understood"),
        (layer(inverse="yes"), {}, "inverse=yes on 'gdn' is not supported; supported: true, false"),
        (layer(reparam_offset=None), {}, "reparam_offset=None on 'gdn' is not supported; supported: a number, as"),
        (layer(beta_min=-1.0), {}, "beta_min=-1.0 on 'gdn' is not supported"),
        (
            layer(),
            section(Precision={"beta": "ufixed<4,3>"}),
            r"'gdn': beta\[0\] = 0.25 becomes zero in ufixed<4,3>.*Precision.beta more fraction bits",
        ),
        (
            layer(),
            section(Precision={"gamma": "ufixed<8,-1>"}),
            r"'gdn': gamma\[1, 2\] = 0.75 does not fit in ufixed<8,-1>; give it more integer bits",
        ),
        (layer(), section(Precision={"gain": "fixed<18,2>"}), "'gdn': the gain's type fixed<18,2> is signed"),
        (layer(), section(Bitsmith={"segments": 63}), "'gdn': 63 segments; use a power of two"),
        (layer(), section(Bitsmith={"width": 40}), "'gdn': an internal width of 40 bits; use 8 to 32"),
        (layer(), section(Precision={"gamma": "ufixed<60,1>"}), "'gdn'.* bits and 63 is the most"),
        (layer("Bitsmith>FixedGDN", gain_type=None), {}, "gain_type=None on 'gdn' is not supported; supported: a type"),
        (layer("Bitsmith>FixedGDN", form="cordic"), {}, "form=cordic on 'gdn' is not supported"),
        (layer("Bitsmith>FixedGDN", segments=0), {}, "segments=0 on 'gdn' is not supported"),
        (
            layer("Bitsmith>FixedGDN"),
            section(Precision={"gain": "ufixed<18,2>"}),
            "'gdn': the model gives ufixed<14,2> for gain; remove Precision.gain",
        ),
        (
            layer("Bitsmith>FixedGDN"),
            section(Precision={"square": "ufixed<18,2>"}),
            "'gdn': the model gives an exact tensor for square; remove Precision.square",
        ),
        (
            layer("Bitsmith>FixedGDN", output_type="fixed<8,3>"),
            section(Precision={"result": "fixed<8,2>"}),
            "'gdn': the model gives fixed<8,3> for result; remove Precision.result",
        ),
        (
            layer("Bitsmith>FixedGDN"),
            section(Bitsmith={"width": 32}),
            "'gdn': the model gives width=24; remove Bitsmith.width",
        ),
        (
            layer("tensorflow_compression>GDN", alpha_parameter=1.0),
            {},
            "alpha_parameter=1.0 on 'gdn' is not supported; supported: 2",
        ),
        (
            layer("tensorflow_compression>GDN", epsilon_parameter=1.0),
            {},
            "epsilon_parameter=1.0 on 'gdn' is not supported; supported: 0.5",
        ),
        (layer("tensorflow_compression>GDN", rectify=True), {}, "rectify=True on 'gdn' is not supported"),
        (
            layer("tensorflow_compression>GDN", beta_parameter={"class_name": "RDFTParameter", "config": {}}),
            {},
            "beta_parameter=.* on 'gdn' is not supported; supported: GDNParameter",
        ),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, item: Item, config: dict[str, Any], message: str) -> None:
    with pytest.raises(BitsmithError, match=message) as error:
        read(tmp_path, item, config)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (section(Bitsmith={"segmnts": 3}), "unknown key 'HLSConfig.LayerName.gdn.Bitsmith.segmnts'.*'segments'"),
        (section(Bitsmith={"form": "cordic"}), "form: 'cordic' is not supported"),
        (section(Precision={"gama": "ufixed<8,0>"}), "unknown kind 'gama'; did you mean 'gamma'"),
        (
            {"HLSConfig": {"LayerName": {"quantize": {"Bitsmith": {"segments": 32}}}}},
            "HLSConfig.LayerName.quantize.Bitsmith is for GDN or LayerNorm, not for QActivation; remove it",
        ),
        (
            {"HLSConfig": {"LayerType": {"QActivation": {"Bitsmith": {"segments": 32}}}}},
            "HLSConfig.LayerType.QActivation.Bitsmith is for GDN or LayerNorm",
        ),
    ],
)
def test_a_wrong_configuration_says_what_would_be_right(tmp_path: Path, config: dict[str, Any], message: str) -> None:
    with pytest.raises(BitsmithError, match=message):
        read(tmp_path, layer(), config)


def test_inspect_shows_the_form(tmp_path: Path) -> None:
    def row(item: Item) -> dict[str, Any]:
        found = inspect(write_h5(tmp_path / "m.h5", [input_layer(4, 4, 3), quantize(), item]))
        assert found["supported"]
        return dict(found["layers"][-1])

    assert row(layer(inverse=True))["activation"] == "inverse, reciprocal_square_root, 64 segments, 32 bits"
    twin = row(layer("Bitsmith>FixedGDN"))
    assert twin["activation"] == "square_root_reciprocal, 32 segments, 24 bits, newton"
    assert twin["quantizers"] == {
        "input": "ufixed<4,0>", "beta": "ufixed<9,2>", "gamma": "ufixed<6,0>", "gain": "ufixed<14,2>"
    }  # fmt: skip
    assert twin["parameters"] == 12


def test_calibrate_leaves_its_inside_to_the_defaults(tmp_path: Path) -> None:
    """A result for a float GDN, nothing for its twin, which is rounded by what follows it."""
    x = np.random.default_rng(5).uniform(0, 1, (4, 4, 5, 3))
    for class_name, expected in (("Bitsmith>GDN", {"result"}), ("Bitsmith>FixedGDN", set())):
        path = write_h5(tmp_path / "m.h5", [input_layer(4, 5, 3), quantize(), layer(class_name)])
        data = propose(read_network_file(path), x, 8)
        found = data["HLSConfig"]["LayerName"].get("gdn", {"Precision": {}})
        assert set(found["Precision"]) == expected
        assert isinstance(parse_config(data), Config)
