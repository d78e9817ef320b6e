"""ONNX files that are damaged, hostile or not supported: one line that names the cause, and nothing is run."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_graphs import Op, executed, in_onnx, inputs_of, model, need_onnx, quant, read, results, saved, sixteenths

from bitsmith.gen.calibrate.ranges import calibrate
from bitsmith.gen.inspect import inspect
from bitsmith.gen.read import read_network_file
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference

R = np.random.default_rng(2)
WEIGHTS = {"w": sixteenths(R, 4, 3), "w2": sixteenths(R, 3, 2), "b": sixteenths(R, 2), "four": 4.0, "s": 0.25}


def small(**changes: Any) -> Any:
    """x (4,) to a dense layer, a ReLU, a Quant and another dense layer with a bias."""
    ops = [Op("MatMul", ("x", "w"), "h"), Op("Relu", ("h",), "r"), quant("r", "s", "four", "q", signed=0),
           Op("Gemm", ("q", "w2", "b"), "y")]  # fmt: skip
    return model(ops, {**WEIGHTS, **changes}, (1, 4))


def refusal(path: Path) -> str:
    with pytest.raises(BitsmithError) as caught:
        read_network_file(path)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    return text


def _text(path: Path) -> str:
    """What a file is refused with; empty where it is read."""
    try:
        read_network_file(path)
    except BitsmithError as error:
        return str(error)
    return ""


def test_a_file_that_is_none(tmp_path: Path) -> None:
    need_onnx()
    path = tmp_path / "m.onnx"
    assert "no such file" in refusal(path)
    path.write_bytes(b"")
    assert "is empty" in refusal(path)
    path.write_bytes(b"\x89HDF\r\n\x1a\n" * 10)
    assert "is damaged or no ONNX model" in refusal(path)
    path.unlink()
    path.mkdir()
    assert "it is a folder" in refusal(path)


def test_a_cut_or_changed_file_is_one_line_or_a_network(tmp_path: Path) -> None:
    need_onnx()
    data, path, randomness = small().SerializeToString(), tmp_path / "m.onnx", random.Random(1)
    refused = 0
    for i in range(400):
        changed = bytearray(data)
        if i % 4 == 0:
            changed = changed[: randomness.randrange(len(data))]
        for _ in range(randomness.randint(1, 3)):
            changed[randomness.randrange(len(changed) or 1) : 1] = b""
            if changed:
                changed[randomness.randrange(len(changed))] = randomness.randrange(256)
        path.write_bytes(bytes(changed))
        text = _text(path)
        refused += bool(text)
        assert "\n" not in text
    assert 50 < refused < 400


def test_the_package_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    path = tmp_path / "m.onnx"
    path.write_bytes(b"x")
    assert "needs the package onnx; in Bitsmith's own folder: pip install '.[onnx]'" in refusal(path)


def test_onnx_is_imported_for_its_files_only() -> None:
    import subprocess

    code = "import sys, bitsmith.cli, bitsmith.gen.convert, bitsmith.gen.inspect; assert 'onnx' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_data_outside_of_the_file_is_not_opened(tmp_path: Path) -> None:
    need_onnx()
    import onnx

    proto = small()
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    assert f"tensor '{tensor.name}' is in another file" in refusal(saved(proto, tmp_path))


@pytest.mark.parametrize("dims", [[1 << 40, 3], [-4, 3], [1] * 9, [4, 4]])
def test_a_tensor_of_an_impossible_size(dims: list[int], tmp_path: Path) -> None:
    need_onnx()
    proto = small()
    tensor = next(t for t in proto.graph.initializer if t.name == "w")
    del tensor.dims[:]
    tensor.dims.extend(dims)
    text = refusal(saved(proto, tmp_path))
    assert "tensor 'w'" in text


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers(value: float, tmp_path: Path) -> None:
    need_onnx()
    weights = np.array(WEIGHTS["w"])
    weights[1, 2] = value
    assert "tensor 'w'[(1, 2)]" in refusal(saved(small(w=weights), tmp_path))


def test_text_as_weights(tmp_path: Path) -> None:
    need_onnx()
    from onnx import TensorProto, helper

    proto = small()
    kept = [t for t in proto.graph.initializer if t.name != "b"]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend([*kept, helper.make_tensor("b", TensorProto.STRING, (2,), [b"a", b"b"])])  # type: ignore[list-item]
    assert "tensor 'b': dtype" in refusal(saved(proto, tmp_path))


def test_operators_that_are_not_supported_are_listed(tmp_path: Path) -> None:
    need_onnx()
    ops = [
        Op("Einsum", ("x", "x"), "h", {"equation": "ij,ij->ij"}),
        Op("Erf", ("h",), "g"),
        Op("Sigmoids", ("g",), "y"),
    ]
    text = refusal(saved(model(ops, {}, (1, 4)), tmp_path))
    assert "operators that are not supported: Einsum ('n0_einsum'), Erf ('n1_erf'), Sigmoids ('n2_sigmoids')" in text
    text = refusal(saved(model([Op("Sigmoids", ("x",), "y")], {}, (1, 4)), tmp_path))
    assert "Did you mean" in text or "Sigmoid" in text.partition("n0_sigmoids")[2]
    text = refusal(saved(model([Op("Relu", ("x",), "y", {}, "com.example")], {}, (1, 4)), tmp_path))
    assert "Relu ('n0_relu')" in text


REFUSED: dict[str, tuple[list[Op], dict[str, Any], tuple[Any, ...], str]] = {
    "an open size": ([Op("Relu", ("x",), "y")], {}, (1, "n"), "input 'x' has an open size"),
    "no batch": ([Op("Relu", ("x",), "y")], {}, (4,), "give batch and 1 to 3 axes"),
    "too many axes": ([Op("Relu", ("x",), "y")], {}, (1, 2, 3, 4, 5), "supported: 1 to 3 axes"),
    "a missing tensor": ([Op("Relu", ("z",), "y")], {}, (1, 4), "reads 'z', which nothing before it makes"),
    "an output that is a constant": ([Op("Constant", (), "y", {"value_float": 1.0})], {}, (1, 4), "is a constant"),
    "an output of nothing": ([Op("Relu", ("x",), "t")], {}, (1, 4), "output 'y' is made by no node"),
    "weights of another size": ([Op("MatMul", ("x", "w"), "y")], {"w": np.ones((5, 2))}, (1, 4), "do not fit an input"),
    "weights in front": ([Op("MatMul", ("w", "x"), "y")], {"w": np.ones((2, 1))}, (1, 4), "weights in front"),
    "weights that are computed": ([Op("MatMul", ("x", "x"), "y")], {}, (1, 4), "its weights is computed|constants"),
    "a product of images": ([Op("MatMul", ("x", "x"), "y")], {}, (1, 2, 3, 3), "a product of tensors of shapes"),
    "an unknown attribute": ([Op("Relu", ("x",), "y", {"colour": 1})], {}, (1, 4), "colour=1 on 'n0_relu'"),
    "a group": ([Op("Conv", ("x", "w"), "y", {"group": 2})], {"w": np.ones((4, 3, 3, 3))}, (1, 3, 5, 5), "group=2"),
    "negative pads": (
        [Op("Conv", ("x", "w"), "y", {"pads": [-1, 0, 0, 0]})], {"w": np.ones((4, 3, 3, 3))}, (1, 3, 5, 5), "pads="),
    "no output left": (
        [Op("Conv", ("x", "w"), "y")], {"w": np.ones((4, 3, 7, 7))}, (1, 3, 5, 5), "leaves no output"),
    "a softmax over places": ([Op("Softmax", ("x",), "y", {"axis": 0})], {}, (1, 4), "which is the batch"),
    "a constant of places": ([Op("Add", ("x", "w"), "y")], {"w": np.ones((5, 5))}, (1, 3, 5, 5), "for each channel"),
    "a quotient": ([Op("Relu", ("x",), "t"), Op("Div", ("x", "t"), "y")], {}, (1, 4), "quotient of two tensors"),
    "a division by zero": ([Op("Div", ("x", "zero"), "y")], {}, (1, 4), "a division by 0"),
    "a clip": ([Op("Clip", ("x", "w", "v"), "y")], {"w": -1.0, "v": 1.0}, (1, 4), "supported: 0 and a number above"),
    "a hard sigmoid": ([Op("HardSigmoid", ("x",), "y", {"alpha": 0.3})], {}, (1, 4), "supported: 0.2 or 1/6"),
    "a reshape of the batch": (
        [Op("Reshape", ("x", "w"), "y")], {"w": np.array([4, 1])}, (1, 4), "the batch must stay in front"),
    "a reshape that does not fit": ([Op("Reshape", ("x", "w"), "y")], {"w": np.array([1, 3])}, (1, 4), "does not fit"),
    "a transposed batch": ([Op("Transpose", ("x",), "y")], {}, (1, 4), "has no batch in front"),
    "a norm of the batch": (
        [Op("Transpose", ("x",), "t"), Op("BatchNormalization", ("t", "w", "w", "w", "w"), "y")],
        {"w": np.ones(4)}, (1, 4), "some exporters transpose the batch away"),
    "linear interpolation": (
        [Op("Resize", ("x", "e", "f"), "y", {"mode": "linear"})], {"e": np.zeros(0), "f": np.array([1, 1, 2, 2.0])},
        (1, 3, 4, 4), "supported: nearest, with whole factors"),
    "another rule of nearest": (
        [Op("Resize", ("x", "e", "f"), "y", {"coordinate_transformation_mode": "asymmetric",
         "nearest_mode": "round_prefer_ceil"})], {"e": np.zeros(0), "f": np.array([1, 1, 2, 2.0])}, (1, 3, 4, 4),
        "repeats every pixel"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name: str, tmp_path: Path) -> None:
    need_onnx()
    ops, constants, shape, text = REFUSED[name]
    with pytest.raises(BitsmithError, match=text):
        read(model(ops, constants, shape), tmp_path)


def test_names_of_any_kind(tmp_path: Path) -> None:
    """Empty, doubled and odd names of nodes and tensors: layers are told apart, and every name is safe."""
    need_onnx()
    proto = small()
    for node, name in zip(proto.graph.node, ("", "same", "same", "module; 'x'\n")):
        node.name = name
    proto.graph.input[0].name = proto.graph.node[0].input[0] = "0"
    graph = read(proto, tmp_path)
    names = [node.name for node in graph.nodes]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)


def test_two_inputs_and_an_open_batch(tmp_path: Path) -> None:
    """Inputs in the file's order, each with its own type; the batch's size is nobody's business."""
    need_onnx()
    from onnx import TensorProto, helper

    proto = model([Op("Flatten", ("z",), "f", {"axis": 1}), Op("Sub", ("x", "f"), "y")], {}, ("n", 4))
    proto.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ("n", 2, 2)))
    graph = read(proto, tmp_path, {"Bitsmith": {"input": {"x": "fixed<8,4>", "z": "fixed<4,2>"}}})
    assert [(name, spec.shape) for name, spec in graph.inputs] == [("x", (4,)), ("z", (1, 2, 2))]
    x, z = R.integers(-128, 128, (5, 4)), R.integers(-8, 8, (5, 1, 2, 2))
    (y,) = Reference(graph).predict_raw(x, z)
    assert np.array_equal(y, x - 4 * z.reshape(5, 4))


