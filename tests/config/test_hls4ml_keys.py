"""Keys as hls4ml's files have them: older spellings, one meaning at each level, types beside a model's quantizers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from configured import merged, read
from model_files import dense, input_layer, quantize, separable, write_h5

from bitsmith.gen.config.schema import load_config, parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.rtl.choices import choice, plan_for
from bitsmith.gen.rtl.stages import Origin
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph

Settings = dict[str, Any]


def layers(**sections: Any) -> Settings:
    return {"HLSConfig": {"LayerName": sections}}


def graph_of(folder: Path, stack: list[Any], settings: Settings) -> Graph:
    return read_model(write_h5(folder / "m.h5", stack), parse_config(settings))


def refused(folder: Path, stack: list[Any], settings: Settings, reason: str) -> None:
    with pytest.raises(BitsmithError, match=reason) as error:
        graph_of(folder, stack, settings)
    assert "\n" not in str(error.value)


def types(graph: Graph) -> dict[str, str]:
    return {name: str(spec.type) for name, spec in graph.specs().items()}


def test_an_older_part() -> None:
    assert parse_config({"XilinxPart": "xcku115"}).part == "xcku115"
    assert parse_config({"XilinxPart": "a", "Part": "a"}).part == "a"
    with pytest.raises(BitsmithError, match="XilinxPart is Part by its older name, and Part is 'b'"):
        parse_config({"XilinxPart": "a", "Part": "b"})


@pytest.mark.parametrize("key", ["ReuseFactor", "reuse_factor", "REUSEFACTOR"])
def test_a_key_in_another_spelling(key: str) -> None:
    section = {key: 4} if key != "REUSEFACTOR" else {"TRACE": True, "ReuseFactor": 4}
    assert parse_config(layers(a=section)).hls.layer_name["a"].reuse_factor == 4


@pytest.mark.parametrize(("first", "later"), [("ReuseFactor", "reuse_factor"), ("reuse_factor", "ReuseFactor")])
def test_the_later_of_two_spellings_counts(first: str, later: str) -> None:
    """hls4ml writes a key, and its user sets it again by the attribute's name."""
    assert parse_config(layers(a={first: 1, later: 4})).hls.layer_name["a"].reuse_factor == 4


def test_types_beside_the_precision() -> None:
    section = {"Precision": "ap_fixed<16,6>", "exp_table_t": "ap_fixed<18,8>", "inv_table_t": "ap_fixed<18,4>"}
    found = parse_config(layers(a=section)).hls.layer_name["a"]
    assert found.precision == {
        "default": "ap_fixed<16,6>",
        "exp_table": "ap_fixed<18,8>",
        "inv_table": "ap_fixed<18,4>",
    }
    for wrong, reason in (
        ({"exp_tabel_t": "ap_fixed<18,8>"}, "unknown type 'exp_tabel_t'; did you mean 'exp_table'"),
        ({"exp_table_t": "ap_fixd<18,8>"}, "cannot read the type"),
        ({"exp_table_t": 5}, "exp_table_t: give a type"),
        ({"Precision": {"dw_outputs": "fixed<8,1>"}}, "unknown kind 'dw_outputs'"),
    ):
        with pytest.raises(BitsmithError, match=reason):
            parse_config(layers(a=wrong))


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ({"Precision": {"weight": "auto", "result": "auto"}, "weight_t": "fixed<4,1>"}, "weight"),
        ({"weight_t": "fixed<4,1>", "Precision": {"weight": "fixed<5,1>"}}, "weight"),
        ({"Precision": {"depthwise_result": "auto", "dw_output": "fixed<4,1>"}}, "depthwise_result"),
        ({"dw_output_t": "fixed<4,1>"}, "depthwise_result"),
    ],
)
def test_what_is_set_behind_hls4mls_own_counts(section: Settings, kind: str) -> None:
    found = parse_config(layers(a=section)).hls.layer_name["a"].precision
    assert isinstance(found, dict)
    assert found[kind] == "fixed<4,1>"
    assert "dw_output" not in found


