"""Every operator of ONNX that is read, against onnxruntime by way of qonnx: equal where float32 is exact there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_graphs import LAST, Op, compare, model, need_onnx, sixteenths

R = np.random.default_rng(5)
W = {
    "w": sixteenths(R, 4, 3, 3, 3),
    "b": sixteenths(R, 4),
    "w1": sixteenths(R, 4, 3, 3),
    "dw": sixteenths(R, 6, 1, 3, 3),
    "dw1": sixteenths(R, 3, 1, 3),
    "grouped": sixteenths(R, 6, 2, 3, 3),
    "last": sixteenths(R, 4, 3, 3, 3),
    "dense": sixteenths(R, 75, 5),
    "square": sixteenths(R, 5, 5),
    "five": sixteenths(R, 5),
    "three": sixteenths(R, 3),
    "three11": sixteenths(R, 3, 1, 1),
    "half": 0.5,
    "six": 6.0,
    "twos": np.array([1, 1, 2, 2]),
    "quarter": 0.25,
    "flat": np.array([-1, 75]),
    "pads": np.array([0, 0, 1, 0, 0, 0, 2, 1]),
    "places": np.array([2, 3]),
    "back": np.array([0, 25, 3]),
    "none": np.array([], dtype=np.int64),
    "steps": np.array([0, 3, 25]),
}
IMAGE, SEQUENCE, VECTOR = (1, 3, 5, 5), (1, 3, 7), (1, 5)
ONES = {"kernel_shape": [2, 2], "strides": [2, 2]}


def conv(x: str, w: str, y: str = "y", bias: str = "", **attributes: Any) -> Op:
    return Op("Conv", (x, w, *([bias] if bias else [])), y, attributes)


EQUAL: dict[str, tuple[list[Op], tuple[int, ...]]] = {
    "conv": ([conv("x", "w")], IMAGE),
    "conv, bias, pads": ([conv("x", "w", bias="b", pads=[1, 0, 2, 1], strides=[2, 1])], IMAGE),
    "conv, dilation": ([conv("x", "w", dilations=[2, 2], pads=[1, 2, 1, 2])], IMAGE),
    "conv, same upper": ([conv("x", "w", auto_pad="SAME_UPPER", strides=[2, 2])], (1, 3, 6, 5)),
    "conv, same lower": ([conv("x", "w", auto_pad="SAME_LOWER", strides=[2, 2])], (1, 3, 6, 5)),
    "conv1d": ([conv("x", "w1", pads=[2, 1])], SEQUENCE),
    "depthwise": ([conv("x", "dw", group=3, pads=[1, 1, 1, 1])], IMAGE),
    "depthwise1d": ([conv("x", "dw1", group=3)], SEQUENCE),
    "groups": ([conv("x", "grouped", group=2)], (1, 4, 5, 5)),
    "channels last": (
        [
            Op(
                "Conv",
                ("x", "last", "b"),
                "y",
                {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [0] * 4, "dilations": [1, 1]},
                LAST,
            )
        ],
        (1, 5, 5, 3),
    ),
    "gemm": ([Op("Gemm", ("x", "square", "five"), "y", {"transB": 1})], VECTOR),
    "gemm, alpha, beta": ([Op("Gemm", ("x", "square", "five"), "y", {"alpha": 0.5, "beta": 2.0})], VECTOR),
    "matmul, add": ([Op("MatMul", ("x", "square"), "t"), Op("Add", ("five", "t"), "y")], VECTOR),
    "a product that two read": (
        [
            Op("MatMul", ("x", "square"), "t"),
            Op("Add", ("five", "t"), "a"),
            Op("Relu", ("t",), "r"),
            Op("Sub", ("a", "r"), "y"),
        ],
        VECTOR,
    ),
    "matmul of steps": ([Op("MatMul", ("x", "square"), "t"), Op("Relu", ("t",), "y")], (1, 3, 5)),
    "matmul of steps with each other": (
        [
            Op("Transpose", ("x",), "t", {"perm": [0, 2, 1]}),
            Op("MatMul", ("x", "t"), "s"),
            Op("Mul", ("s", "half"), "h"),
            Op("MatMul", ("h", "x"), "y"),
        ],
        (1, 3, 5),
    ),
    "matmul of steps with their functions": ([Op("Relu", ("x",), "t"), Op("MatMul", ("x", "t"), "y")], (1, 4, 4)),
    "relu, flatten, dense": (
        [Op("Relu", ("x",), "t"), conv("t", "w3", "c"), Op("Flatten", ("c",), "f"), Op("MatMul", ("f", "dense"), "y")],
        (1, 3, 7, 7),
    ),
    "reshape, dense": (
        [
            conv("x", "w3", "c"),
            Op("Reshape", ("c", "flat"), "f"),
            Op("Relu", ("f",), "g"),
            Op("Mul", ("g", "half"), "h"),
            Op("MatMul", ("h", "dense"), "y"),
        ],
        (1, 3, 7, 7),
    ),
    "flatten at the end": ([conv("x", "w3", "c"), Op("Flatten", ("c",), "y")], (1, 3, 7, 7)),
    "flatten, add, end": (
        [conv("x", "w3", "c"), Op("Flatten", ("c",), "f"), Op("Add", ("f", "half"), "g"), Op("Relu", ("g",), "y")],
        (1, 3, 7, 7),
    ),
    "reshape to steps": ([conv("x", "w3", "c"), Op("Reshape", ("c", "steps"), "y")], (1, 3, 7, 7)),
    "max pool": ([Op("MaxPool", ("x",), "y", ONES)], IMAGE),
    "max pool, pads": (
        [Op("MaxPool", ("x",), "y", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]})],
        (1, 3, 6, 6),
    ),
    "max pool, ceil": ([Op("MaxPool", ("x",), "y", {**ONES, "ceil_mode": 1})], IMAGE),
    "max pool, channels last": ([Op("MaxPool", ("x",), "y", {**ONES, "pads": [0] * 4}, LAST)], (1, 6, 6, 3)),
    "max pool 1d": ([Op("MaxPool", ("x",), "y", {"kernel_shape": [3]})], SEQUENCE),
    "average pool": ([Op("AveragePool", ("x",), "y", ONES)], (1, 3, 4, 4)),
    "average pool, counted": (
        [Op("AveragePool", ("x",), "y", {**ONES, "pads": [1, 1, 1, 1], "count_include_pad": 1})],
        (1, 3, 4, 4),
    ),
    "global average": ([Op("GlobalAveragePool", ("x",), "t"), Op("Flatten", ("t",), "y")], (1, 3, 4, 4)),
    "global max": ([Op("GlobalMaxPool", ("x",), "y")], IMAGE),
    "reduce mean": ([Op("ReduceMean", ("x",), "y", {"axes": [2, 3], "keepdims": 0})], (1, 3, 4, 4)),
    "leaky relu": ([Op("LeakyRelu", ("x",), "y", {"alpha": 0.125})], VECTOR),
    "clip": ([Op("Clip", ("x", "zero", "six"), "y")], VECTOR),
    "abs": ([Op("Abs", ("x",), "y")], VECTOR),
    "round": ([Op("Round", ("x",), "y")], VECTOR),
    "arithmetic": (
        [
            Op("Mul", ("x", "five"), "t"),
            Op("Sub", ("half", "t"), "u"),
            Op("Div", ("u", "quarter"), "v"),
            Op("Add", ("v", "five"), "y"),
        ],
        VECTOR,
    ),
    "channels of an image": ([Op("Mul", ("x", "three11"), "t"), conv("t", "w3", "y")], IMAGE),
    "add": ([Op("Relu", ("x",), "t"), Op("Add", ("x", "t"), "y")], VECTOR),
    "sub": ([Op("Relu", ("x",), "t"), Op("Sub", ("x", "t"), "y")], VECTOR),
    "mul": ([Op("Relu", ("x",), "t"), Op("Mul", ("x", "t"), "y")], VECTOR),
    "max, min": ([Op("Relu", ("x",), "t"), Op("Max", ("x", "t"), "m"), Op("Min", ("x", "m"), "y")], VECTOR),
    "residual": ([conv("x", "w3", "c", pads=[1, 1, 1, 1]), Op("Relu", ("c",), "t"), Op("Add", ("x", "t"), "y")], IMAGE),
    "excited": (
        [
            conv("x", "halves", "c", pads=[1, 1, 1, 1]),
            Op("GlobalMaxPool", ("c",), "g"),
            conv("g", "one", "h"),
            Op("Mul", ("c", "h"), "y"),
        ],
        IMAGE,
    ),
    "concat": ([conv("x", "w3", "c", pads=[1, 1, 1, 1]), Op("Concat", ("c", "x"), "y", {"axis": 1})], IMAGE),
    "pad": ([Op("Pad", ("x", "pads"), "t"), conv("t", "w3", "y")], IMAGE),
    "upsampled": (
        [
            Op(
                "Resize",
                ("x", "none_f", "scales"),
                "y",
                {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"},
            ),
        ],
        IMAGE,
    ),
    "resized, half pixel": (
        [conv("x", "w3", "c"), Op("Resize", ("c", "none_f", "scales"), "y", {"mode": "nearest"})],
        IMAGE,
    ),
    "transposed back": (
        [
            Op("Transpose", ("x",), "t", {"perm": [0, 3, 1, 2]}),
            conv("t", "w3", "c"),
            Op("Transpose", ("c",), "y", {"perm": [0, 2, 3, 1]}),
        ],
        (1, 5, 5, 3),
    ),
    "transposed, dense": (
        [
            Op("Transpose", ("x",), "t", {"perm": [0, 3, 1, 2]}),
            conv("t", "w3", "c"),
            Op("Transpose", ("c",), "d", {"perm": [0, 2, 3, 1]}),
            Op("Flatten", ("d",), "f"),
            Op("MatMul", ("f", "dense"), "y"),
        ],
        (1, 7, 7, 3),
    ),
    "an image that is transposed there and back": (
        [
            conv("x", "w3", "c"),
            Op("Transpose", ("c",), "t", {"perm": [0, 2, 3, 1]}),
            Op("Pad", ("t", "pads_last"), "p"),
            Op("Resize", ("p", "none_f", "scales_last"), "u", {"mode": "nearest"}),
            Op("Transpose", ("u",), "y", {"perm": [0, 3, 1, 2]}),
        ],
        IMAGE,
    ),
    "transposed only": ([Op("Transpose", ("x",), "t", {"perm": [0, 2, 1]}), Op("Relu", ("t",), "y")], (1, 4, 3)),
    "unsqueezed": (
        [Op("Unsqueeze", ("x", "two"), "t"), Op("Relu", ("t",), "u"), Op("Squeeze", ("u", "two"), "y")],
        VECTOR,
    ),
    "identity": ([Op("Identity", ("x",), "t"), Op("Dropout", ("t",), "u"), Op("Relu", ("u",), "y")], VECTOR),
    "constants": ([Op("Mul", ("half", "half"), "h"), Op("Mul", ("x", "h"), "y")], VECTOR),
    "size of the batch": (
        [
            Op("Shape", ("x",), "s"),
            Op("Gather", ("s", "i0"), "n"),
            Op("Unsqueeze", ("n", "a0"), "m"),
            Op("Concat", ("m", "minus"), "shape", {"axis": 0}),
            Op("Reshape", ("x", "shape"), "f"),
            Op("MatMul", ("f", "dense"), "y"),
        ],
        (1, 3, 5, 5),
    ),
}
MORE = {
    "w3": sixteenths(R, 3, 3, 3, 3),
    "one": R.integers(-1, 2, (3, 3, 1, 1)) / 2,
    "halves": R.integers(-1, 2, (3, 3, 3, 3)) / 2,
    "scales": np.array([1.0, 1.0, 2.0, 2.0]),
    "none_f": np.zeros(0),
    "pads_last": np.array([0, 1, 0, 0, 0, 2, 1, 0]),
    "scales_last": np.array([1.0, 2.0, 2.0, 1.0]),
    "two": np.array([2]),
    "i0": np.array(0, dtype=np.int64),
    "a0": np.array([0]),
    "minus": np.array([-1]),
}
APPROXIMATE: dict[str, tuple[list[Op], tuple[int, ...], float]] = {
    "sigmoid": ([Op("Sigmoid", ("x",), "y")], VECTOR, 0.5),
    "tanh": ([Op("Tanh", ("x",), "y")], VECTOR, 0.5),
    "softplus": ([Op("Softplus", ("x",), "y")], VECTOR, 0.5),
    "softsign": ([Op("Softsign", ("x",), "y")], VECTOR, 0.5),
    "elu": ([Op("Elu", ("x",), "y")], VECTOR, 0.5),
    "selu": ([Op("Selu", ("x",), "y")], VECTOR, 0.5),
    "hard sigmoid": ([Op("HardSigmoid", ("x",), "y")], VECTOR, 0.5),
    "hard sigmoid, sixth": ([Op("HardSigmoid", ("x",), "y", {"alpha": float(np.float32(1 / 6))})], VECTOR, 0.5),
    "swish": ([Op("Sigmoid", ("x",), "t"), Op("Mul", ("x", "t"), "y")], VECTOR, 0.5 * 8 + 0.5),
    "leaky relu": ([Op("LeakyRelu", ("x",), "y", {"alpha": 0.1})], VECTOR, 0.5),
    "softmax": ([Op("Softmax", ("x",), "y")], VECTOR, 3.0),
    "log softmax": ([Op("LogSoftmax", ("x",), "y")], VECTOR, 3.0),
    "batch norm": ([Op("BatchNormalization", ("x", "five", "five", "five", "var"), "y")], VECTOR, 8.0 * 8 + 2),
    "batch norm, folded": (
        [conv("x", "w3", "c"), Op("BatchNormalization", ("c", "three", "three", "three", "var3"), "y")],
        IMAGE,
        27 * 8.0,
    ),
    "batch norm, axis behind": (
        [
            Op("Gemm", ("x", "square"), "g"),
            Op("Unsqueeze", ("g", "two"), "u"),
            Op("BatchNormalization", ("u", "five", "five", "five", "var"), "v"),
            Op("Squeeze", ("v", "two"), "y"),
        ],
        VECTOR,
        5 * 8.0 + 2,
    ),
}
"""Functions that no fixed point has exactly; by how many steps of the result they may be off.

