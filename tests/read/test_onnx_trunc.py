"""QONNX's Trunc: both versions against qonnx, alone over random parameters and in graphs, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_graphs import Op, compare, executed, in_onnx, inputs_of, model, need_onnx, quant, read, results

from bitsmith.gen.quantize.activation import activation_operators
from bitsmith.gen.quantize.quantizers import parse_quantizer
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, to_float
from bitsmith.sim.op import Spec

ROUNDINGS = ("ROUND", "HALF_EVEN", "CEIL", "FLOOR", "DOWN", "HALF_UP", "HALF_DOWN")


def theirs(x: Any, scale: float, shift: int, rounding: str, limits: tuple[int, bool, bool] | None) -> Any:
    """qonnx's own function, of version 2 where there are ``limits``: bits, signed, narrow."""
    need_onnx()
    from qonnx.custom_op.general.trunc import trunc_v1, trunc_v2

    step, zero, eight = (np.asarray(v, dtype=np.float32) for v in (scale, 0, 8))
    if limits is None:  # its result has the scale of its input
        return trunc_v1(x, step, zero, eight + max(shift, 0), eight - min(shift, 0), rounding) * 2.0**shift
    bits, signed, narrow = limits
    last = np.asarray(scale * 2.0**shift, dtype=np.float32)
    return trunc_v2(x, step, zero, eight, narrow, signed, last, np.asarray(bits, dtype=np.float32), rounding)


@given(
    fraction=st.integers(-2, 9),
    signed_input=st.booleans(),
    exponent=st.integers(-6, 3),
    shift=st.integers(-3, 6),
    rounding=st.sampled_from(ROUNDINGS),
    limits=st.none() | st.tuples(st.integers(2, 8), st.booleans(), st.booleans()) | st.just((1, True, False)),
)
@settings(max_examples=400)
def test_every_input_gives_qonnxs_value(
    fraction: int, signed_input: bool, exponent: int, shift: int, rounding: str, limits: Any
) -> None:
    type, scale = Fixed(signed_input, 9 - fraction, fraction), 2.0**exponent
    raw = np.arange(type.raw_min, type.raw_max + 1)[:, None]
    config = {"scale": scale, "shift": shift, "rounding_mode": rounding, "clipped": limits is not None}
    if limits is not None:
        config |= dict(zip(("bits", "signed", "narrow"), limits))
    q = parse_quantizer({"class_name": "Trunc", "config": config}, "'n'")
    assert q is not None
    ours, spec = raw, Spec((1,), type)
    for op in activation_operators(q, spec, "'n'"):
        ours, spec = op.compute(ours), op.infer(spec)
    expected = theirs(to_float(raw, type).astype(np.float32), scale, shift, rounding, limits)
    assert np.array_equal(to_float(ours, spec.type), expected)


R = np.random.default_rng(5)
NUMBERS = {
    **{f"s{n}": 2.0**-n for n in range(8)},
    **{f"b{n}": float(n) for n in range(1, 13)},
    "w": R.normal(size=(4, 3, 3, 3)) / 4,
    "d": R.normal(size=(4, 5)),
    "d1": R.normal(size=(3, 5)),
    "nine": 9.0,
    "s2_9": 0.25 / 9,
    "s2_25": 0.25 / 25,
    "third": 0.329850,
    "third4": float(np.float32(0.329850) * 4),
    "almost": float(np.float32(0.329850) * np.float32(4.0001)),
    "per": np.array([0.5, 0.25, 0.125, 0.25]).reshape(1, 4, 1, 1),
    "per4": np.array([2.0, 1.0, 0.5, 1.0]).reshape(1, 4, 1, 1),
    "odd": np.array([0.3, 0.21, 0.4, 0.16]).reshape(1, 4, 1, 1),
    "odd4": np.array([0.3, 0.21, 0.4, 0.16]).astype(np.float32).reshape(1, 4, 1, 1) * 4,
    "z2": 2.0,
    "z6": 6.0,
    "w4": np.array([4.0, 4.0]),
    "last_axis": np.array([0.5, 0.25, 0.125, 0.25, 0.5]),
}
INPUT = {"Bitsmith": {"input": "fixed<8,2>"}}


def trunc(x: str, scale: str, bits: str, *rest: str, zero: str = "zero", output: str = "y", **more: Any) -> Op:
    """``rest``: the output's bits, or its scale and its bits."""
    return Op("Trunc", (x, scale, zero, bits, *rest), output, {"rounding_mode": "FLOOR", **more})