SOFTMAX: Any = ("Activation", {"name": "softmax", "activation": "softmax"}, {})
STACK = [input_layer(6), quantize(), dense("dense", 6, 4), SOFTMAX]


def test_a_softmax_has_one_implementation_by_both_names(tmp_path: Path) -> None:
    plain = graph_of(tmp_path, STACK, layers(softmax={"Precision": "fixed<12,2>"}))
    for key in ({"Implementation": "stable"}, {"Strategy": "Stable"}, {"implementation": "Stable"}):
        settings = layers(softmax={"Precision": "fixed<12,2>"} | key)
        graph = graph_of(tmp_path, STACK, settings)
        plan_for(graph, parse_config(settings))
        assert graph.to_json() == plain.to_json()


@pytest.mark.parametrize("value", ["argmax", "latency", "legacy", "nonsense", 1, True, ["stable"]])
@pytest.mark.parametrize("place", ["LayerName", "LayerType", "Model"])
def test_no_other_implementation_is_taken_for_it(place: str, value: Any) -> None:
    section = {"Implementation": value}
    with pytest.raises(BitsmithError, match="Implementation: only stable is supported: softmax subtracts the largest"):
        parse_config({"HLSConfig": {place: section if place == "Model" else {"softmax": section}}})


@pytest.mark.parametrize("name", ["dense", "dense_linear", "quantize"])
def test_stable_is_no_strategy_of_anything_else(name: str, tmp_path: Path) -> None:
    if name == "quantize":
        graph_of(tmp_path, STACK[:3], layers(quantize={"Strategy": "Stable"}))  # an activation, without multipliers
        return
    refused(tmp_path, STACK[:3], layers(**{name: {"Strategy": "Stable"}}), "table is for")


def decided(folder: Path, network: str, settings: Settings) -> dict[str, tuple[str, int]]:
    graph, config = read(network, folder, settings)
    return {stage.name: (stage.strategy, stage.reuse) for stage in plan_for(graph, config).stages if stage.strategy}


@pytest.mark.parametrize("strategy", ["Latency", "Resource"])
def test_a_factor_of_1_means_the_same_at_each_level(strategy: str, tmp_path: Path) -> None:
    """It leaves the choice to the planner, as if it were not there, and stands before what a wider section says."""
    for network, name, class_name in (("vector", "dense", "QDense"), ("image", "conv", "QConv2D")):
        model = {"HLSConfig": {"Model": {"Strategy": strategy}}}
        free = decided(tmp_path, network, model)
        for place in ({"LayerName": {name: {"ReuseFactor": 1}}}, {"LayerType": {class_name: {"ReuseFactor": 1}}}):
            assert decided(tmp_path, network, merged(model, {"HLSConfig": place})) == free
        assert decided(tmp_path, network, merged(model, {"HLSConfig": {"Model": {"ReuseFactor": 1}}})) == free


@pytest.mark.parametrize(
    ("network", "name", "wide", "narrow"),
    [
        ("image", "conv", {"Model": {"ReuseFactor": 9}}, {"LayerName": {"conv": {"ReuseFactor": 1}}}),
        ("image", "conv", {"LayerType": {"QConv2D": {"ReuseFactor": 9}}}, {"LayerName": {"conv": {"ReuseFactor": 1}}}),
        ("recurrent", "gru", layers(gru={"ReuseFactor": 6})["HLSConfig"],
         layers(gru={"RecurrentReuseFactor": 1})["HLSConfig"]),
    ],
)  # fmt: skip
def test_a_factor_of_1_stands_before_a_wider_one(
    network: str, name: str, wide: Settings, narrow: Settings, tmp_path: Path
) -> None:
    graph, config = read(network, tmp_path, {"HLSConfig": merged(wide, narrow)})
    asked = choice(graph, config, next(node for node in graph.nodes if node.name == name))
    assert (asked.reuse, asked.wish, asked.reuse_from) == (None, None, Origin.PLANNER)
    graph, config = read(network, tmp_path, {"HLSConfig": wide})
    asked = choice(graph, config, next(node for node in graph.nodes if node.name == name))
    assert asked.reuse or asked.wish


