"""Keras's own ``quantize``: integers and scales as Keras has them, and its integer path where a type gives it.

Keras makes integers of a layer's inputs frame by frame, from the largest of each. The inputs here have 127 as the
largest everywhere, so that these integers are those of an input of fixed<8,1>, and the sums can be compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reading import library, save

import bitsmith
from bitsmith.gen.calibrate.ranges import calibrate
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.files.graph_file import save_graph
from bitsmith.gen.hls import HlsModel
from bitsmith.gen.inspect import inspect
from bitsmith.gen.resolved import resolve
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed, Overflow, Rounding, quantize, to_float
from bitsmith.sim.graph import Graph
from bitsmith.sim.ops.batch_norm import BatchNorm
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.dense import Dense

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore::UserWarning")]
Array = Any
BIAS = Fixed(True, 1, 8)
BITS8 = parse_config(
    {
        "HLSConfig": {"LayerName": {"layer": {"Precision": {"bias": "fixed<12,2>"}}}},
        "Bitsmith": {"input": "fixed<8,1>"},
    }
)


def dense(k: Any) -> Any:
    return k.layers.Dense(5, name="layer")


def plain_dense(k: Any) -> Any:
    return k.layers.Dense(3, use_bias=False, name="layer")


def einsum(equation: str, shape: Any, axes: str | None) -> Callable[[Any], Any]:
    return lambda k: k.layers.EinsumDense(equation, shape, bias_axes=axes, name="layer")


LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "dense": (dense, (12,)),
    "no bias": (plain_dense, (12,)),
    "on a sequence": (dense, (4, 6)),
    "last axis": (einsum("abc,cd->abd", (4, 5), "d"), (4, 6)),
    "no bias, last axis": (einsum("abc,cd->abd", (4, 5), None), (4, 6)),
    "two axes": (einsum("abc,bcd->ad", 5, "d"), (4, 6)),
    "two new axes": (einsum("ab,bcd->acd", (3, 5), "cd"), (6,)),
}


def one_layer(k: Any, name: str, config: Any, zero_output: bool = True) -> tuple[Any, Array]:
    """A quantized model of one layer, one of its outputs with no weights at all, and inputs with 127 as the largest."""
    make, shape = LAYERS[name]
    rng = np.random.default_rng(len(name))
    model = k.Sequential([k.layers.Input(shape, name="x"), make(k)])
    kernel, *biases = model.get_weights()
    kernel = rng.normal(0, 0.4, kernel.shape)
    kernel[..., 0] = 0 if zero_output else kernel[..., 0]
    model.set_weights([kernel, *(to_float(quantize(rng.normal(0, 0.4, b.shape), BIAS), BIAS) for b in biases)])
    model.quantize(config=config)
    raw = rng.integers(-127, 128, (40, *shape))
    raw[..., 0] = np.where(raw[..., 0] < 0, -127, 127)
    return model, raw


def product(graph: Graph) -> Any:
    """The node that multiplies by the kernel."""
    return next(node for node in graph.nodes if isinstance(node.op, (Dense, Conv2D)))


def scales_of(graph: Graph) -> Array:
    (op,) = (node.op for node in graph.nodes if isinstance(node.op, BatchNorm))
    return to_float(op.scale, op.scale_type)


@pytest.mark.parametrize("name", LAYERS)
def test_int8_is_keras_s_integer_path(name: str, tmp_path: Path) -> None:
    """The integers of the inputs, the weights and the sums are equal; the factor is the float32 nearest to 1/scale."""
    k = library("keras")
    model, raw = one_layer(k, name, k.quantizers.Int8QuantizationConfig())
    save(model, tmp_path / "m.keras")
    graph = read_model(tmp_path / "m.keras", BITS8)
    (layer,) = model.layers
    axes = getattr(layer, "quantization_axis", -1)
    integers, input_scale = layer.inputs_quantizer((raw / 128).astype(np.float32), axis=axes)
    np.testing.assert_array_equal(integers, raw)

    node, traced = product(graph), Reference(graph).trace_raw(raw.reshape(-1, *graph.inputs[0][1].shape))
    kernel = np.asarray(layer._kernel).astype(np.int64)
    np.testing.assert_array_equal(node.op.kernel.ravel(), kernel.ravel())
    equation = getattr(layer, "equation", "...c,cd->...d")
    sums = np.asarray(k.ops.einsum(equation, k.ops.cast(integers, "int32"), k.ops.cast(layer._kernel, "int32")))
    np.testing.assert_array_equal(traced[node.name].reshape(sums.shape), sums)

    used = kernel.reshape(-1, node.op.kernel.shape[-1]).any(axis=0)
    scale, ours = np.asarray(layer.kernel_scale, dtype=np.float64), scales_of(graph)
    np.testing.assert_array_equal(ours[used], (1 / scale.ravel()).astype(np.float32)[used])
    assert 0 < used.sum() < used.size, "an output without weights, whose scale Keras makes 1/127 of its epsilon"

    bias = 0.0 if layer.bias is None else np.asarray(layer.bias, dtype=np.float64)
    factor = np.where(used, ours, 0).reshape(scale.shape)
    outputs = real(graph, traced[graph.outputs[0]]).reshape(sums.shape)
    np.testing.assert_array_equal(outputs, sums * factor / 128 + bias)  # all of it fits in float64's 53 bits
    (step,) = np.unique(np.asarray(input_scale, dtype=np.float64))  # 128 less Keras's epsilon
    parts = sums / (step * scale)
    assert (np.abs(outputs - (parts + bias)) <= 2.0**-22 * np.abs(parts)).all()
    assert_rounds_alike(outputs, np.asarray(model((raw / 128).astype(np.float32)), dtype=np.float64))


def real(graph: Graph, raw: Array) -> Array:
    return to_float(raw, graph.specs()[graph.outputs[0]].type)


def assert_rounds_alike(ours: Array, keras: Array) -> None:
    """On a grid of 2**-8 both are one value, where neither lies within float32's precision of the middle of two."""
    near = np.abs(np.abs(ours * 256 % 1) - 0.5) < 2.0**-10
    assert near.mean() < 0.02
    np.testing.assert_array_equal(np.rint(ours * 256)[~near], np.rint(keras * 256)[~near])
    assert np.unique(np.rint(keras * 256)).size > 20, "few values prove little"


