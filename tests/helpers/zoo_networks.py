"""Networks of QONNX's model zoo by structure, with random weights: FINN's CNV, and MobileNet v1 with four bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from onnx_graphs import Op, model, quant

LAYERS = ((64, False), (64, True), (128, False), (128, True), (256, False), (256, False))
"""CNV's convolutions: channels, and whether a pool of 2 follows."""
FEATURES = (512, 512)


@dataclass
class Chain:
    """A graph that grows; ``at`` is the last tensor."""

    seed: int
    at: str = "x"
    ops: list[Op] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def add(self, op: str, *inputs: Any, domain: str | None = None, **attributes: Any) -> None:
        """An operator of ``at`` and constants."""
        names = [self.constant(value) for value in inputs]
        output = f"t{len(self.ops)}"
        self.ops.append(Op(op, (self.at, *names), output, attributes, domain))
        self.at = output

    def constant(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def quantized(self, x: str, bits: int, scale: Any = 1.0, **more: Any) -> str:
        """Brevitas's weight or activation: the sign, or so many bits."""
        output, s = f"t{len(self.ops)}", self.constant(scale)
        sign = bits == 1
        self.ops.append(Op("BipolarQuant", (x, s), output) if sign
                        else quant(x, s, self.constant(float(bits)), output, **{"narrow": 1, **more}))  # fmt: skip
        return output

    def activation(self, bits: int, scale: Any = 1.0, **more: Any) -> None:
        self.at = self.quantized(self.at, bits, scale, **more)

    def norm(self, channels: int, size: int) -> None:
        """BatchNormalization of sums of ``size`` products."""
        r = self.random
        parts = (r.uniform(0.5, 3, channels), r.normal(size=channels), r.normal(size=channels),
                 r.uniform(0.3, 1.5, channels) * size)  # fmt: skip
        self.add("BatchNormalization", *parts, epsilon=1e-4)

    def vector(self) -> None:
        """``x.view(x.shape[0], -1)`` as PyTorch exports it."""
        at = self.at
        self.add("Shape")
        self.add("Gather", np.array(0), axis=0)
        self.add("Unsqueeze", np.array([0]))
        self.ops.append(Op("Concat", (self.at, self.constant(np.array([-1]))), "size", {"axis": 0}))
        self.ops.append(Op("Reshape", (at, "size"), "vector"))
        self.at = "vector"

    def tensor_norm(self) -> None:
        """Brevitas's TensorNorm behind the last layer."""
        for op, value in (("Sub", 0.37), ("Div", 18.6), ("Mul", 0.76), ("Add", -1.14)):
            self.add(op, np.array([value]))


def cnv(weight_bits: int, bits: int, layers: Sequence[tuple[int, bool]] = LAYERS,
        features: Sequence[int] = FEATURES, size: int = 32) -> Any:  # fmt: skip
    """CNV of ``size``² pixels, input from 0 to 1."""
    c = Chain(seed=10 * weight_bits + bits)
    c.add("Mul", 2.0)
    c.add("Sub", np.array([1.0]))
    c.activation(8, 2.0**-7, narrow=0)
    n, side = 3, size
    for m, pool in layers:
        w = c.quantized(c.constant(c.random.uniform(-1, 1, (m, n, 3, 3))), weight_bits)
        c.add("Conv", w, dilations=[1, 1], group=1, kernel_shape=[3, 3], pads=[0] * 4, strides=[1, 1])
        c.norm(m, 9 * n)
        c.activation(bits)
        if pool:
            c.add("MaxPool", kernel_shape=[2, 2], pads=[0] * 4, strides=[2, 2])
        n, side = m, (side - 2) // (2 if pool else 1)
    c.vector()
    n *= side * side
    for m in (*features, 10):
        w = c.quantized(c.constant(c.random.uniform(-1, 1, (m, n))), weight_bits)
        c.ops.append(Op("Transpose", (w,), f"{w}_t", {"perm": [1, 0]}))
        c.add("MatMul", f"{w}_t")
        if m != 10:
            c.norm(m, n)
            c.activation(bits)
        n = m
    c.tensor_norm()
    return model(c.ops, c.constants, (1, 3, size, size), (c.at,))


def mobilenet(channels: Sequence[int] = (32, 64, 128), size: int = 32, qonnx: int = 1, classes: int = 0) -> Any:
    """The first convolution and depthwise-separable blocks of MobileNet v1 with four bits, input from 0 to 1; with
    ``classes`` the truncated average and the dense layer behind them."""
    c = Chain(seed=4)
    c.add("Quant", 1.0 / 255, 0.0, 8.0, signed=0, narrow=0, rounding_mode="ROUND")
    _convolution(c, 3, channels[0], size=3, bits=8, strides=[2, 2], pads=[1] * 4)
    side = (size + 1) // 2
    for i, (n, m) in enumerate(pairwise(channels)):
        stride = 1 + i % 2
        _convolution(c, n, n, size=3, strides=[stride] * 2, pads=[1] * 4, group=n, each=False)
        _convolution(c, n, m, size=1, strides=[1, 1], pads=[0] * 4, each=i + 2 < len(channels))
        side = -(-side // stride)
    if classes:
        _head(c, channels[-1], side, qonnx, classes)
    return model(c.ops, c.constants, (1, 3, size, size), (c.at,), qonnx=qonnx)


def _convolution(c: Chain, n: int, m: int, *, size: int, bits: int = 4, group: int = 1, each: bool = True,
                 **attributes: Any) -> None:  # fmt: skip
    """Convolution, norm and QuantReLU; weights have a scale for each output, activations ``each`` one for each channel,
    none a power of two."""
    shape = (m, n // group, size, size)
    scale = c.random.uniform(0.4, 1.2, (m, 1, 1, 1)) / 2.0 ** (bits - 1)
    w = c.quantized(c.constant(c.random.normal(size=shape) / 2), bits, scale)
    c.add("Conv", w, group=group, kernel_shape=[size] * 2, dilations=[1, 1], **attributes)
    c.norm(m, size * size * n // group)
    c.add("Relu")
    c.activation(4, c.random.uniform(0.1, 0.4, (1, m, 1, 1)) if each else 0.217, signed=0, narrow=0)


def _head(c: Chain, channels: int, side: int, qonnx: int, classes: int) -> None:
    area, step = float(side * side), np.float32(0.217)
    c.add("AveragePool", kernel_shape=[side] * 2, strides=[1, 1], pads=[0] * 4)
    bits = float(4 + int(np.ceil(np.log2(area))))
    if qonnx == 1:
        c.add("Mul", area)
        c.add("Trunc", step, 0.0, bits, 4.0, rounding_mode="FLOOR")
    else:
        scale = step / np.float32(area)
        c.add("Trunc", scale, 0.0, bits, scale * np.float32(2 ** (bits - 4)), 4.0, rounding_mode="FLOOR", signed=0)
    c.vector()
    scale = c.random.uniform(0.4, 1.2, (classes, 1)) / 8
    w = c.quantized(c.constant(c.random.normal(size=(classes, channels)) / 2), 4, scale)
    bias = c.constant(c.random.normal(size=classes))
    c.ops.append(Op("Gemm", (c.at, w, bias), "classes", {"transB": 1}))
    c.at = "classes"