def test_inspect_and_calibrate(tmp_path: Path) -> None:
    """A float model with types of 16 bits: weights up to 4 are off by 2^-14 at most, so 27 products with inputs up to 4
    by 2^-7, and four of these with weights up to 2 by 2^-4: 64 steps of a result up to 32."""
    need_onnx()
    ops = [
        Op("Conv", ("x", "w"), "c"),
        Op("BatchNormalization", ("c", "g", "g", "g", "v"), "n"),
        Op("Relu", ("n",), "r"),
        Op("GlobalAveragePool", ("r",), "p"),
        Op("Flatten", ("p",), "f"),
        Op("Gemm", ("f", "d", "e"), "y"),
    ]
    random_weights = {"w": R.normal(size=(4, 3, 3, 3)), "g": R.normal(size=4), "v": 0.5 + R.random(4),
                      "d": R.normal(size=(4, 2)), "e": R.normal(size=2)}  # fmt: skip
    path = saved(model(ops, random_weights, (1, 3, 6, 6)), tmp_path)
    summary = inspect(path)
    assert summary["supported"] is True
    assert summary["layers"][0]["shape"] == [6, 6, 3]
    assert [row["class"] for row in summary["layers"]][1:3] == ["Conv2D", "BatchNormalization"]
    data = R.normal(size=(20, 6, 6, 3))
    np.save(tmp_path / "x.npy", data)
    config = calibrate(path, tmp_path / "x.npy", 16)
    config["Bitsmith"] = {"input": "fixed<16,4>"}
    graph = read(model(ops, random_weights, (1, 3, 6, 6)), tmp_path, config)
    assert not any(node.op.stem == "batch_norm" for node in graph.nodes), "folded"
    type = graph.inputs[0][1].type
    raw = np.clip(np.rint(data * 2**type.fraction), type.raw_min, type.raw_max).astype(np.int64)
    expected = executed(model(ops, random_weights, (1, 3, 6, 6)), in_onnx(raw, type, (3, 6, 6), True))["y"]
    (ours,) = results(graph, raw)
    step = 2.0 ** -graph.specs()[graph.outputs[0]].type.fraction
    assert np.abs(ours - expected).max() < 64 * step


def test_a_quantized_network_has_its_types(tmp_path: Path) -> None:
    """No configuration but the input's type where weights have quantizers; what has none is named."""
    need_onnx()
    ops = [quant("w", "s", "four", "qw"), Op("MatMul", ("x", "qw"), "h"), quant("h", "s", "four", "y")]
    (missing,) = inspect(saved(model(ops, WEIGHTS, (1, 4)), tmp_path))["missing"]
    assert missing["reason"].startswith("input 'x' has no type")
    graph = read(model(ops, WEIGHTS, (1, 4)), tmp_path, {"Bitsmith": {"input": "fixed<6,2>"}})
    assert str(graph.specs()[graph.outputs[0]].type) == "fixed<4,2>"
    assert inputs_of(graph, 3).shape == (3, 4)