def test_the_parts_of_a_separable_layer_have_sections_of_their_own(tmp_path: Path) -> None:
    """hls4ml's ``write`` leaves them beside the whole layer's."""
    whole = layers(
        separable={"Precision": {"depthwise": "fixed<9,2>", "pointwise": "fixed<7,2>", "result": "fixed<9,4>"}}
    )
    parts = layers(
        separable={"Precision": {"depthwise": "auto"}},
        separable_depthwise={"Precision": {"weight": "fixed<9,2>", "bias": "auto"}},
        separable_pointwise={"Precision": {"weight": "fixed<7,2>", "result": "fixed<9,4>", "accum": "auto"}},
    )
    assert read("float", tmp_path, parts)[0].to_json() == read("float", tmp_path, whole)[0].to_json()
    resource = {"Bitsmith": {"strategy": "resource"}}
    one = decided(tmp_path, "float", merged(resource, layers(separable={"PointwiseReuseFactor": 8})))
    assert one == decided(tmp_path, "float", merged(resource, layers(separable_pointwise={"ReuseFactor": 8})))
    refused(tmp_path, STACK[:3], layers(dense_pointwise={}), "the model has no layer 'dense_pointwise'")


@pytest.mark.parametrize(
    ("inside", "right", "wrong"),
    [("relu", "relu", "tanh"), ("quantized_relu(4,1)", "quantized_relu", "relu"), (None, "linear", "softmax")],
)
def test_a_section_for_an_activation_that_is_not_there(
    inside: str | None, right: str, wrong: str, tmp_path: Path
) -> None:
    """It would change nothing."""
    stack = [input_layer(6), quantize(), dense("dense", 6, 4, activation=inside)]
    graph_of(tmp_path, stack, layers(**{f"dense_{right}": {"Precision": {"result": "ufixed<9,4>"}}}))
    refused(tmp_path, stack, layers(**{f"dense_{wrong}": {}}), f"the model has no layer 'dense_{wrong}'")


@pytest.mark.parametrize(
    ("key", "value"),
    [("ChannelsLastConversion", "half"), ("Trace", "yes"), ("TableSize", 0), ("TableRangePower2", "x"), ("BitExact", 1),
     ("TargetCycles", 0), ("Compression", "no"), ("Algorithm", "bilinear"), ("ForwardReuseFactor", 0)],
)  # fmt: skip
def test_a_key_without_effect_takes_no_nonsense(key: str, value: Any) -> None:
    with pytest.raises(BitsmithError, match=key):
        parse_config(layers(a={key: value}))


def kernel(quantizer: Settings) -> list[Any]:
    return [input_layer(6), quantize(), dense("dense", 6, 4, kernel_quantizer=quantizer)]


def q(name: str, **config: Any) -> Settings:
    return {"class_name": name, "config": config}


WRITTEN = [
    (q("quantized_bits", bits=4, integer=0, alpha=1), "fixed<4,1>", "fixed<3,1>"),
    (q("quantized_bits", bits=4, integer=0, alpha=None), "fixed<4,1>", "fixed<3,1>"),
    (q("quantized_bits", bits=6, integer=2, alpha="auto_po2"), "fixed<6,3>", "fixed<6,4>"),
    (q("quantized_bits", bits=4, integer=0, alpha="auto"), "fixed<4,1>", "fixed<3,1>"),
    (q("quantized_bits", bits=4, integer=0, alpha=0.5), "fixed<4,1>", "fixed<3,1>"),
    (q("quantized_bits", bits=1, integer=0, alpha=1), "fixed<1,1>", "fixed<2,1>"),
    (q("binary", alpha=1), "uint<1>", "fixed<2,1>"),
    (q("binary", alpha=None), "int<2>", "uint<2>"),
    (q("ternary", alpha=None), "int<2>", "uint<1>"),
    (q("quantized_po2", bits=5), "int<5>", "int<3>"),
]
"""Weight quantizers, the type that hls4ml writes for them, and one that does not hold the levels."""