CONV = [quant("w", "s3", "b4", "qw", narrow=1), Op("Conv", ("x", "qw"), "c")]
DENSE = [quant("d", "s3", "b4", "qd"), Op("MatMul", ("q", "qd"), "y")]
IMAGE = (1, 3, 5, 5)
POOL = {"kernel_shape": [3, 3], "strides": [1, 1]}
FIRST: dict[str, tuple[list[Op], tuple[int, ...]]] = {
    "behind a convolution": ([*CONV, trunc("c", "s4", "b12", "b4")], IMAGE),
    "up": ([trunc("x", "s2", "b4", "b6", rounding_mode="CEIL")], (1, 4)),
    "down, then dense": ([trunc("x", "s4", "b8", "b5", output="q", rounding_mode="DOWN"), *DENSE], (1, 4)),
    "a zero point": ([trunc("x", "s4", "b8", "b5", zero="z6", rounding_mode="ROUND")], (1, 4)),
    "a scale for each channel": ([*CONV, trunc("c", "per", "b8", "b5")], IMAGE),
    "attributes that it does not look at": ([trunc("x", "s4", "b8", "b5", signed=0, narrow=1)], (1, 4)),
    "the sum of an average": (
        [
            quant("x", "s2", "b4", "q"),
            Op("AveragePool", ("q",), "p", POOL),
            Op("Mul", ("p", "nine"), "m"),
            trunc("m", "s2", "b8", "b4"),
        ],
        IMAGE,
    ),
    "behind a maximum": (
        [
            quant("x", "s2", "b4", "q"),
            Op("MaxPool", ("q",), "p", POOL),
            trunc("p", "s2", "b8", "b7"),
        ],
        IMAGE,
    ),
}
SECOND: dict[str, tuple[list[Op], tuple[int, ...]]] = {
    "behind a convolution": ([*CONV, trunc("c", "s4", "b12", "s1", "b4")], IMAGE),
    "without a sign": ([*CONV, trunc("c", "s4", "b12", "s2", "b5", signed=0, rounding_mode="CEIL")], IMAGE),
    "narrow": ([trunc("x", "s6", "b8", "s4", "b4", narrow=1, rounding_mode="HALF_UP")], (1, 4)),
    "finer": ([trunc("x", "s2", "b4", "s4", "b8")], (1, 4)),
    "a zero point": ([trunc("x", "s4", "b8", "s2", "b5", zero="z6")], (1, 4)),
    "a zero point that is cut": ([trunc("x", "s4", "b8", "s2", "b5", zero="z2", signed=0)], (1, 4)),
    "scales for each channel": ([*CONV, trunc("c", "per", "b8", "per4", "b5")], IMAGE),
    "one signed bit": ([trunc("x", "s4", "b8", "s1", "b1")], (1, 4)),
    "an average": (
        [
            quant("x", "s2", "b4", "q"),
            Op("AveragePool", ("q",), "p", {**POOL, "pads": [1, 1, 1, 1], "count_include_pad": 1}),
            trunc("p", "s2_9", "b8", "s2_9", "b8"),
        ],
        IMAGE,
    ),
    "a global average, dense": (
        [
            quant("x", "s2", "b4", "q0"),
            Op("GlobalAveragePool", ("q0",), "p"),
            trunc("p", "s2_25", "b9", "s2_25", "b9", output="t"),
            Op("Flatten", ("t",), "q"),
            quant("d1", "s3", "b4", "qd"),
            Op("MatMul", ("q", "qd"), "m"),
            quant("m", "s0", "b5", "y"),
        ],
        IMAGE,
    ),
}
FINE = {"an average": 1e-6}
"""Where the result's scale is no power of two, its values are off in the last place of float32."""


@pytest.mark.parametrize("name", FIRST)
def test_the_first_version(name: str, tmp_path: Path) -> None:
    need_onnx()
    ops, shape = FIRST[name]
    compare(model(ops, NUMBERS, shape), tmp_path, INPUT, count=20)


@pytest.mark.parametrize("name", SECOND)
def test_the_second_version(name: str, tmp_path: Path) -> None:
    need_onnx()
    ops, shape = SECOND[name]
    proto = model(ops, NUMBERS, shape, qonnx=2)
    graph = compare(proto, tmp_path, INPUT, count=20, tolerance=FINE.get(name, 0.0))
    assert "average_pool2d" not in (node.op.stem for node in graph.nodes), "a sum is exact"