def test_scales_that_are_powers_of_two_are_exactly_keras(tmp_path: Path) -> None:
    """Without Keras's epsilon, and with 127 as the largest everywhere, its float32 outputs are ours bit by bit."""
    k = library("keras")
    quantizer = k.quantizers.AbsMaxQuantizer(epsilon=0.0)
    config = k.quantizers.Int8QuantizationConfig(k.quantizers.AbsMaxQuantizer(axis=0, epsilon=0.0), quantizer)
    model = k.Sequential([k.layers.Input((9,), name="x"), k.layers.Dense(4, name="layer")])
    rng = np.random.default_rng(5)
    kernel = rng.integers(-127, 128, (9, 4)) / [128, 64, 512, 32]
    kernel[0] = 127 / np.array([128, 64, 512, 32])
    model.set_weights([kernel, to_float(quantize(rng.normal(0, 0.4, 4), BIAS), BIAS)])
    model.quantize(config=config)
    save(model, tmp_path / "m.keras")
    graph = read_model(tmp_path / "m.keras", BITS8)
    assert len(graph.nodes) == 1, "a power of two is no multiplication"
    raw = rng.integers(-127, 128, (100, 9))
    raw[:, 3] = 127
    (got,) = Reference(graph).predict_raw(raw)
    np.testing.assert_array_equal(real(graph, got), np.asarray(model((raw / 128).astype(np.float32)), dtype=np.float64))


@pytest.mark.parametrize("name", ["dense", "no bias", "two axes", "two new axes"])
@pytest.mark.parametrize("mode", ["int8", "int4/-1", "int4/None", "int4/128"])
def test_integer_weights_alone(name: str, mode: str, tmp_path: Path) -> None:
    """No integers of the inputs in Keras either: int8 without them; int4 with a scale for each output, or a block."""
    k = library("keras")
    q, block = k.quantizers, {"int4/-1": -1, "int4/128": 128}.get(mode)
    config = q.Int8QuantizationConfig(None, None) if mode == "int8" else q.Int4QuantizationConfig(block_size=block)
    model, raw = one_layer(k, name, config, zero_output=False)
    (layer,) = model.layers
    for path in (tmp_path / "m.keras", tmp_path / "m.h5"):
        save(model, path)
        graph = read_model(path, BITS8)
        node = product(graph)
        outputs = node.op.kernel.shape[-1]
        stored = layer._kernel if mode == "int8" else q.unpack_int4(layer._kernel, outputs, axis=-1)
        integers = np.asarray(stored).astype(np.int64).reshape(-1, outputs)
        integers -= np.asarray(layer.kernel_zero).astype(np.int64) if mode == "int4/128" else 0
        np.testing.assert_array_equal(node.op.kernel.reshape(-1, outputs), integers)
        scale = np.asarray(layer.kernel_scale, dtype=np.float64).ravel()
        wanted = scale if mode == "int4/128" else (1 / scale).astype(np.float32)
        np.testing.assert_array_equal(scales_of(graph), wanted)
        (got,) = Reference(graph).predict_raw(raw.reshape(-1, *graph.inputs[0][1].shape))
        keras = np.asarray(model((raw / 128).astype(np.float32)), dtype=np.float64)
        assert_rounds_alike(real(graph, got).reshape(keras.shape), keras)