@pytest.mark.parametrize(("quantizer", "right", "wrong"), WRITTEN, ids=[str(w[0]) for w in WRITTEN])
def test_a_type_for_quantized_weights_is_checked_and_changes_nothing(
    quantizer: Settings, right: str, wrong: str, tmp_path: Path
) -> None:
    plain = graph_of(tmp_path, kernel(quantizer), {})
    given = graph_of(tmp_path, kernel(quantizer), layers(dense={"Precision": {"weight": right}}))
    assert given.to_json() == plain.to_json()
    refused(tmp_path, kernel(quantizer), layers(dense={"Precision": {"weight": wrong}}), "is not on the grid of")


def test_one_type_for_a_class_whose_layers_differ_is_refused(tmp_path: Path) -> None:
    """hls4ml's granularity 'type' writes that of the first layer."""
    stack = [*kernel(WRITTEN[0][0]), dense("second", 4, 2, kernel_quantizer=q("quantized_bits", bits=6, alpha=1))]
    by_type = {"HLSConfig": {"LayerType": {"QDense": {"Precision": {"weight": "fixed<4,1>"}}}}}
    refused(tmp_path, stack, by_type, "'second': kernel.*give it fixed<6,1>, under LayerName: what stands under LayerT")
    graph_of(tmp_path, stack, merged(by_type, layers(second={"Precision": {"weight": "fixed<6,1>"}})))


def activation(quantizer: str) -> list[Any]:
    return [input_layer(6), quantize(), ("QActivation", {"name": "act", "activation": quantizer}, {})]


MADE = [
    ("quantized_relu(6,0)", "ap_fixed<7,1,AP_RND_CONV,AP_SAT>", "ap_fixed<6,1>"),
    ("quantized_bits(4,0,alpha=1)", "fixed<4,1>", "ufixed<4,1>"),
    ("quantized_bits(4,0,alpha=0.5)", "fixed<4,1>", "fixed<3,1>"),
    ("quantized_tanh(4)", "fixed<4,1>", "fixed<3,1>"),
    ("quantized_sigmoid(4)", "ufixed<4,0>", "ufixed<4,1>"),
    ("binary(alpha=1)", "int<2>", "uint<1>"),
    ("ternary(alpha=1)", "int<2>", "uint<2>"),
]


@pytest.mark.parametrize(("quantizer", "right", "wrong"), MADE, ids=[m[0] for m in MADE])
def test_a_type_for_what_a_quantizer_makes_is_checked(quantizer: str, right: str, wrong: str, tmp_path: Path) -> None:
    """In the layer's own section and in its class's, by either name."""
    settings: Settings = {"HLSConfig": {"Model": {"Precision": "fixed<16,6>"}}}
    plain = graph_of(tmp_path, activation(quantizer), settings)
    for place in ({"LayerName": {"act": {"Precision": {"result": right}}}},):
        made = graph_of(tmp_path, activation(quantizer), merged(settings, {"HLSConfig": place}))
        assert made.to_json() == plain.to_json()
    wrong_one = layers(act={"Precision": {"result": wrong}})
    refused(tmp_path, activation(quantizer), merged(settings, wrong_one), "does not hold")


