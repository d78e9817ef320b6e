"""Attention: Keras's layers taken apart, exact but for their softmax, equal in hardware, in the predicted cycles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from definitions import Real, real
from hardware import side_by_side
from layer_configs import HEADS, HEADS_SHAPES, Stored
from layer_configs import Case as LayerCase
from model_files import call, entry, functional, item
from reading import FloatArray, library, randomize, save
from test_networks import proven
from test_softmax import bound

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.calibrate.ranges import propose
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_any, read_model
from bitsmith.gen.convert.layers import convert
from bitsmith.gen.read.network import Network, read_network
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.graph import Graph
from bitsmith.sim.ops.softmax import Softmax

Need = Callable[..., None]
EXACT: dict[str, Any] = {
    "Bitsmith": {"input": "fixed<8,3>"},
    "HLSConfig": {
        "Model": {"Precision": {"default": "auto", "weight": "fixed<8,3>", "bias": "fixed<8,3>"}},
        "LayerName": {},
    },
}


def exact(*softmaxes: str) -> dict[str, Any]:
    """Everything exact but these layers, which need a type."""
    sections = {name: {"Precision": {"result": "ufixed<10,1,RND_CONV,SAT>"}} for name in softmaxes}
    return EXACT | {"HLSConfig": EXACT["HLSConfig"] | {"LayerName": sections}}


# what the integers are ----------------------------------------------------------------------------


def trace(graph: Graph, *raw: Any) -> dict[str, Real]:
    specs = graph.specs()
    return {name: real(y, specs[name].type).squeeze(1) if y.ndim == 4 and y.shape[1] == 1 else real(y, specs[name].type)
            for name, y in Reference(graph).trace_raw(*raw).items()}  # fmt: skip


def heads_of(x: Real, heads: int) -> Real:
    """(frames, heads, rows, size)"""
    return np.asarray(x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2))


@pytest.mark.parametrize(("heads", "key"), [(1, 4), (2, 4), (3, 1)])
def test_every_step_is_exact_but_the_softmax(heads: int, key: int, tmp_path: Path) -> None:
    """A query of 5 rows meets 3 rows, in float64 from weights on their grid; the softmax within its tables' bound."""
    rng = np.random.default_rng(heads)
    shapes = shapes_of(heads, key, 2, 4, 6, 3)
    w = {name: rng.integers(-40, 40, shape) / 32 for name, shape in shapes.items()}
    graph = convert(
        network(w, HEADS | {"num_heads": heads, "key_dim": key, "value_dim": 2}), parse_config(exact("a_softmax"))
    )
    raw = [rng.integers(-128, 128, (20, 1, *shape)) for shape in ((5, 4), (3, 6))]
    x, y = (value[:, 0] / 32 for value in raw)
    found = trace(graph, *raw)
    query, keys, values = (
        np.einsum("bsc,chk->bhsk", source, w[f"{part}_dense/kernel"]) + w[f"{part}_dense/bias"][:, None]
        for part, source in (("query", x), ("key", y), ("value", y))
    )
    for name, wanted in (("a_query", query), ("a_key", keys), ("a_value", values)):
        np.testing.assert_array_equal(heads_of(found[name], heads), wanted)
    scores = query / np.sqrt(key) @ keys.swapaxes(-1, -2)
    np.testing.assert_array_equal(heads_of(found["a_scores"], heads), scores)
    weights = heads_of(found["a_softmax_rows" if heads > 1 else "a_softmax"], heads)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    op = next(node.op for node in graph.nodes if isinstance(node.op, Softmax))
    assert np.abs(weights - e / e.sum(axis=-1, keepdims=True)).max() <= bound(op, 3)
    context = weights @ values
    np.testing.assert_array_equal(heads_of(found["a_context"], heads), context)
    wanted = np.einsum("bhsv,hvo->bso", context, w["output_dense/kernel"]) + w["output_dense/bias"]
    np.testing.assert_array_equal(found[graph.outputs[0]], wanted)


Shapes = dict[str, tuple[int, ...]]


def shapes_of(heads: int, key: int, value: int, query_in: int, value_in: int, out: int) -> Shapes:
    """Of a MultiHeadAttention's weights."""
    sizes = (("query", query_in, key), ("key", value_in, key), ("value", value_in, value))
    kernels = {f"{part}_dense/kernel": (n, heads, size) for part, n, size in sizes}
    biases = {f"{part}_dense/bias": (heads, size) for part, _, size in sizes}
    return {**kernels, **biases, "output_dense/kernel": (heads, value, out), "output_dense/bias": (out,)}


def network(
    weights: dict[str, Any], config: dict[str, Any], own: tuple[int, int] | None = None, name: str = "a"
) -> Network:
    """A layer on two inputs, or on one and itself, which has the shape ``own``."""

    class Given(Stored):
        def of(self, place: Any, part: str = "") -> dict[str, FloatArray]:
            return {n.removeprefix(f"{part}/"): v for n, v in weights.items() if part and n.startswith(f"{part}/")}

    q, v = f"{name}_q", f"{name}_v"
    inputs = {q: own} if own else {q: (5, 4), v: (3, 6)}
    tensors = (q, q) if own else (q, v)
    layers = [entry(key, *shape) for key, shape in inputs.items()]
    layers.append(item("MultiHeadAttention", name, config, call(*tensors)))
    data = functional(layers, [[key, 0, 0] for key in inputs], [[name, 0, 0]])
    return read_network(data, Given(LayerCase("", (1,), {})), "net")


