"""QONNX's quantizers: the reference's integers against what qonnx computes, over random parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_graphs import LAST, Op, compare, executed, in_onnx, inputs_of, model, need_onnx, quant, read, results

from bitsmith.gen.quantize.activation import activation_operators
from bitsmith.gen.quantize.quant import WEIGHT_ROUNDINGS, integers
from bitsmith.gen.quantize.quantizers import parse_quantizer
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, to_float
from bitsmith.sim.op import Spec

PARAMETERS = {
    "bits": st.integers(1, 8),
    "signed": st.booleans(),
    "narrow": st.booleans(),
    "rounding": st.sampled_from([r for r in WEIGHT_ROUNDINGS if r != "UP"]),
    "exponent": st.integers(-6, 3),
}


def theirs(x: Any, scale: float, zero: float, bits: int, signed: bool, narrow: bool, rounding: str) -> Any:
    """qonnx's own function, in the dtype of ``x``."""
    need_onnx()
    from qonnx.custom_op.general.quant import quant as function

    arrays = (np.asarray(v, dtype=np.float32) for v in (scale, zero, bits))
    return function(x, *arrays, signed, narrow, rounding)


@given(**PARAMETERS, fraction=st.integers(-2, 9))
@settings(max_examples=400)
def test_an_activation_is_qonnxs_on_every_input(
    bits: int, signed: bool, narrow: bool, rounding: str, exponent: int, fraction: int
) -> None:
    type, scale = Fixed(True, 9 - fraction, fraction), 2.0**exponent
    raw = np.arange(type.raw_min, type.raw_max + 1)[:, None]
    config = {"bits": bits, "signed": signed, "narrow": narrow, "rounding_mode": rounding, "scale": scale}
    q = parse_quantizer({"class_name": "Quant", "config": config}, "'n'")
    assert q is not None
    ours, spec = raw, Spec((1,), type)
    for op in activation_operators(q, spec, "'n'"):
        ours, spec = op.compute(ours), op.infer(spec)
    expected = theirs(to_float(raw, type).astype(np.float32), scale, 0, bits, signed, narrow, rounding)
    assert np.array_equal(to_float(ours, spec.type), expected)