ODD = {
    "one": (trunc("c", "third", "b8", "third4", "b5"), 2),
    "a zero point": (trunc("c", "third", "b8", "third4", "b5", zero="z2"), 2),
    "each channel": (trunc("c", "odd", "b8", "odd4", "b5", rounding_mode="HALF_UP"), 2),
    "almost four times": (trunc("c", "third", "b8", "almost", "b5"), 2),
    "the first version": (trunc("c", "third", "b8", "b6"), 1),
    "the first, each channel": (trunc("c", "odd", "b8", "b6", zero="z2"), 1),
}


@pytest.mark.parametrize("name", ODD)
def test_other_scales_give_the_same_integers(name: str, tmp_path: Path) -> None:
    """A thousandth of a step apart, which float32 and the multiplier's 24 bits account for."""
    need_onnx()
    op, version = ODD[name]
    proto = model([*CONV, op], NUMBERS, IMAGE, qonnx=version)
    graph = read(proto, tmp_path, INPUT)
    raw = inputs_of(graph, 20)
    expected = executed(proto, in_onnx(raw, graph.inputs[0][1].type, IMAGE[1:], True))["y"]
    (ours,) = results(graph, raw)
    assert len(np.unique(expected)) > 4
    assert np.abs(np.moveaxis(ours, -1, 1) - expected).max() < 0.16 / 1000


@pytest.mark.parametrize(
    ("op", "version", "text"),
    [
        (trunc("x", "s0", "b8", "b4"), 2, "version 2 has 6 inputs, and here are 5"),
        (trunc("x", "s0", "b8", "s2", "b4"), 1, "version 1 has 5 inputs, and here are 6"),
        (trunc("x", "s0", "b8", "b4", rounding_mode="UP"), 1, "rounding_mode='UP' of Trunc is not supported"),
        (trunc("x", "s0", "b8", "b4", rounding_mode="NEAREST"), 1, "rounding_mode=NEAREST"),
        (trunc("x", "s0", "w4", "b4"), 1, "a bit width of .4.0, 4.0. is not supported"),
        (trunc("x", "s0", "b8", "third"), 1, "a bit width of"),
        (trunc("x", "zero", "b8", "b4"), 1, "a scale that is not positive"),
        (trunc("x", "s0", "b8", "b4", zero="third"), 1, "a zero point of"),
        (trunc("x", "s0", "b8", "x"), 1, "its output's bit width is computed by the graph"),
        (trunc("x", "s0", "b8", "zero", "b4"), 2, "a scale that is not positive"),
        (trunc("x", "s0", "b8", "last_axis", "b4"), 2, "output scales of .* are not supported"),
        (trunc("x", "last_axis", "b8", "w4", "b4"), 2, "scales .5,. and .2,. do not fit one another"),
        (trunc("x", "last_axis", "b8", "last_axis", "b4"), 2, "a constant of shape .5,. with a tensor of shape"),
        (trunc("x", "s0", "b8", "s2", "b1", narrow=1), 2, "leaves nothing but 0"),
        (trunc("x", "s0", "b8", "s2", "b4", signed=3), 2, "signed=3"),
        (trunc("x", "s0", "b8", "s2", "b4", colour=3), 2, "colour=3 on 'n0_trunc' is not understood"),
        (trunc("d", "s0", "b8", "s2", "b4"), 2, "a constant, or nothing, stands where it takes a tensor"),
    ],
)
def test_what_is_refused(op: Op, version: int, text: str, tmp_path: Path) -> None:
    need_onnx()
    with pytest.raises(BitsmithError, match=text):
        read(model([op], NUMBERS, (1, 4), qonnx=version), tmp_path, INPUT)


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"pads": 3, "count_include_pad": 1}, "pads=3 on 'n0_averagepool' is not supported"),
        ({"pads": [1, 1], "count_include_pad": 1}, "pads=.*4 whole numbers"),
        ({"auto_pad": "SAME", "count_include_pad": 1}, "auto_pad=SAME"),
        ({"kernel_shape": [7, 7]}, "no output; use a smaller window"),
    ],
)
def test_an_average_that_makes_no_sense(attributes: dict[str, Any], text: str, tmp_path: Path) -> None:
    need_onnx()
    ops = [Op("AveragePool", ("x",), "p", {**POOL, **attributes}), trunc("p", "s2", "b8", "b4")]
    with pytest.raises(BitsmithError, match=text):
        read(model(ops, NUMBERS, IMAGE), tmp_path, INPUT)