def test_a_type_for_the_quantizer_inside_of_a_layer(tmp_path: Path) -> None:
    """hls4ml makes a layer of it; the layer's own result is what goes in."""
    stack = [input_layer(6), quantize(), dense("dense", 6, 4, activation="quantized_relu(4,1)")]
    plain = types(graph_of(tmp_path, stack, {}))
    inside = {"dense_quantized_relu": {"Precision": {"result": "ufixed<4,1>"}}}
    assert types(graph_of(tmp_path, stack, layers(**inside))) == plain
    wrong = {"dense_quantized_relu": {"Precision": {"result": "ufixed<3,1>"}}}
    refused(tmp_path, stack, layers(**wrong), "does not hold")
    refused(
        tmp_path, stack, {"HLSConfig": {"LayerType": {"Activation": wrong["dense_quantized_relu"]}}}, "does not hold"
    )
    graph = graph_of(tmp_path, stack, layers(dense={"Precision": {"result": "fixed<6,3>"}}))
    assert [node.name for node in graph.nodes if node.layer == "dense"] == ["dense", "dense_round", "dense_quantized"]
    assert types(graph)["dense_round"] == "fixed<6,3>"


def test_hls4mls_class_of_the_activation_inside_of_a_layer(tmp_path: Path) -> None:
    stack = [input_layer(6), quantize(), dense("dense", 6, 4, activation="relu")]
    by_type = {"HLSConfig": {"LayerType": {"Activation": {"Precision": {"result": "ufixed<7,3>"}}}}}
    by_name = layers(dense_relu={"Precision": {"result": "ufixed<7,3>"}})
    found = types(graph_of(tmp_path, stack, by_type))
    assert found == types(graph_of(tmp_path, stack, by_name))
    assert found["dense_relu"] == "ufixed<7,3>"


@pytest.mark.parametrize(
    ("class_name", "config", "theirs"),
    [
        ("Flatten", {}, "Reshape"),
        ("MaxPooling2D", {"pool_size": [2, 2]}, "MaxPooling2D"),
        ("Permute", {"dims": [2, 1, 3]}, "Transpose"),
        ("Cropping2D", {"cropping": [[1, 1], [1, 1]]}, "Cropping2D"),
        ("UpSampling2D", {"size": [2, 2]}, "UpSampling2D"),
        ("ZeroPadding2D", {"padding": [[1, 1], [1, 1]]}, "ZeroPadding2D"),
        ("GlobalMaxPooling2D", {}, "GlobalMaxPooling2D"),
    ],
)
def test_a_layer_that_moves_values_is_rounded_where_a_type_is_given(
    class_name: str, config: Settings, theirs: str, tmp_path: Path
) -> None:
    stack = [input_layer(4, 4, 2), quantize(), (class_name, {"name": "moved"} | config, {})]
    precision = {"Precision": {"result": "ufixed<2,0,RND,SAT>"}}
    plain = graph_of(tmp_path, stack, {})
    for place in ({"LayerName": {"moved": precision}}, {"LayerType": {theirs: precision}}):
        graph = graph_of(tmp_path, stack, {"HLSConfig": place})
        assert graph.specs()[graph.outputs[0]].type == Fixed(False, 0, 2)
        raw = np.random.default_rng(1).integers(0, 16, (3, 4, 4, 2))
        (whole,), (rounded,) = Reference(plain).predict_raw(raw), Reference(graph).predict_raw(raw)
        np.testing.assert_array_equal(rounded, np.minimum((whole + 2) >> 2, 3))


def test_an_exact_result_gets_the_defaults_steps_where_it_is_too_wide(tmp_path: Path) -> None:
    """Of a deep float model, as hls4ml writes it; without a default that is an error with a cure."""
    deep = [input_layer(6), *(dense(f"d{i}", 6, 6, kernel_quantizer=None, bias_quantizer=None) for i in range(8))]
    deep = [(name.removeprefix("Q"), *rest) for name, *rest in deep]  # type: ignore[misc]
    names = [f"d{i}" for i in range(8)]
    auto = layers(**{name: {"Precision": {"result": "auto"}} for name in names})
    graph = graph_of(tmp_path, deep, merged({"HLSConfig": {"Model": {"Precision": {"default": "fixed<16,6>"}}}}, auto))
    narrow = [node for node in graph.nodes if node.name.endswith("_input0")]
    assert narrow
    for node in narrow:
        before = graph.specs()[node.inputs[0]].type
        assert graph.specs()[node.name].type == Fixed(True, before.integer, 10)
    typed = {name: {"Precision": {"weight": "fixed<16,6>", "bias": "fixed<16,6>"}} for name in names}
    refused(tmp_path, deep, merged({"Bitsmith": {"input": "fixed<16,6>"}}, layers(**typed)), "narrower")