@pytest.mark.parametrize("name", ["dense", "on a sequence", "no bias", "two axes", "two new axes"])
def test_blocks_of_inputs_with_scales_of_their_own(name: str, tmp_path: Path) -> None:
    """The last block is a shorter one, and one has no weights; behind the vector's layer a normalization is folded."""
    k = library("keras")
    model, raw = one_layer(k, name, k.quantizers.Int4QuantizationConfig(block_size=5))
    (layer,) = model.layers
    integers = k.quantizers.unpack_int4(layer._kernel, np.shape(layer.kernel_scale)[-1], axis=-1)
    place = np.asarray(layer.g_idx).astype(np.int64)
    assert place.max() > 0
    scale, zero = (np.asarray(v, dtype=np.float64)[place] for v in (layer.kernel_scale, layer.kernel_zero))
    kernel = (np.asarray(integers, dtype=np.float64) - zero) * scale
    x, columns = raw / 128, kernel.shape[1]
    x = x.reshape(len(x), -1, len(kernel)) @ kernel + (0 if layer.bias is None else np.asarray(layer.bias).ravel())
    save(model, tmp_path / "m.keras")
    graph = read_model(tmp_path / "m.keras", BITS8)
    assert sum(isinstance(node.op, Conv2D) for node in graph.nodes) == place.max() + 1
    (got,) = Reference(graph).predict_raw(raw.reshape(-1, *graph.inputs[0][1].shape))
    ours = real(graph, got)
    np.testing.assert_array_equal(ours.reshape(-1, columns), x.reshape(-1, columns))  # all of it fits in 53 bits
    keras = np.asarray(model((raw / 128).astype(np.float32)), dtype=np.float64)
    assert_rounds_alike(ours.reshape(keras.shape), keras)


def test_a_normalization_behind_blocks(tmp_path: Path) -> None:
    k = library("keras")
    model, raw = one_layer(k, "dense", k.quantizers.Int4QuantizationConfig(block_size=5))
    norm = k.layers.BatchNormalization(name="norm")
    whole = k.Sequential([*model.layers, norm])
    whole.build((None, 12))
    rng = np.random.default_rng(9)
    norm.set_weights([*rng.normal(0, 0.4, (3, 5)), rng.uniform(0.5, 2, 5)])
    save(whole, tmp_path / "m.keras")
    graph = read_model(tmp_path / "m.keras", BITS8)
    (got,) = Reference(graph).predict_raw(raw)
    keras = np.asarray(whole((raw / 128).astype(np.float32)), dtype=np.float64)
    assert np.abs(real(graph, got) - keras).max() < 2.0**-10  # the bias has 10 bits behind the point


@pytest.mark.parametrize("mode", ["int8", "int4/-1", "int4/3"])
def test_rows_of_an_embedding(mode: str, tmp_path: Path) -> None:
    """What Keras divides them to, in float32, and then the type that is given for them."""
    k = library("keras")
    q = k.quantizers
    config = q.Int8QuantizationConfig() if mode == "int8" else q.Int4QuantizationConfig(block_size=int(mode[5:]))
    model = k.Sequential([k.layers.Input((4,), name="x"), k.layers.Embedding(9, 7, name="rows")])
    model.set_weights([np.random.default_rng(2).normal(0, 0.4, (9, 7))])
    model.quantize(config=config)
    x = np.arange(12).reshape(3, 4) % 9
    want = np.asarray(model(x), dtype=np.float64)
    for path in (tmp_path / "m.keras", tmp_path / "m.h5"):
        save(model, path)
        for text in ("fixed<12,3,RND_CONV,SAT>", "fixed<34,3,RND_CONV,SAT>"):
            graph = read_model(path, parse_config({"HLSConfig": {"Model": {"Precision": text}}}))
            (got,) = Reference(graph).predict_raw(x.reshape(-1, *graph.inputs[0][1].shape))
            rounded = to_float(quantize(want, (t := Fixed.parse(text)[0]), Rounding.RND_CONV, Overflow.SAT), t)
            np.testing.assert_array_equal(real(graph, got).reshape(want.shape), rounded)
    assert (rounded == want).all(), "31 bits behind the point hold every bit of these"


