"""Inputs and outputs in the model's own order, whatever order its layers stand in; tensors that are several outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import call, entry, functional, item, write_functional
from numpy.typing import NDArray

from bitsmith.gen.build import build
from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.inspect import inspect
from bitsmith.gen.passes.interleave import interleave
from bitsmith.gen.read import read_network_file
from bitsmith.sim.check import check_graph
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.graph import Graph

SETTINGS: dict[str, Any] = {
    "HLSConfig": {"Model": {"Precision": "fixed<24,10,RND_CONV,SAT>"}},
    "Bitsmith": {"input": "fixed<8,4>", "table_bits": 8},
}
CONFIG = parse_config(SETTINGS)
Z, A = ["z", 0, 0], ["a", 0, 0]
RNG = np.random.default_rng(8)
Array = NDArray[Any]


def grid(*shape: int) -> Array:
    return RNG.integers(-8, 9, shape) / 8


KERNELS = {name: grid(3, 3) for name in ("first", "second", "third")}
WEIGHTS: dict[str, dict[str, Any]] = {name: {"kernel": k, "bias": np.zeros(3)} for name, k in KERNELS.items()}


def keras3(*names: str, **named: str) -> dict[str, Any]:
    """A call on tensors as Keras 3 writes it."""

    def tensor(name: str) -> dict[str, Any]:
        return {"class_name": "__keras_tensor__", "config": {"shape": [None, 3], "keras_history": [name, 0, 0]}}

    args = [[tensor(n) for n in names] if len(names) > 1 else tensor(names[0])] if names else []
    return {"args": args, "kwargs": {key: tensor(name) for key, name in named.items()}}


def dense(name: str, node: Any) -> dict[str, Any]:
    return item("Dense", name, {"units": 3}, node)


def two_inputs(inputs: Any, outputs: Any, calls: Any = call) -> dict[str, Any]:
    """z @ first + (a @ second) @ third; 'a' stands first in the file."""
    layers = [
        entry("a", 3),
        dense("second", calls("a")),
        entry("z", 3),
        dense("first", calls("z")),
        dense("third", calls("second")),
        item("Add", "total", {}, calls("first", "third")),
    ]
    return functional(layers, inputs, outputs)


def file(tmp_path: Path, model: dict[str, Any], weights: dict[str, Any] | None = None) -> Path:
    return write_functional(tmp_path / "m.h5", model, WEIGHTS if weights is None else weights)


def values(graph: Graph, *x: Array) -> list[Array]:
    specs = graph.specs()
    raw = Reference(graph).predict(*x)
    return [np.ldexp(np.asarray(y, dtype=np.float64), -specs[n].type.fraction) for n, y in zip(graph.outputs, raw)]


TOTAL, FIRST, THIRD = ["total", 0, 0], ["first", 0, 0], ["third", 0, 0]
INPUTS = {
    "a list": ([Z, A], "za"),
    "the other list": ([A, Z], "az"),
    "a dictionary": ({"y": Z, "b": A}, "az"),
    "a dictionary in order": ({"b": Z, "y": A}, "za"),
    "nested": ({"y": [Z], "b": {"k": A}}, "az"),
    "a list of dictionaries": ([{"y": Z}, {"b": A}], "za"),
}
OUTPUTS = {
    "one": ([TOTAL], "t"),
    "alone": (TOTAL, "t"),
    "a list": ([TOTAL, THIRD, FIRST], "t31"),
    "a dictionary": ({"q": TOTAL, "c": THIRD, "e": FIRST}, "31t"),
}


@pytest.mark.parametrize("calls", [call, keras3], ids=["Keras 2", "Keras 3"])
@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("inputs", INPUTS)
def test_inputs_and_outputs_have_the_models_order(tmp_path: Path, inputs: str, outputs: str, calls: Any) -> None:
    path = file(tmp_path, two_inputs(INPUTS[inputs][0], OUTPUTS[outputs][0], calls))
    graph = read_model(path, CONFIG)
    x = {name: grid(5, 3) for name in "za"}
    order = INPUTS[inputs][1]
    assert [name for name, _ in graph.inputs] == list(order)
    third = x["a"] @ KERNELS["second"] @ KERNELS["third"]
    expected = {"1": x["z"] @ KERNELS["first"], "3": third, "t": x["z"] @ KERNELS["first"] + third}
    for got, name in zip(values(graph, *(x[name] for name in order)), OUTPUTS[outputs][1], strict=True):
        np.testing.assert_array_equal(got, expected[name])
    assert inspect(path)["inputs"] == list(order)
    floats = run(read_network_file(path), [x[name] for name in order])
    np.testing.assert_array_equal(floats["total"], expected["t"])


def nested(inner_inputs: Any, node: Any) -> dict[str, Any]:
    """The same inside a model 'inner' that is called on p in the place of z and q in that of a."""
    inner = two_inputs(inner_inputs, [TOTAL])["config"] | {"name": "inner"}
    layers = [entry("q", 3), entry("p", 3), item("Functional", "inner", inner, node)]
    return functional(layers, [["p", 0, 0], ["q", 0, 0]], [["inner", 1, 0]])


P, Q = ["p", 0, 0, {}], ["q", 0, 0, {}]
CALLED = {
    "list on list": ([Z, A], [P, Q]),
    "dictionary on list, by the inputs' names": ([Z, A], {"a": Q, "z": P}),
    "dictionary on dictionary": ({"y": Z, "b": A}, {"y": P, "b": Q}),
    "dictionary on dictionary, more keys": ({"y": Z, "b": A}, {"y": P, "b": Q, "more": P}),
    "list on dictionary, by its sorted keys": ({"y": Z, "b": A}, [Q, P]),
    "Keras 3, with the mask of its inputs' structure": (
        [Z, A],
        {
            "args": [{"z": keras3("p")["args"][0], "a": keras3("q")["args"][0]}],
            "kwargs": {"mask": {"z": None, "a": None}},
        },
    ),
}


@pytest.mark.parametrize("how", CALLED)
def test_a_nested_model_is_called_in_its_own_order(tmp_path: Path, how: str) -> None:
    inside = {f"inner/{name}": weights for name, weights in WEIGHTS.items()}
    graph = read_model(file(tmp_path, nested(*CALLED[how]), inside), CONFIG)
    p, q = grid(5, 3), grid(5, 3)
    expected = p @ KERNELS["first"] + q @ KERNELS["second"] @ KERNELS["third"]
    np.testing.assert_array_equal(values(graph, p, q)[0], expected)


@pytest.mark.parametrize("node", [
    call("x", ("s", 0)), [["x", 0, 0, {"initial_state": ["s", 0, 0]}]], keras3("x", initial_state="s"),
    keras3(initial_state="s", sequences="x"),
])  # fmt: skip
def test_an_initial_state_may_be_the_first_input(tmp_path: Path, node: Any) -> None:
    config = {"units": 2, "activation": "linear", "use_bias": False}
    layers = [entry("x", 3, 2), entry("s", 2), item("SimpleRNN", "rnn", config, node)]
    kernel, recurrent, s, x = grid(2, 2) / 4, grid(2, 2) / 4, grid(5, 2), grid(5, 3, 2)
    weights = {"rnn": {"kernel": kernel, "recurrent_kernel": recurrent}}
    path = file(tmp_path, functional(layers, [["s", 0, 0], ["x", 0, 0]], [["rnn", 0, 0]]), weights)
    wide = {"HLSConfig": {"Model": {"Precision": "fixed<28,8,RND_CONV,SAT>"}}, "Bitsmith": {"input": "fixed<8,4>"}}
    graph = read_model(path, parse_config(wide))
    assert [name for name, _ in graph.inputs] == ["s", "x"]
    assert [name for name, _ in interleave(graph, 4).inputs] == ["s", "x"]
    h = s
    for step in range(3):
        h = x[:, step] @ kernel + h @ recurrent
    np.testing.assert_array_equal(values(graph, s, x[:, np.newaxis])[0], h)


def test_a_build_folder_has_the_models_order(tmp_path: Path) -> None:
    """Ports of both kinds of hardware and the top function's arguments."""
    graph = read_model(file(tmp_path, two_inputs([Z, A], {"q": TOTAL, "c": THIRD})), CONFIG)
    assert (list(dict(graph.inputs)), list(graph.outputs)) == (["z", "a"], ["third_round", "total_round"])
    folder = build(graph, SETTINGS, tmp_path / "out", vectors=2).folder
    for ports in (json.loads((folder / f"{part}/ports.json").read_text()) for part in ("rtl", "hls")):
        assert [port["name"] for port in ports["inputs"]] == ["z", "a"]
        assert [port["name"] for port in ports["outputs"]] == ["third_round", "total_round"]
    arguments = (folder / f"hls/firmware/{ports['top']}.h").read_text().split(f"void {ports['top']}(")[1].split(")")[0]
    places = [arguments.index(f"&{port['variable']}") for port in (*ports["inputs"], *ports["outputs"])]
    assert places == sorted(places)


