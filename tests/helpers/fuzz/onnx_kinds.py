"""Operators of ONNX with quantizers behind them; the classes are those that the reader makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .kinds import kind, of
from .onnx_grow import GrowOnnx, Wire

ONNX = ("onnx",)
MERGES = {"Add": "Add", "Subtract": "Sub", "Multiply": "Mul", "Maximum": "Max", "Minimum": "Min", "Average": "Mean",
          "Concatenate": "Concat"}  # fmt: skip
STEPS = ("Relu", "LeakyRelu", "Clip", "Abs", "Round")
CURVES = ("Sigmoid", "Tanh", "Softplus", "Softsign", "Elu", "Selu", "Exp", "HardSigmoid")
Params = dict[str, Any]
TYPED: Params = {"q": ["bits", 8, 3], "r": 0}
"""The quantizer that gives a type to what needs one: half to even."""


def window(x: Wire, p: Params, inside: bool = False) -> tuple[dict[str, Any], list[int]]:
    """Kernel, strides and paddings of a convolution or pool, and the rows and columns behind it."""
    sizes, inside = x.shape[2:], inside or bool(p["same"])
    kernel = [min(k, n) for k, n in zip(p["k"], sizes)]
    strides = [1 if inside else min(s, n) for s, n in zip(p["s"], sizes)]
    before = [(k - 1) // 2 if inside else 0 for k in kernel]
    after = [k - 1 - b if inside else 0 for k, b in zip(kernel, before)]
    behind = [(n + a + b - k) // s + 1 for n, a, b, k, s in zip(sizes, after, before, kernel, strides)]
    return {"kernel_shape": kernel, "strides": strides, "pads": [*before, *after]}, behind


@kind("o_conv", 2, 3, weight=4, keeps=True, libraries=ONNX, makes={
    "Conv1D": of(2, alt=0), "Conv2D": of(3, alt=0), "DepthwiseConv1D": of(2, alt=3), "DepthwiseConv2D": of(3, alt=3),
})  # fmt: skip
def conv(g: GrowOnnx, x: Wire, p: Params) -> Wire:
    given, behind = window(x, p, g.inside)
    channels = x.shape[1]
    group = channels if p["alt"] == 3 else 1
    outputs = channels * min(p["n"], 2) if group > 1 else p["n"]
    if p["d"] > 1 and max(given["strides"]) == 1 and not any(given["pads"]):
        room = [n - (k - 1) * p["d"] for n, k in zip(x.shape[2:], given["kernel_shape"])]
        if min(room) > 0:
            given, behind = given | {"dilations": [p["d"]] * len(room)}, room
    inputs = [g.kernel((outputs, channels // group, *given["kernel_shape"]), p)]
    inputs += [g.constant(_eighths(p, outputs))] if p["alt"] != 2 else []
    return g.quant(g.add("Conv", x, *inputs, shape=(1, outputs, *behind), group=group, **given), p)


def _eighths(p: Params, *shape: int) -> Any:
    return np.random.default_rng([p["r"], 1]).integers(-8, 9, shape) / 8


@kind("o_dense", 1, weight=4, keeps=True, libraries=ONNX, makes={"Dense": of()})
def dense(g: GrowOnnx, x: Wire, p: Params) -> Wire:
    units = p["n"] if x.shape[1] <= 64 else min(p["n"], 2)
    w = g.kernel((x.shape[1], units), p)
    if p["alt"] % 2:
        y = g.add("Gemm", x, w, g.constant(_eighths(p, units)), shape=(1, units))
        return g.quant(y, p)
    y = g.add("MatMul", x, w, shape=(1, units))
    return g.quant(g.add("Add", y, g.constant(_eighths(p, units))) if p["alt"] else y, p)


@kind("o_function", 1, 2, 3, weight=2, keeps=True, libraries=ONNX, makes={
    "ReLU": of(alt=0), "LeakyReLU": of(alt=1), "Activation": of(alt=3),
})  # fmt: skip
def function(g: GrowOnnx, x: Wire, p: Params) -> Wire:
    op = STEPS[p["alt"] % len(STEPS)]
    more = {"Clip": [g.constant(0.0), g.constant(1.5)]}.get(op, [])
    return g.quant(g.add(op, x, *more, **({"alpha": 0.25} if op == "LeakyRelu" else {})), p)


@kind("o_curve", 1, 2, 3, weight=1.5, keeps=True, exact=False, libraries=ONNX, makes={
    "Softmax": of(1, alt=0), "LogSoftmax": of(1, alt=1), "Activation": of(alt=2),
})  # fmt: skip
def curve(g: GrowOnnx, x: Wire, p: Params) -> Wire:
    """What is a table here, so that qonnx's own values are near only."""
    g.exact = False
    own = p | {"q": ["bits", max(p["q"][1], 2), p["q"][2]], "r": 0}
    if len(x.shape) == 2 and x.shape[1] > 1 and p["alt"] < 2:
        return g.quant(g.add(("Softmax", "LogSoftmax")[p["alt"]], x), own)
    return g.quant(g.add(CURVES[p["r"] % len(CURVES)], x), own)


@kind("o_quant", 1, 2, 3, weight=1.5, keeps=True, libraries=ONNX, makes={"QActivation": of()})
def quantizer(g: GrowOnnx, x: Wire, p: Params) -> Wire:
    return g.quant(x, p, signed=p["alt"] % 2)


