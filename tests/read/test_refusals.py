"""A refusal names the attribute or the package that is not supported, and does not call an intact file damaged."""

from __future__ import annotations

from typing import Any

import pytest
from layer_configs import (
    BIAS,
    CASES,
    GATED,
    IMAGE,
    LINEAR,
    SEQUENCE,
    VECTOR,
    Case,
    Stored,
    cell,
    inner,
    model,
    recurrent,
    window,
)
from model_files import BITS4, call, entry, functional, item
from test_attribute_types import TYPED, refusal

from bitsmith.gen.convert.layers import convert
from bitsmith.gen.read.network import read_network
from bitsmith.sim.errors import BitsmithError

BY_NAME = {case.class_name: case for case in reversed(CASES)}
LSTM, GRU = recurrent(**GATED), recurrent(**GATED, reset_after=True)


def both(forward: Any, backward: Any = None, **more: Any) -> dict[str, Any]:
    return {"layer": forward, "backward_layer": backward, "merge_mode": "concat"} | more


def halves(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    parts = (("forward", first), ("backward", second))
    return {f"{part}_layer/{name}": shape for part, shapes in parts for name, shape in shapes.items()}


OF_LSTM, OF_GRU = cell(4, (8,)), cell(3, (2, 6))
NAMED = {  # with the weights that Keras makes for them
    "groups": (Case("Conv2D", IMAGE, window(2, filters=3, groups=2), {"kernel": (3, 3, 1, 3)} | BIAS), "groups=2"),
    "groups of a transposed convolution": (
        Case("Conv2DTranspose", IMAGE, window(2, filters=2, groups=2), {"kernel": (3, 3, 1, 2)} | BIAS),
        "groups=2",
    ),
    "channels_first": (
        Case("Conv2D", (2, 6, 6), window(2, filters=2, data_format="channels_first"), {"kernel": (3, 3, 2, 2)} | BIAS),
        "data_format=channels_first",
    ),
    "channels_first, transposed": (
        Case(
            "Conv2DTranspose",
            (2, 6, 6),
            window(2, filters=2, data_format="channels_first"),
            {"kernel": (3, 3, 2, 2)} | BIAS,
        ),
        "data_format=channels_first",
    ),
    "channels_first, depthwise": (
        Case(
            "DepthwiseConv2D",
            (2, 6, 6),
            window(2, depth_multiplier=1, data_format="channels_first"),
            {"depthwise_kernel": (3, 3, 2, 1)} | BIAS,
        ),
        "data_format=channels_first",
    ),
    "an axis": (Case("BatchNormalization", (2, 6, 6), {"axis": 1}, {"gamma": (2,)}), "axis=1"),
    **{
        f"equation {equation}": (
            Case("EinsumDense", SEQUENCE, {"equation": equation, "bias_axes": None}, {"kernel": (2, 2)}),
            f"equation={equation} on 'tested' is not supported; supported: a dense layer over the last axes",
        )
        for equation in (
            "abc,bd->adc",
            "abc,cb->ab",
            "abc,ad->bcd",
            "ab,bc->ac",
            "abc->abc",
            "abc,cd->adb",
            "a...,ab->b",
        )
    },
    "biases of places": (
        Case("EinsumDense", SEQUENCE, {"equation": "abc,cd->abd", "bias_axes": "bd"}, {"kernel": (2, 2)}),
        "bias_axes=bd on 'tested' is not supported; supported: None, or some of the new axes d",
    ),
    "a mask": (
        Case("Embedding", VECTOR, {"input_dim": 5, "output_dim": 2, "mask_zero": True}, {"embeddings": (5, 2)}),
        "mask_zero=True on 'tested' is not supported; supported: False: every sequence has all its steps here",
    ),
    "a normalization of places": (
        Case("LayerNormalization", IMAGE, {"axis": [1, 2, 3]}, {"gamma": (6, 6, 2), "beta": (6, 6, 2)}),
        "axis=(1, 2, 3) on 'tested'",
    ),
    "states of two classes": (
        Case(
            "Bidirectional",
            SEQUENCE,
            both(inner("LSTM", LSTM | {"return_state": True}), inner("GRU", GRU | {"return_state": True})),
            halves(OF_LSTM, OF_GRU),
        ),
        "LSTM and GRU have different states, and none of them can be given or returned; make both of one class",
    ),
    "a layer of another package backwards": (
        Case(
            "Bidirectional",
            SEQUENCE,
            both(inner("LSTM", LSTM), inner("LSTM", LSTM) | {"module": "my.layers"}),
            halves(OF_LSTM, OF_LSTM),
        ),
        "backward_layer=my>LSTM",
    ),
    "a layer of another package in both directions": (
        Case("Bidirectional", SEQUENCE, both(inner("QLSTM", LSTM) | {"registered_name": "hgq>QLSTM"})),
        "layer=hgq>QLSTM",
    ),
    "a layer of another package at each step": (
        Case("TimeDistributed", SEQUENCE, {"layer": inner("QDense", {"units": 2}) | {"module": "hgq.layers.core"}}),
        "layer=hgq>QDense",
    ),
    "a quantizer of another package": (
        Case(
            "QDense",
            VECTOR,
            {"units": 2} | LINEAR | {"kernel_quantizer": BITS4 | {"module": "hgq.quantizer"}},
            {"kernel": (4, 2)} | BIAS,
        ),
        "unknown quantizer 'hgq>quantized_bits'",
    ),
    "a quantizer of another package as activation": (
        Case("QActivation", VECTOR, {"activation": BITS4 | {"registered_name": "hgq>quantized_bits"}}),
        "activation=hgq>quantized_bits",
    ),
    "an activation with arguments": (
        Case(
            "Dense",
            VECTOR,
            {"units": 2, "activation": {"class_name": "ReLU", "module": "keras.layers", "config": {"max_value": 3.0}}},
            {"kernel": (4, 2)} | BIAS,
        ),
        "activation=ReLU on 'tested' is an object",
    ),
    "the same at each step": (
        Case(
            "TimeDistributed",
            SEQUENCE,
            {"layer": inner("Activation", {"activation": {"class_name": "ELU", "config": {"alpha": 2.0}}})},
        ),
        "activation=ELU",
    ),
}


@pytest.mark.parametrize("what", NAMED)
def test_what_is_not_supported_is_named(what: str) -> None:
    case, message = NAMED[what]
    text = refusal(model(case, case.config), case)
    assert message in text
    assert "'tested'" in text
    assert "save the model again" not in text


@pytest.mark.parametrize(
    ("return_state", "tensors"), [(False, [0]), (False, [1]), (True, [1, 0]), (True, [3]), (True, [0, 2])]
)
def test_a_bidirectional_of_which_a_part_is_read(return_state: bool, tensors: list[int]) -> None:
    """A direction that nothing reads is not built, and its weights are no surprise."""
    config = both(inner("GRU", GRU | {"return_state": return_state}), merge_mode=None)
    case = Case("Bidirectional", SEQUENCE, config, halves(OF_GRU, OF_GRU))
    data = model(case, config)
    data["config"]["output_layers"] = [["tested", 0, i] for i in tensors]
    graph = convert(read_network(data, Stored(case), "m.h5"), TYPED)
    assert len(graph.outputs) == len(tensors)
    assert [node.op.stem for node in graph.nodes].count("gru") == len({i % 2 for i in tensors})


@pytest.mark.parametrize(
    ("class_name", "words"),
    [("AdditiveAttention", "MultiHeadAttention"), ("RandomFlip", "while training"), ("StringLookup", "an Embedding")],
)
def test_a_class_that_is_not_supported_names_the_nearest(class_name: str, words: str) -> None:
    case = BY_NAME["Add"]
    text = refusal(model(case, {}, class_name=class_name), case)
    assert f"'tested' is a {class_name}, which is not supported; " in text
    assert words in text


def test_a_layer_that_gives_several_tensors() -> None:
    """Its class is what is not supported, not the number of the tensor."""
    layers = [
        entry("x", 4),
        item("Split", "halves", {}, call("x")),
        item("Add", "sum", {}, call("halves", ("halves", 1))),
    ]
    data = functional(layers, [["x", 0, 0]], [["sum", 0, 0]])
    assert "'halves' is a Split, which is not supported" in refusal(data, BY_NAME["Add"])
    layers[1] = item("Flatten", "halves", {}, call("x"))
    assert "no tensor 1 of layer 'halves'" in refusal(data, BY_NAME["Add"])


GROUPED = ("Conv1D", "Conv2D", "QConv1D", "QConv2D")
WEIGHTED = [case for case in CASES if case.weights and case.class_name not in ("TimeDistributed", "Bidirectional",
                                                                               "QBidirectional")]  # fmt: skip


@pytest.mark.parametrize("case", WEIGHTED, ids=lambda case: case.class_name)
def test_what_is_not_understood_comes_before_the_weights(case: Case) -> None:
    """An attribute that nobody knows may be why the weights have another shape."""
    other = case._replace(weights={name: (*shape, 2) for name, shape in (case.weights or {}).items()})
    assert "has shape" in refusal(model(other, other.config), other)
    for name, value, text in (
        ("unheard_of", 7, "unheard_of=7 on 'tested' is not understood"),
        ("data_format", "channels_first", "data_format=channels_first on 'tested' is not supported"),
        *([] if case.class_name in GROUPED else [("groups", 2, "groups=2 on 'tested' is not supported")]),
        ("lora_rank", 4, "lora_rank=4 on 'tested' is not supported"),
    ):
        assert text in refusal(model(other, other.config | {name: value}), other)


FOREIGN: dict[str, tuple[dict[str, Any], str]] = {
    "Keras 3": ({"module": "mine.layers.core.dense", "registered_name": "mine>QDense"}, "a QDense of the package mine"),
    "Keras 3 without registration": (
        {"module": "mine.layers", "registered_name": "QDense"},
        "a QDense of the package mine",
    ),
    "Keras 3, to_json": ({"module": None, "registered_name": "HGQ>QDense"}, "a QDense of the package HGQ"),
    "Keras 2": ({"class_name": "HGQ>QDense"}, "a QDense of the package HGQ"),
    "a script's own": ({"module": None, "registered_name": "QDense"}, "a QDense of the script that saved it"),
    "Keras 2's default package": ({"class_name": "Custom>QDense"}, "a QDense of the package Custom"),
    "a name like Keras's": (
        {"module": "keras_cv.layers", "registered_name": "keras_cv>QDense"},
        "the package keras_cv",
    ),
}


@pytest.mark.parametrize("how", FOREIGN)
def test_a_layer_of_another_package_is_named_with_it(how: str) -> None:
    outer, message = FOREIGN[how]
    case = BY_NAME["QDense"]
    text = refusal(model(case, case.config, **outer), case)
    assert message in text
    assert "which is not supported" in text


KNOWN: list[dict[str, Any]] = [
    {},
    {"module": "qkeras.qlayers", "registered_name": "QDense"},
    {"module": "keras.src.layers", "registered_name": None},
    {"module": "tf_keras.layers"},
    {"module": "builtins"},
    {"module": None},
    {"registered_name": "QKeras>QDense"},
    {"module": "__main__", "registered_name": "Bitsmith>QDense"},
    {"class_name": "Bitsmith>QDense"},
]


@pytest.mark.parametrize("outer", KNOWN)
def test_layers_of_known_packages_are_read(outer: dict[str, Any]) -> None:
    case = BY_NAME["QDense"]
    graph = convert(read_network(model(case, case.config, **outer), Stored(case), "m.h5"), TYPED)
    assert graph.nodes[0].op.stem == "dense"


def test_a_model_of_another_package() -> None:
    case = BY_NAME["Dense"]
    for outer in ({"module": "mine.models"}, {"registered_name": "mine>Functional"}):
        with pytest.raises(BitsmithError, match="a model of class 'mine>Functional' is not supported"):
            read_network(model(case, case.config) | outer, Stored(case), "m.h5")