REPEATED: dict[str, list[Any]] = {
    "an input": [["x", 0, 0], ["third", 0, 0]],
    "an input twice": [["third", 0, 0], ["x", 0, 0], ["x", 0, 0]],
    "a result three times": [["third", 0, 0], ["first", 0, 0], ["third", 0, 0], ["third", 0, 0]],
    "a result and what hands it on": [["drop", 0, 0], ["third", 0, 0], ["flat", 0, 0]],
    "nothing but the input": [["x", 0, 0]],
}


@pytest.mark.parametrize("which", REPEATED)
def test_a_tensor_may_be_several_outputs(tmp_path: Path, which: str) -> None:
    chain = [entry("x", 3), dense("first", call("x")), dense("third", call("first"))]
    others = [item("Dropout", "drop", {"rate": 0.5}, call("third")), item("Flatten", "flat", {}, call("drop"))]
    only = [chain[0]] if which == "nothing but the input" else chain + (others if "hands" in which else [])
    graph = read_model(file(tmp_path, functional(only, [["x", 0, 0]], REPEATED[which])), CONFIG)
    x = grid(5, 3)
    first = x @ KERNELS["first"]
    third = first @ KERNELS["third"]
    expected = {"x": x, "first": first, "third": third, "drop": third, "flat": third}
    for got, (name, _, _) in zip(values(graph, x), REPEATED[which], strict=True):
        np.testing.assert_array_equal(got, expected[name])