@given(
    **{**PARAMETERS, "rounding": st.sampled_from(WEIGHT_ROUNDINGS)}, zero=st.integers(-3, 3), seed=st.integers(0, 99)
)
@settings(max_examples=200)
def test_weights_are_qonnxs(
    bits: int, signed: bool, narrow: bool, rounding: str, exponent: int, zero: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    x = (random.integers(-40, 41, 64) * 2.0 ** (exponent - 1)).astype(np.float32)  # ties, too
    for scale in (2.0**exponent, float(np.float32(0.3 * 2.0**exponent))):
        scales, zeros = (np.full(64, v, dtype=np.float32) for v in (scale, zero))
        ours = integers(x, scales, zeros, bits, signed, narrow, rounding)
        expected = theirs(x, scale, zero, bits, signed, narrow, rounding)
        assert np.array_equal(ours.astype(np.float32) * scales, expected)


def test_a_rounding_that_no_hardware_type_has(tmp_path: Path) -> None:
    need_onnx()
    graph = model([quant("x", "one", "four", "y", rounding_mode="UP")], {"one": 1.0, "four": 4.0}, (1, 3))
    with pytest.raises(BitsmithError, match="rounding_mode='UP' of Quant is not supported; supported: ROUND"):
        read(graph, tmp_path)


R = np.random.default_rng(3)
NUMBERS = {
    **{f"s{n}": 2.0**-n for n in range(6)},
    **{f"b{n}": float(n) for n in range(1, 9)},
    "w": R.normal(size=(4, 3, 3, 3)) / 4,
    "b": R.normal(size=4),
    "d": R.normal(size=(36, 5)),
    "d4": R.normal(size=(4, 5)),
    "per": np.array([0.5, 0.25, 0.0625, 0.125]).reshape(4, 1, 1, 1),
    "per_o": np.array([0.5, 0.25, 1.0, 0.125, 0.5]),
    "third": 0.329850,
    "seventh": 0.148571,
    "odd": R.uniform(0.05, 0.2, (4, 1, 1, 1)),
    "gw": R.normal(size=(4, 2, 3, 3)) / 4,
    "odd_dw": R.uniform(0.1, 0.3, (6, 1, 1, 1)),
    "odd_c": R.uniform(0.1, 0.3, (1, 4, 1, 1)),
    "mixed": np.array([1.3, -0.7, 0.9, -1.1]).reshape(1, 4, 1, 1),
    "odd_o": R.uniform(0.1, 0.4, 5),
    "gamma": R.uniform(0.5, 2, 4),
    "beta": R.normal(size=4),
    "var": R.uniform(0.5, 2, 4),
    "z3": 3.0,
    "z128": 128.0,
    "dw": R.normal(size=(6, 1, 3, 3)),
    "per_dw": 2.0 ** -R.integers(1, 5, (6, 1, 1, 1)),
    "last": R.normal(size=(4, 3, 3, 3)),
    "dw2": R.normal(size=(8, 1, 3, 3)),
    "odd_dw2": R.uniform(0.1, 0.3, (8, 1, 1, 1)),
    "b8s": R.normal(size=8),
}
INPUT = {"Bitsmith": {"input": "fixed<8,2>"}}
W4 = quant("w", "s3", "b4", "qw", narrow=1)
EQUAL: dict[str, tuple[list[Op], tuple[int, ...]]] = {
    "conv": (
        [
            quant("x", "s4", "b6", "q"),
            W4,
            Op("Conv", ("q", "qw"), "c"),
            Op("Relu", ("c",), "r"),
            quant("r", "s2", "b4", "y", signed=0),
        ],
        (1, 3, 5, 5),
    ),
    "no quantizer on the input": ([W4, Op("Conv", ("x", "qw"), "c"), quant("c", "s2", "b5", "y")], (1, 3, 5, 5)),
    "a scale for each output": (
        [quant("w", "per", "b3", "qw"), Op("Conv", ("x", "qw"), "c"), quant("c", "s3", "b8", "y")],
        (1, 3, 5, 5),
    ),
    "a bias of its own grid": (
        [W4, quant("b", "s5", "b8", "qb"), Op("Conv", ("x", "qw", "qb"), "c"), quant("c", "s2", "b6", "y")],
        (1, 3, 5, 5),
    ),
    "depthwise": (
        [quant("dw", "per_dw", "b4", "qw"), Op("Conv", ("x", "qw"), "c", {"group": 3}), quant("c", "s1", "b6", "y")],
        (1, 3, 5, 5),
    ),
    "flatten, dense": (
        [
            W4,
            Op("Conv", ("x", "qw"), "c"),
            quant("c", "s2", "b4", "q"),
            Op("Flatten", ("q",), "f"),
            quant("d", "per_o", "b3", "qd"),
            Op("MatMul", ("f", "qd"), "m"),
            quant("m", "s1", "b8", "y"),
        ],
        (1, 3, 5, 5),
    ),
    "transposed weights": (
        [
            Op("Transpose", ("d4",), "dt"),
            quant("dt", "s3", "b4", "qt"),
            Op("Transpose", ("qt",), "q"),
            Op("MatMul", ("x", "q"), "m"),
            quant("m", "s1", "b8", "y"),
        ],
        (1, 4),
    ),
    "bipolar": (
        [
            Op("BipolarQuant", ("x", "s0"), "q"),
            Op("BipolarQuant", ("d4", "s0"), "v"),
            Op("MatMul", ("q", "v"), "m"),
            Op("BipolarQuant", ("m", "s0"), "y"),
        ],
        (1, 4),
    ),
    "bipolar, scaled": (
        [
            Op("BipolarQuant", ("x", "s2"), "q"),
            Op("BipolarQuant", ("d4", "s3"), "v"),
            Op("MatMul", ("q", "v"), "m"),
            quant("m", "s4", "b6", "y"),
        ],
        (1, 4),
    ),
    "one bit of Quant": (
        [quant("x", "s1", "b1", "q"), Op("MatMul", ("q", "qd"), "m"), quant("m", "s4", "b6", "y")],
        (1, 4),
    ),
    "a zero point": (
        [
            quant("x", "s4", "b8", "q", "z128", signed=0),
            Op("MatMul", ("q", "qd"), "m"),
            quant("m", "s3", "b8", "y", "z3", signed=0, rounding_mode="FLOOR"),
        ],
        (1, 4),
    ),
    "a zero point that is odd, half to even": ([quant("x", "s2", "b6", "y", "z3", signed=0)], (1, 4)),
    "max pool": ([quant("x", "s2", "b4", "q"), Op("MaxPool", ("q",), "y", {"kernel_shape": [2, 2]})], (1, 3, 4, 4)),
    "concat": (
        [quant("x", "s2", "b4", "q"), quant("x", "s1", "b6", "r"), Op("Concat", ("q", "r"), "y", {"axis": 1})],
        (1, 3, 4, 4),
    ),
    "channels last": (
        [
            quant("last", "s3", "b4", "qw"),
            Op(
                "Conv",
                ("x", "qw"),
                "c",
                {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [0] * 4, "dilations": [1, 1], "group": 1},
                LAST,
            ),
            quant("c", "s1", "b4", "y"),
        ],
        (1, 5, 5, 3),
    ),
    "brevitas's domain": (
        [Op("Quant", ("x", "s2", "zero", "b4"), "y", {"signed": 1, "narrow": 0}, "onnx.brevitas")],
        (1, 4),
    ),
}
LATER = {"qd": quant("d4", "s3", "b4", "qd")}
"""Weights that several graphs have."""


@pytest.mark.parametrize("name", EQUAL)
def test_equal_where_scales_are_powers_of_two(name: str, tmp_path: Path) -> None:
    need_onnx()
    ops, shape = EQUAL[name]
    more = [LATER["qd"]] if any("qd" in op.inputs for op in ops) and all(op.output != "qd" for op in ops) else []
    compare(model([*more, *ops], NUMBERS, shape), tmp_path, INPUT, first=(name != "channels last",) * 2)


NORM = Op("BatchNormalization", ("c", "gamma", "beta", "beta", "var"), "n")
INNER: dict[str, tuple[list[Op], tuple[int, ...], tuple[str, ...]]] = {
    "a third": (
        [quant("x", "third", "b5", "q"), W4, Op("Conv", ("q", "qw"), "c"), quant("c", "seventh", "b6", "y")],
        (1, 3, 5, 5),
        ("y",),
    ),
    "scales of outputs": (
        [
            quant("w", "odd", "b4", "qw"),
            Op("Conv", ("x", "qw", "b"), "c"),
            Op("Relu", ("c",), "r"),
            quant("r", "seventh", "b6", "y", signed=0),
        ],
        (1, 3, 5, 5),
        ("y",),
    ),
    "norm": (
        [
            W4,
            Op("Conv", ("x", "qw"), "c"),
            NORM,
            Op("Relu", ("n",), "r"),
            quant("r", "s3", "b6", "q", signed=0),
            Op("MaxPool", ("q",), "y", {"kernel_shape": [2, 2]}),
        ],
        (1, 3, 5, 5),
        ("y",),
    ),
    "norm, a seventh, dense": (
        [
            quant("x", "third", "b8", "q"),
            quant("w", "odd", "b3", "qw"),
            Op("Conv", ("q", "qw"), "c"),
            NORM,
            Op("Relu", ("n",), "r"),
            quant("r", "seventh", "b3", "s", signed=0),
            Op("Flatten", ("s",), "f"),
            quant("d", "odd_o", "b3", "qd"),
            Op("MatMul", ("f", "qd"), "m"),
            quant("m", "third", "b6", "y"),
        ],
        (1, 3, 5, 5),
        ("y",),
    ),
    "a norm that two read": (
        [
            W4,
            Op("Conv", ("x", "qw"), "c"),
            NORM,
            Op("Relu", ("n",), "r"),
            quant("r", "seventh", "b6", "q", signed=0),
            quant("n", "s3", "b6", "p"),
        ],
        (1, 3, 5, 5),
        ("q", "p"),
    ),
    "a scale for each channel of a tensor": (
        [
            W4,
            Op("Conv", ("x", "qw"), "c"),
            quant("c", "odd_c", "b5", "q"),
            quant("d", "odd_o", "b3", "qd"),
            Op("Flatten", ("q",), "f"),
            Op("MatMul", ("f", "qd"), "m"),
            quant("m", "third", "b6", "y"),
        ],
        (1, 3, 5, 5),
        ("y", "q"),
    ),
    "a scale for each channel of a tensor, depthwise": (
        [
            W4,
            Op("Conv", ("x", "qw"), "c"),
            quant("c", "odd_c", "b5", "q"),
            quant("dw2", "odd_dw2", "b4", "qd"),
            Op("Conv", ("q", "qd", "b8s"), "e", {"group": 4}),
            quant("e", "third", "b8", "y"),
        ],
        (1, 3, 6, 6),
        ("y", "q"),
    ),
    "a scale for each channel of a tensor, max pool": (
        [
            W4,
            Op("Conv", ("x", "qw"), "c"),
            quant("c", "odd_c", "b5", "q"),
            Op("MaxPool", ("q",), "y", {"kernel_shape": [2, 2]}),
        ],
        (1, 3, 5, 5),
        ("y",),
    ),
    "a factor below zero for each channel, max pool": (
        [
            W4,
            Op("Conv", ("x", "qw"), "c"),
            quant("c", "odd_c", "b5", "q"),
            Op("Mul", ("q", "mixed"), "m"),
            Op("MaxPool", ("m",), "y", {"kernel_shape": [2, 2]}),
        ],
        (1, 3, 5, 5),
        ("y",),
    ),
    "groups": (
        [
            quant("gw", "odd", "b4", "qw"),
            Op("Conv", ("x", "qw", "b"), "c", {"group": 2}),
            quant("c", "third", "b6", "y"),
        ],
        (1, 4, 5, 5),
        ("y",),
    ),
    "depthwise": (
        [
            quant("dw", "odd_dw", "b4", "qw"),
            Op("Conv", ("x", "qw"), "c", {"group": 3}),
            quant("c", "third", "b6", "y"),
        ],
        (1, 3, 5, 5),
        ("y",),
    ),
    "a sign behind a norm": (
        [W4, Op("Conv", ("x", "qw"), "c"), NORM, Op("BipolarQuant", ("n", "third"), "y")],
        (1, 3, 5, 5),
        ("y",),
    ),
}


LEAST = 0.05
"""Below every scale of these graphs' quantizers, so that the next integer is farther away."""


@pytest.mark.parametrize("name", INNER)
def test_other_scales_give_the_same_integers(name: str, tmp_path: Path) -> None:
    """Behind the last quantizer the integers are qonnx's; as float32 its values may be off in the last place."""
    need_onnx()
    ops, shape, outputs = INNER[name]
    proto = model(ops, NUMBERS, shape, outputs)
    graph = read(proto, tmp_path, INPUT)
    raw = inputs_of(graph, 20)
    tensors = executed(proto, in_onnx(raw, graph.inputs[0][1].type, shape[1:], True))
    for output, ours in zip(outputs, results(graph, raw)):
        expected = tensors[output]
        ours = np.moveaxis(ours, -1, 1) if expected.ndim == 4 else ours
        assert len(np.unique(expected)) > 1
        assert (np.abs(ours - expected) < LEAST / 1000).all(), output


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (quant("x", "zero", "b4", "y"), "a scale that is not positive"),
        (quant("x", "s1", "third", "y"), "a bit width of"),
        (quant("x", "s1", "b4", "y", "third"), "a zero point of"),
        (quant("x", "s1", "b4", "y", rounding_mode="NEAREST"), "rounding_mode=NEAREST"),
        (quant("x", "s1", "b4", "y", signed=2), "signed=2"),
        (quant("x", "x", "b4", "y"), "its scale is computed by the graph"),
        (quant("x", "s1", "b4", "y", colour=2), "colour=2 on 'n0_quant' is not understood"),
    ],
)
def test_what_is_refused(op: Op, text: str, tmp_path: Path) -> None:
    need_onnx()
    with pytest.raises(BitsmithError, match=text):
        read(model([op], NUMBERS, (1, 4)), tmp_path, INPUT)