# hardware -----------------------------------------------------------------------------------------

ROUNDED: dict[str, Any] = {
    "Bitsmith": {"input": "fixed<8,3>", "table_bits": 8},
    "HLSConfig": {
        "Model": {"Precision": "fixed<10,4,RND_CONV,SAT>"},
        "LayerType": {"Softmax": {"Precision": {"result": "ufixed<8,0,RND_CONV,SAT>"}}},
    },
}


def test_hls_and_verilog_give_the_same_in_the_predicted_cycles(tmp_path: Path, need: Need) -> None:
    """Two heads with a query of its own and a key dimension whose root is no power of two; one head on itself; Keras's
    plain attention: each with its reuse factors."""
    need("g++", "verilator")
    rng = np.random.default_rng(3)
    weights = {name: rng.normal(0, 0.5, shape) for name, shape in shapes_of(2, 3, 2, 4, 6, 3).items()}
    nets = [network(weights, HEADS | {"key_dim": 3, "value_dim": 2}, name="cross")]
    weights = {name: rng.normal(0, 0.5, shape) for name, shape in shapes_of(1, 4, 4, 3, 3, 3).items()}
    same = HEADS | {"num_heads": 1, "key_dim": 4, "value_dim": 4}
    nets.append(network(weights, same, (7, 3), name="own"))
    layers = [entry("pq", 5, 4), entry("pv", 6, 4), item("Attention", "plain", {}, call("pq", "pv"))]
    data = functional(layers, [["pq", 0, 0], ["pv", 0, 0]], [["plain", 0, 0]])
    nets.append(read_network(data, Stored(LayerCase("", (1,), {})), "net"))
    graph = side_by_side({str(k): convert(net, parse_config(ROUNDED)) for k, net in enumerate(nets)})
    factors = {"cross_scores": 3, "own_context": 7, "plain_scores": 2}
    config = {"HLSConfig": {"Model": {}, "LayerName": {name: {"ReuseFactor": n} for name, n in factors.items()}}}
    proven(graph, config, ("hls", "rtl"), tmp_path / "build", frames=8)


# from Keras ---------------------------------------------------------------------------------------


@pytest.mark.train
@pytest.mark.parametrize("name", ["keras", "tf_keras"])
def test_it_is_keras_s_attention(name: str, tmp_path: Path) -> None:
    """Every way to call it, every way to the weights: the float form gives Keras's values, the integers come near."""
    k = library(name)
    q, v = k.Input((5, 4), name="q"), k.Input((3, 6), name="v")
    many, same = k.layers.MultiHeadAttention, k.layers.Dense(4, name="same")(v)
    outputs = [
        many(2, 3, value_dim=2, name="cross")(q, v),
        many(1, 4, name="self")(q, q),
        many(2, 1, name="named", use_bias=False, output_shape=5)(q, value=v, key=v),
        many(3, 2, name="keyed")(q, key=v, value=same),
        k.layers.Attention(name="plain")([q, same]),
        k.layers.Attention(name="plain_keyed")([q, v, same]),
    ]
    shared, x = many(2, 2, name="shared"), k.Input((5, 4))
    nested = k.Model(x, many(2, 3, name="query")(x, x), name="nested")
    outputs += [shared(shared(q, q), q), nested(q)]
    keras_model = k.Model([q, v], outputs, name="net")
    randomize(keras_model, 5)
    rng = np.random.default_rng(2)
    values: list[FloatArray] = [rng.integers(-64, 64, (10, *shape)) / 32 for shape in ((5, 4), (3, 6))]
    wanted = [np.asarray(y) for y in keras_model([value.astype(np.float32) for value in values])]
    for source in ("net.h5", "net.keras", None):
        if source:
            save(keras_model, tmp_path / source)
        read = read_any(tmp_path / source if source else keras_model)
        found = run(read, values)
        for key, want in zip(read.outputs, wanted, strict=True):
            np.testing.assert_allclose(found[key], want, atol=2e-6)
    default = {"default": "fixed<24,8,RND_CONV,SAT>", "weight": "fixed<20,4>", "bias": "fixed<20,4>"}
    config = {"Bitsmith": {"input": "fixed<8,3>", "table_bits": 16}, "HLSConfig": {"Model": {"Precision": default}}}
    graph = read_model(tmp_path / "net.h5", parse_config(config))
    raw = [np.rint(value * 32).astype(np.int64)[:, np.newaxis] for value in values]
    for y, key, want in zip(Reference(graph).predict_raw(*raw), graph.outputs, wanted, strict=True):
        assert np.abs(real(y, graph.specs()[key].type).reshape(want.shape) - want).max() < 0.02