def lstm(tmp_path: Path) -> Path:
    """The three tensors of an LSTM, two of which are one, an input, and the inputs in the other order."""
    config = {"units": 1, "return_state": True, "activation": "tanh", "recurrent_activation": "sigmoid"}
    layers = [
        entry("a", 2),
        item("Dense", "scaled", {"units": 2}, call("a")),
        entry("z", 2, 2),
        item("LSTM", "lstm", config, call("z")),
    ]
    outputs = [["lstm", 0, 0], ["lstm", 0, 1], ["lstm", 0, 2], A, ["scaled", 0, 0]]
    weights = {"kernel": grid(2, 4), "recurrent_kernel": grid(1, 4), "bias": grid(4)}
    both = {"lstm": weights, "scaled": {"kernel": grid(2, 2), "bias": grid(2)}}
    return file(tmp_path, functional(layers, [Z, A], outputs), both)


def test_the_states_of_an_lstm_are_outputs(tmp_path: Path) -> None:
    """The copies are ordinary nodes: tests/ops/test_networks.py takes such a graph through every level."""
    config = {"HLSConfig": {"Model": {"Precision": "fixed<12,5,RND_CONV,SAT>"}}, "Bitsmith": SETTINGS["Bitsmith"]}
    graph = read_model(lstm(tmp_path), parse_config(config))
    check_graph(graph)
    x = grid(3, 1, 2, 2), grid(3, 2)
    y, h, c, a, scaled = values(graph, *x)
    np.testing.assert_array_equal(h, y)
    np.testing.assert_array_equal(a, x[1])
    assert not (c == h).all()
    assert scaled.shape == (3, 2)


def test_a_state_or_an_input_may_be_what_is_decided_on(tmp_path: Path) -> None:
    config = {"units": 2, "return_state": True, "activation": "tanh", "recurrent_activation": "sigmoid"}
    layers = [entry("z", 2, 2), item("LSTM", "lstm", config, call("z")), entry("a", 3)]
    weights = {"lstm": {"kernel": grid(2, 8), "recurrent_kernel": grid(2, 8), "bias": grid(8)}}
    decided = parse_config({**SETTINGS, "Bitsmith": {**SETTINGS["Bitsmith"], "output": "argmax"}})
    path = file(tmp_path, functional(layers[:2], [Z], [["lstm", 0, 2]]), weights)
    cells = values(read_model(path, CONFIG), x := grid(9, 1, 2, 2))[0]
    np.testing.assert_array_equal(values(read_model(path, decided), x)[0][:, 0], cells.argmax(axis=1))
    path = write_functional(tmp_path / "input.h5", functional(layers[2:], [A], [A]), {})
    np.testing.assert_array_equal(values(read_model(path, decided), x := grid(9, 3))[0][:, 0], x.argmax(axis=1))


def test_an_input_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BitsmithError, match="'a' is an input of the model twice; give it once"):
        read_model(file(tmp_path, two_inputs([A, Z, A], [TOTAL])), CONFIG)