Half a step for one rounding of the exact value; a product of two, their factors' sizes times that; a softmax has three
roundings; where weights are rounded, half a step of theirs for each product, with inputs up to 8.
"""
STEP = 2.0**-10
ROUGH = {
    "HLSConfig": {"Model": {"Precision": "fixed<20,10,RND_CONV,SAT>"}},
    "Bitsmith": {"input": "fixed<8,4>", "table_bits": 12},
}
MORE |= {"var": 0.5 + R.random(5), "var3": 0.5 + R.random(3)}


@pytest.mark.parametrize("name", APPROXIMATE)
def test_approximate(name: str, tmp_path: Path) -> None:
    need_onnx()
    ops, shape, steps = APPROXIMATE[name]
    compare(model(ops, {**W, **MORE}, shape), tmp_path, ROUGH, tolerance=steps * STEP + 1e-6)


IN_ORDER = ("channels last", "max pool, channels last", "transposed", "matmul of steps", "unsq", "size")
"""Graphs whose inputs are in ONNX's order here too; their outputs, and those of the others below."""
OUT_IN_ORDER = (*IN_ORDER, "reshape to steps")


@pytest.mark.parametrize("name", EQUAL)
def test_equal(name: str, tmp_path: Path) -> None:
    need_onnx()
    ops, shape = EQUAL[name]
    first = (not name.startswith(IN_ORDER), not name.startswith(OUT_IN_ORDER))
    compare(model(ops, {**W, **MORE}, shape), tmp_path, first=first)