@kind("o_pool", 2, 3, weight=1.5, keeps=True, libraries=ONNX, makes={
    "MaxPooling1D": of(2, alt=0), "MaxPooling2D": of(3, alt=0), "AveragePooling1D": of(2, alt=1),
    "AveragePooling2D": of(3, alt=1),
})  # fmt: skip
def pool(g: GrowOnnx, x: Wire, p: Params) -> Wire:
    """An average over four places or two is exact; over others float32 rounds it."""
    average = p["alt"] % 2
    if average:
        k = [2 if n > 1 else 1 for n in x.shape[2:]]
        given, behind = window(x, p | {"k": k, "same": 0})
        if g.inside:
            return x
        g.exact = False
        return g.quant(g.add("AveragePool", x, shape=(1, x.shape[1], *behind), **given), p | TYPED)
    given, behind = window(x, p, g.inside)
    return g.add("MaxPool", x, shape=(1, x.shape[1], *behind), **given)


@kind("o_global", 2, 3, to={2: 1, 3: 1}, libraries=ONNX, makes={
    f"Global{what}Pooling{rank - 1}D": of(rank, alt=alt) for what, alt in (("Max", 0), ("Average", 1))
    for rank in (2, 3)
})  # fmt: skip
def global_pool(g: GrowOnnx, x: Wire, p: Params) -> Wire:
    shape = (1, x.shape[1], *(1 for _ in x.shape[2:]))
    y = g.add("GlobalAveragePool" if p["alt"] % 2 else "GlobalMaxPool", x, shape=shape)
    if p["alt"] % 2:
        g.exact = False
        y = g.quant(y, p | TYPED)
    return g.add("Flatten", y, shape=shape[:2])


@kind("o_norm", 1, 2, 3, keeps=True, weight=1.5, libraries=ONNX, makes={"Affine": of()})
def norm(g: GrowOnnx, x: Wire, p: Params) -> Wire:
    """A BatchNormalization, or a factor and an offset of each channel."""
    channels, size = x.shape[1], (x.shape[1], *(1 for _ in x.shape[2:]))
    if p["alt"] % 2:
        g.exact = False
        r = np.random.default_rng([p["r"], 2])
        parts = (
            r.uniform(0.2, 1, channels),
            r.normal(size=channels),
            r.normal(size=channels),
            r.uniform(0.4, 1.9, channels),
        )
        return g.quant(g.add("BatchNormalization", x, *map(g.constant, parts), epsilon=0.001), p)
    factor = np.random.default_rng([p["r"], 3]).integers(-4, 5, size) / 4
    return g.quant(g.add("Add", g.add("Mul", x, g.constant(factor)), g.constant(_eighths(p, *size))), p)


@kind("o_join", 1, 2, 3, weight=2, keeps=True, libraries=ONNX, makes={name: of(join=name) for name in MERGES})
def join(g: GrowOnnx, x: Wire, p: Params) -> Wire:
    """A tensor and its quantized self, or its function."""
    op = MERGES[p.get("join") or list(MERGES)[p["r"] % len(MERGES)]]
    other = g.quant(x if p["alt"] % 2 else g.add("Relu", x), p | {"q": ["bits", 4, 1]})
    if op == "Concat":
        return g.add(op, x, other, shape=(1, 2 * x.shape[1], *x.shape[2:]), axis=1)
    return g.quant(
        g.add(op, x, other), p | ({"q": ["bits", max(p["q"][1], 2), p["q"][2]], "r": 0} if op == "Mean" else {})
    )


@kind("o_pad", 3, libraries=ONNX, makes={"ZeroPadding2D": of()})
def pad(g: GrowOnnx, x: Wire, p: Params) -> Wire:
    (a, b), (c, d) = p["k"], p["s"]
    rows, columns = (a - 1, b - 1), (c - 1, d - 1)
    pads = np.array([0, 0, rows[0], columns[0], 0, 0, rows[1], columns[1]])
    shape = (*x.shape[:2], x.shape[2] + sum(rows), x.shape[3] + sum(columns))
    return g.add("Pad", x, g.constant(pads), shape=shape)


@kind("o_up", 3, weight=0.7, libraries=ONNX, makes={"UpSampling2D": of(s=[2, 2])})
def up(g: GrowOnnx, x: Wire, p: Params) -> Wire:
    if np.prod(x.shape) > 150:
        return x
    size = [min(s, 2) for s in p["s"]]
    shape = (*x.shape[:2], x.shape[2] * size[0], x.shape[3] * size[1])
    given = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    none = g.constant(np.zeros(0))
    return g.add("Resize", x, none, g.constant(np.array([1.0, 1.0, *size])), shape=shape, **given)


@kind("o_flatten", 2, 3, to={2: 1, 3: 1}, weight=1.5, libraries=ONNX, makes={"Flatten": of()})
def flatten(g: GrowOnnx, x: Wire, p: Params) -> Wire:
    return g.add("Flatten", x, shape=(1, int(np.prod(x.shape))))


@kind("o_products", 2, weight=0.7, libraries=ONNX, makes={"Matmul": of()})
def products(g: GrowOnnx, x: Wire, p: Params) -> Wire:
    """A sequence times itself on its side: (L, C) as MatMul has it."""
    _, channels, steps = x.shape
    turned = g.add("Transpose", x, shape=(1, steps, channels), perm=[0, 2, 1])
    return g.quant(g.add("MatMul", x, turned, shape=(1, channels, channels)), p)