def network(k: Any) -> Any:
    """A model inside of a model, a layer that is called twice, a normalization that is folded, and one that is not."""
    x = k.layers.Input((6,), name="x")
    inner = k.Sequential([k.layers.Input((6,)), k.layers.Dense(5, activation="relu", name="deep")], name="inner")
    y = inner(x)
    twice = k.layers.Dense(5, name="twice")
    y = k.layers.ReLU(name="relu")(twice(twice(y)))
    y = k.layers.BatchNormalization(name="folded")(k.layers.Dense(4, name="before")(y))
    y = k.layers.BatchNormalization(name="kept")(k.layers.ReLU(name="last")(y))
    model = k.Model(x, k.layers.Dense(3, name="out")(y), name="network")
    rng = np.random.default_rng(3)
    weights = [(v.path, v.shape) for v in model.weights]
    model.set_weights([rng.uniform(0.3, 1.5, s) if "variance" in p else rng.normal(0, 0.5, s) for p, s in weights])
    _, *rest = model.get_layer("folded").get_weights()
    model.get_layer("folded").set_weights([np.array([-0.7, 0.0, 1.1, 0.4]), *rest])
    return model


def written(graph: Graph, folder: Path) -> str:
    save_graph(graph, folder / "graph.json")
    return (folder / "graph.json").read_text()


def test_a_network_from_every_source(tmp_path: Path) -> None:
    """inspect, calibrate and config of it; Keras in floats gives nearly the same."""
    k = library("keras")
    model = network(k)
    model.quantize(config=k.quantizers.Int8QuantizationConfig(None, None))
    x = np.random.default_rng(4).integers(-128, 128, (64, 6)) / 128
    path = tmp_path / "m.keras"
    for file in (path, tmp_path / "m.h5"):
        save(model, file)
    found = inspect(path)
    assert found["supported"]
    assert {row["quantizers"].get("kernel") for row in found["layers"]} == {None, "integers(8)"}
    types = calibrate(path, x, bits=16)
    assert "weight" not in types["HLSConfig"]["LayerName"]["before"]["Precision"]
    graph = read_model(path, parse_config(types))
    for source in (tmp_path / "m.h5", model):
        assert written(read_model(source, parse_config(types)), tmp_path) == written(graph, tmp_path)
    (tmp_path / "types.json").write_text(json.dumps(types))
    whole = resolve(path, tmp_path / "types.json").config
    assert written(read_model(path, parse_config(whole)), tmp_path) == written(graph, tmp_path)
    (raw,) = Reference(graph).predict_raw((x * 2 ** graph.inputs[0][1].type.fraction).astype(np.int64))
    assert np.abs(real(graph, raw) - np.asarray(model(x.astype(np.float32)))).max() < 2.0**-11  # types of 16 bits


def test_hls_and_verilog_are_the_reference(tmp_path: Path, need: Callable[..., None]) -> None:
    """int8 over a sequence, int4 in two blocks."""
    need("g++", "verilator")
    k = library("keras")
    layers = [k.layers.EinsumDense("abc,cd->abd", (2, 3), activation="relu", bias_axes="d"), k.layers.Flatten()]
    model = k.Sequential([k.layers.Input((2, 4), name="x"), *layers, k.layers.Dense(3, name="out")])
    model.layers[0].quantize("int8")
    model.layers[2].quantize(config=k.quantizers.Int4QuantizationConfig(block_size=4))
    path, x = tmp_path / "m.keras", np.random.default_rng(4).integers(-128, 128, (24, 2, 4)) / 128
    save(model, path)
    built = bitsmith.build(path, calibrate(path, x), tmp_path / "out", vectors=4)
    raw = (x * 128).astype(np.int64)
    (wanted,) = built.reference.predict_raw(raw)
    assert np.unique(wanted).size > 20
    for level in (HlsModel(tmp_path / "out", "-O0"), built.rtl):
        (got,) = level.predict_raw(raw)
        np.testing.assert_array_equal(got, wanted)
    report = bitsmith.verify(tmp_path / "out", ["keras"], inputs=x, model=path)
    (figures,) = report["levels"]["keras"]["figures"].values()
    assert 0 < figures["largest_difference"] < 0.25