def test_a_separable_layers_parts_get_the_defaults_steps_where_nothing_else_helps(tmp_path: Path) -> None:
    """Its input has a type that was given; the range of what passes from one part to the other stays."""
    stack = [input_layer(6, 6, 4), separable(quantizer=None)]
    graph = graph_of(tmp_path, stack, {"HLSConfig": {"Model": {"Precision": {"default": "fixed<32,8>"}}}})
    exact, narrow = (graph.specs()[f"separable_depthwise{end}"].type for end in ("", "_round"))
    assert narrow == Fixed(True, exact.integer, 24)
    plain = graph_of(tmp_path, stack, {"HLSConfig": {"Model": {"Precision": {"default": "fixed<16,6>"}}}})
    assert "separable_depthwise_round" not in plain.specs()


def test_a_gate_has_no_more_bits_than_its_values_where_it_must(tmp_path: Path) -> None:
    """hls4ml writes fixed<18,8> for every table."""
    own = layers(gru={"Precision": {"table": "fixed<18,8>"}})
    found = {}
    for default in ("fixed<32,16>", "fixed<12,4>"):
        graph, _ = read("recurrent", tmp_path, merged(own, {"HLSConfig": {"Model": {"Precision": default}}}))
        found[default] = next(node.op for node in graph.nodes if node.name == "gru").recurrent_activation  # type: ignore[attr-defined]
    wide, short = found["fixed<12,4>"], found["fixed<32,16>"]
    assert (wide.output_type, short.output_type) == (Fixed(True, 7, 10), Fixed(False, 0, 10))
    np.testing.assert_array_equal(np.sort(short.table), np.sort(replace(wide, table_type=short.table_type).table))


def test_a_state_that_is_auto_has_the_models_default(tmp_path: Path) -> None:
    graph, _ = read("recurrent", tmp_path, layers(gru={"Precision": {"result": "auto"}}))
    node = next(node for node in graph.nodes if node.name == "gru")
    assert str(node.op.state.type) == "fixed<8,2>"  # type: ignore[attr-defined]


SHIPPED = {
    "keras-config.yml": "KERAS_3layer",
    "config-files/qkeras_3layer_config.yml": "qkeras_3layer",
    "config-files/qkeras_mnist_cnn_config.yml": "qkeras_mnist_cnn",
    "config-files/qkeras_mnist_dense_config.yml": "qkeras_mnist_dense",
}


@pytest.mark.parametrize("file", SHIPPED)
def test_the_configurations_of_hls4mls_example_models(file: str, example_models: Path, tmp_path: Path) -> None:
    """One asks for a reuse factor that a dense layer behind a stream of 784 beats cannot have: refused, with those."""
    name = SHIPPED[file]
    model, config = joined(example_models / "keras" / name, tmp_path / "m.h5"), load_config(example_models / file)
    graph = read_model(model, config)
    if name == "qkeras_mnist_dense":
        with pytest.raises(BitsmithError, match="a reuse factor of 112 is not legal with resource; legal: 784, 1568"):
            plan_for(graph, config)
        return
    plan_for(graph, config)
    assert config.part == ("xcku115-flvb2104-2-i" if file == "keras-config.yml" else "xcvu9p-flga2577-2-e")


def joined(place: Path, target: Path) -> Path:
    """A model's JSON and its weights in one file, as Keras 2 writes a whole model."""
    with h5py.File(target, "w") as file, h5py.File(f"{place}_weights.h5", "r") as weights:
        file.attrs["model_config"] = Path(f"{place}.json").read_text()
        group = file.create_group("model_weights")
        for key in weights:
            weights.copy(key, group)
    return target
