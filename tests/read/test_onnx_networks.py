"""Networks of the kind that people have: a small one through HLS and Verilog, FINN's TFC, example files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_graphs import Op, executed, in_onnx, inputs_of, model, need_onnx, quant, read, results, saved

import bitsmith
from bitsmith.gen.config.schema import parse_config
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.graph import Graph

R = np.random.default_rng(11)


def test_hls_and_verilog_are_the_reference(tmp_path: Path, need: Callable[..., None]) -> None:
    """Every kind of Quant that is not Keras's, zeros as ONNX counts them, factors and a sign, in one network."""
    need_onnx()
    need("g++", "verilator")
    ops = [
        quant("x", "s4", "b6", "q0", rounding_mode="CEIL"),
        quant("w", "per", "b4", "qw", narrow=1),
        Op("Conv", ("q0", "qw", "b"), "c0", {"pads": [1, 0, 2, 1]}),
        Op("BatchNormalization", ("c0", "g", "b", "b", "v"), "n0"),
        Op("Relu", ("n0",), "r0"),
        quant("r0", "odd", "b3", "q1", signed=0, narrow=1),
        Op("MaxPool", ("q1",), "p", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
        quant("dw", "s3", "b4", "qd"),
        Op("Conv", ("p", "qd"), "c1", {"group": 4}),
        quant("c1", "s1", "b5", "q2", rounding_mode="FLOOR"),
        Op("Flatten", ("q2",), "f"),
        quant("d", "s2", "b3", "qf"),
        Op("MatMul", ("f", "qf"), "m"),
        quant("m", "s1", "b6", "q3", "z", rounding_mode="HALF_UP"),
        Op("Relu", ("q3",), "r1"),
        Op("BipolarQuant", ("m", "s2"), "sign"),
    ]
    constants = {
        **{f"s{n}": 2.0**-n for n in range(5)}, **{f"b{n}": float(n) for n in range(1, 9)}, "odd": 0.1813, "z": 3.0,
        "w": R.normal(size=(4, 2, 3, 3)), "per": 2.0 ** -R.integers(1, 4, (4, 1, 1, 1)), "b": R.normal(size=4),
        "g": R.uniform(0.5, 2, 4), "v": R.uniform(0.5, 2, 4), "dw": R.normal(size=(4, 1, 2, 2)),
        "d": R.normal(size=(8, 3)),
    }  # fmt: skip
    proto = model(ops, constants, (1, 2, 5, 5), ("r1", "sign"))
    config = {"Bitsmith": {"input": "fixed<8,3>"}}
    graph = read(proto, tmp_path, config)
    raw = inputs_of(graph, 24)
    expected = executed(proto, in_onnx(raw, graph.inputs[0][1].type, (2, 5, 5), True))
    for ours, output in zip(results(graph, raw), ("r1", "sign")):
        assert np.abs(ours - expected[output]).max() < 1e-6
    built = bitsmith.build(graph, config, tmp_path / "out", vectors=4)
    reference = Reference(graph).predict_raw(raw)
    for level in (built.hls, built.rtl):
        for a, b in zip(reference, level.predict_raw(raw)):
            assert np.array_equal(a, b)


def inner(proto: Any, graph: Graph, raw: Any, x: Any) -> int:
    """Holds every quantizer's integers inside of the network to qonnx's tensors; how many values there were. All scales
    are 1."""
    expected, inside, count = executed(proto, x), Reference(graph).trace_raw(raw), 0
    names = {graph.labels.get(node.name, node.name): node.name for node in graph.nodes}
    for node in proto.graph.node:
        if node.op_type.endswith("Quant") and node.name in names:
            ours, values = inside[names[node.name]], expected[node.output[0]]
            ours = np.moveaxis(ours, -1, 1) if values.ndim == 4 and ours.shape[1:] != values.shape[1:] else ours
            assert np.array_equal(ours.reshape(values.shape), values), node.name
            count += values.size
    return count


def tfc(bits: int) -> Any:
    """FINN's TFC: 784 inputs of -1 to 1, three hidden layers of 64 with norms and ``bits`` bits, 10 outputs."""
    constants: dict[str, Any] = {"one": 1.0, "two": 2.0, "bits": float(bits), "flat": np.array([1, -1])}

    def act(x: str, y: str) -> Op:
        return Op("BipolarQuant", (x, "one"), y) if bits == 1 else quant(x, "one", "bits", y, narrow=1)

    ops = [
        Op("Reshape", ("x", "flat"), "r"),
        Op("Mul", ("r", "two"), "t"),
        Op("Sub", ("t", "one"), "u"),
        act("u", "a0"),
    ]
    for i, (n, m) in enumerate(((784, 64), (64, 64), (64, 64), (64, 10))):
        constants[f"w{i}"] = R.normal(size=(m, n))
        ops += [act(f"w{i}", f"qw{i}"), Op("Transpose", (f"qw{i}",), f"t{i}", {"perm": [1, 0]}),
                Op("MatMul", (f"a{i}", f"t{i}"), f"m{i}")]  # fmt: skip
        if m == 64:
            for name, values in (("g", R.uniform(0.5, 3, m)), ("e", R.normal(size=m)), ("n", R.normal(size=m) * 9),
                                 ("v", R.uniform(50, 2000, m))):  # fmt: skip
                constants[f"{name}{i}"] = values
            ops += [
                Op("BatchNormalization", (f"m{i}", *(f"{n}{i}" for n in "genv")), f"b{i}"),
                act(f"b{i}", f"a{i + 1}"),
            ]
    constants |= {"mean": np.array([0.37]), "deviation": np.array([18.6]), "gain": np.array([0.76])}
    ops += [Op("Sub", ("m3", "mean"), "s"), Op("Div", ("s", "deviation"), "v"), Op("Mul", ("v", "gain"), "y")]
    return model(ops, constants, (1, 1, 28, 28))


@pytest.mark.parametrize("bits", [1, 2])
def test_tfc(bits: int, tmp_path: Path) -> None:
    need_onnx()
    proto = tfc(bits)
    graph = read(proto, tmp_path, {"Bitsmith": {"input": "ufixed<8,0>"}})
    raw = inputs_of(graph, 20)
    x = in_onnx(raw, graph.inputs[0][1].type, (1, 28, 28), False)
    assert inner(proto, graph, raw, x) == 20 * (784 + 3 * 64)
    expected = executed(proto, x)["y"]
    (ours,) = results(graph, raw)
    assert np.abs(ours - expected).max() <= 2.0**-20  # three float32 roundings of values below 4


TYPES = {
    "HLSConfig": {"Model": {"Precision": "fixed<28,10,RND_CONV,SAT>"}},
    "Bitsmith": {"input": "fixed<16,4>", "table_bits": 18},
}


FLOAT = ("conv1d_small_keras", "conv2d_small_keras", "dense_big_keras", "three_layer_bn_pytorch", "three_layer_keras",
         "three_layer_pytorch", "two_layer_keras", "two_layer_pytorch", "conv2d_small_mp_keras")  # fmt: skip


@pytest.mark.parametrize("name", FLOAT)
def test_examples_in_floats(name: str, example_models: Path, tmp_path: Path) -> None:
    """Against onnxruntime: probabilities of 18 fraction bits, off by what the tables and the weights' 2^-19 give."""
    need_onnx()
    import onnx

    proto = onnx.load(example_models / "onnx" / f"{name}.onnx")
    sizes = [d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim]
    if proto.opset_import[0].version < 7:
        proto.opset_import[0].version = 9  # onnxruntime has no older ones; Gemm's broadcast and is_test are gone since
        for node in proto.graph.node:
            kept = [a for a in node.attribute if a.name not in ("broadcast", "is_test")]
            del node.attribute[:]
            node.attribute.extend(kept)
    given = [i for i in proto.graph.input if i.name not in {t.name for t in proto.graph.initializer}]
    given[0].type.tensor_type.shape.dim[0].dim_value = proto.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 1
    graph = bitsmith.load(example_models / "onnx" / f"{name}.onnx", parse_config(TYPES))
    shape = tuple(graph.inputs[0][1].shape)
    raw = np.clip(np.rint(R.normal(size=(10, *shape)) * 2**12), -(2**15), 2**15 - 1).astype(np.int64)
    x = in_onnx(raw, graph.inputs[0][1].type, tuple(sizes[1:]), False)
    import onnxruntime

    session = onnxruntime.InferenceSession(proto.SerializeToString())
    expected = np.concatenate([session.run(None, {given[0].name: one[None].astype(np.float32)})[0] for one in x])
    (ours,) = results(graph, raw)
    assert np.abs(ours - expected).max() < (2e-2 if "mp" in name else 1e-3)


QUANTIZED = ("bnn_model_fc_1layer", "branched_model_ch_last", "separable_conv_model_ch_last", "tiny_unet_ch_last")


@pytest.mark.parametrize("name", QUANTIZED)
def test_examples_with_quantizers(name: str, example_models: Path) -> None:
    """Every value of the output is qonnx's."""
    need_onnx()
    import onnx

    path = example_models / "onnx" / f"{name}.onnx"
    proto = onnx.load(path)
    proto.opset_import.append(onnx.helper.make_opsetid("qonnx.custom_op.channels_last", 17))
    graph = bitsmith.load(path, {"Bitsmith": {"input": "fixed<8,4>"}})
    raw = inputs_of(graph, 1 if "ch_last" in name else 50)
    x = in_onnx(raw, graph.inputs[0][1].type, graph.inputs[0][1].shape, False)
    expected = executed(proto, x)[proto.graph.output[0].name]
    (ours,) = results(graph, raw)
    assert np.array_equal(ours, expected)
    assert len(np.unique(expected)) > 1


def test_an_example_that_is_no_valid_onnx(example_models: Path) -> None:
    """onnxruntime refuses it too: the exporter normalizes over the batch."""
    need_onnx()
    with pytest.raises(BitsmithError, match="normalizes axis 1 of .64, 1., which does not fit its 64 scales"):
        bitsmith.load(example_models / "onnx" / "three_layer_bn_keras.onnx")


def test_the_file_that_was_written_is_the_one_that_is_read(tmp_path: Path) -> None:
    """``.ONNX`` is one as well."""
    need_onnx()
    path = saved(model([Op("Relu", ("x",), "y")], {}, (1, 4)), tmp_path, "M.ONNX")
    assert len(bitsmith.load(path, {"Bitsmith": {"input": "fixed<8,4>"}}).nodes) == 1