def test_calibrate_offers_every_step_a_type() -> None:
    """A layer on one input; with what is proposed it is built."""
    weights = {name: np.full(shape, 0.25) for name, shape in shapes_of(2, 3, 2, 4, 4, 3).items()}
    read = network(weights, HEADS | {"value_dim": 2}, (5, 4))
    proposed = propose(read, np.random.default_rng(1).normal(size=(9, 5, 4)), 8)
    sections = proposed["HLSConfig"]["LayerName"]
    steps = ("query", "key", "value", "scaled", "scores", "softmax", "context")
    assert {f"a_{step}" for step in steps} | {"a", "a_q"} == set(sections)
    assert all("result" in section["Precision"] for section in sections.values())
    assert all("weight" in sections[name]["Precision"] for name in ("a", "a_query", "a_key", "a_value"))
    specs = convert(read, parse_config(proposed | {"Bitsmith": {"table_bits": 8}})).specs()
    for name, tensor in (("a_scores", "a_scores_round"), ("a_softmax", "a_softmax"), ("a", "a_round")):
        assert str(specs[tensor].type)[:-1] + ",RND_CONV,SAT>" == sections[name]["Precision"]["result"]


# what is refused ----------------------------------------------------------------------------------

REFUSED: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "a causal mask": (
        "Attention",
        {},
        {"use_causal_mask": True},
        "called with use_causal_mask=; .*leave it out",
    ),
    "a mask": ("Attention", {}, {"attention_mask": ["q", 0, 0]}, "called with attention_mask="),
    "a scale": ("Attention", {"use_scale": True}, {}, "use_scale=True on 'a' is not supported"),
    "a sum of tanh": ("Attention", {"score_mode": "concat"}, {}, "score_mode=concat on 'a' is not supported"),
    "other axes": ("MultiHeadAttention", HEADS | {"attention_axes": [2]}, {}, r"attention_axes=\(2,\) on 'a'"),
    "a gate": ("MultiHeadAttention", HEADS | {"use_gate": True}, {}, "use_gate=True on 'a' is not supported"),
    "a window": ("MultiHeadAttention", HEADS | {"sliding_window": 4}, {}, "sliding_window=4 on 'a' is not supported"),
    "two axes of output": ("MultiHeadAttention", HEADS | {"output_shape": [1, 2]}, {}, r"output_shape=\(1, 2\) on 'a'"),
    "more heads than its weights": ("MultiHeadAttention", HEADS | {"num_heads": 4}, {}, "query kernel has shape"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_supported(name: str) -> None:
    class_name, config, named, message = REFUSED[name]
    weights = LayerCase("", (1,), {}, HEADS_SHAPES)
    layers = [entry("q", 5, 2), entry("v", 3, 2), item(class_name, "a", config, call("q", "v", **named))]
    data = functional(layers, [["q", 0, 0], ["v", 0, 0]], [["a", 0, 0]])
    config = {"HLSConfig": {"Model": ROUNDED["HLSConfig"]["Model"], "LayerName": {"a_scores": {"ReuseFactor": 2}}}}
    with pytest.raises(BitsmithError, match=message) as caught:
        convert(read_network(data, Stored(weights), "net"), parse_config(config | {"Bitsmith": ROUNDED["Bitsmith"]}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("more", ["key_dense/2", "output_dense/kernel_scale"])
def test_variables_that_no_part_asks_for(more: str) -> None:
    """What model.quantize("int8") leaves inside, for one: Keras itself cannot load such a file."""
    weights = LayerCase("", (1,), {}, HEADS_SHAPES | {more: (1, 1, 2, 3)})
    layers = [entry("q", 5, 2), entry("v", 3, 2), item("MultiHeadAttention", "a", HEADS, call("q", "v"))]
    data = functional(layers, [["q", 0, 0], ["v", 0, 0]], [["a", 0, 0]])
    with pytest.raises(BitsmithError, match=f"'a' .*has variables that are not understood: {more}; save the model"):
        convert(read_network(data, Stored(weights), "net"), parse_config({"Bitsmith": ROUNDED["Bitsmith"]}))


@pytest.mark.parametrize("count", [1, 4])
def test_other_numbers_of_tensors(count: int) -> None:
    layers = [entry("q", 5, 2), item("Attention", "a", {}, call(*["q"] * count))]
    data = functional(layers, [["q", 0, 0]], [["a", 0, 0]])
    with pytest.raises(BitsmithError, match=f"'a': Attention of {count} tensors; give a query, a value and maybe"):
        convert(
            read_network(data, Stored(LayerCase("", (1,), {})), "net"),
            parse_config({"Bitsmith": {"input": "fixed<8,3>"}}),
        )


def test_a_layer_that_is_called_as_a_part_is() -> None:
    layers = [
        entry("q", 5, 2),
        item("ReLU", "a_scores", {}, call("q")),
        item("Attention", "a", {}, call("q", "a_scores")),
    ]
    data = functional(layers, [["q", 0, 0]], [["a", 0, 0]])
    with pytest.raises(BitsmithError, match="a layer is called 'a_scores', as a part of 'a' is; rename it"):
        read_network(data, Stored(LayerCase("", (1,), {})), "net")
