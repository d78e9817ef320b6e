"""Random chains of operators: layouts, constants, quantizers and what is pending between them, against qonnx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_graphs import Array, Op, executed, in_onnx, inputs_of, model, need_onnx, quant, read, results


class Chain:
    """A graph that grows by one operator at a time; ``shape`` is ONNX's, without the batch."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.ops: list[Op] = []
        self.constants: dict[str, Any] = {}
        self.shape: tuple[int, ...] = (int(random.integers(1, 4)), 6, 5)
        self.last, self.first = "x", True
        self.older: list[tuple[str, tuple[int, ...]]] = []
        self.start = self.shape

    def constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def add(self, op: str, *inputs: str, shape: tuple[int, ...] | None = None, **attributes: Any) -> None:
        output = f"t{len(self.ops)}"
        self.older.append((self.last, self.shape))
        self.ops.append(Op(op, (self.last, *inputs), output, attributes))
        self.last, self.shape = output, shape or self.shape

    def grow(self) -> None:
        """One operator that fits."""
        image = [self.conv, self.pool, self.transposed, self.channels, self.flatten, self.concat, self.global_pool]
        anywhere = [self.relu, self.scaled, self.quant, self.quant, self.bipolar, self.residual]
        vector = [self.dense, self.dense, self.reshaped]
        choices = {3: [*image, *anywhere], 1: [*vector, *anywhere]}[len(self.shape)]
        choices[self.random.integers(len(choices))]()

    def weights(self, *shape: int) -> str:
        """Quantized weights of three bits; scales of each output, or one, powers of two."""
        name = self.constant(self.random.normal(size=shape))
        sizes = (shape[0], *(1,) * (len(shape) - 1)) if self.random.random() < 0.5 and len(shape) > 2 else ()
        scale = self.constant(2.0 ** -self.random.integers(0, 3, sizes or 1).reshape(sizes))
        self.ops.append(quant(name, scale, self.constant(3.0), f"q{name}"))
        return f"q{name}"

    def conv(self) -> None:
        c, h, w = self.shape
        if h < 3 or w < 3:
            return
        group = c if self.random.random() < 0.3 else 1
        outputs = group * int(self.random.integers(1, 3)) if group > 1 else int(self.random.integers(1, 5))
        pads = [int(n) for n in self.random.integers(0, 2, 4)]
        inputs = [self.weights(outputs, c // group, 3, 3)]
        inputs += [self.constant(self.random.integers(-8, 9, outputs) / 8)] if self.random.random() < 0.5 else []
        shape = (outputs, h + pads[0] + pads[2] - 2, w + pads[1] + pads[3] - 2)
        self.add("Conv", *inputs, shape=shape, pads=pads, group=group)
        self.narrowed()

    def pool(self) -> None:
        c, h, w = self.shape
        if h > 2 and w > 2:
            self.add("MaxPool", shape=(c, h // 2, w // 2), kernel_shape=[2, 2], strides=[2, 2])

    def global_pool(self) -> None:
        if self.random.random() < 0.3:
            self.add("GlobalMaxPool", shape=(self.shape[0], 1, 1))

    def transposed(self) -> None:
        """Channels last and back, with something between."""
        c, h, w = self.shape
        self.add("Transpose", shape=(h, w, c), perm=[0, 2, 3, 1])
        [self.relu, self.quant, self.scaled][self.random.integers(3)]()
        if self.random.random() < 0.3:
            self.add("Flatten", shape=(h * w * c,))
        else:
            self.add("Transpose", shape=(c, h, w), perm=[0, 3, 1, 2])

    def flatten(self) -> None:
        if self.random.random() < 0.4:
            self.add("Flatten", shape=(int(np.prod(self.shape)),))

    def reshaped(self) -> None:
        n = self.shape[0]
        if n % 4 == 0 and self.random.random() < 0.5:
            self.add("Reshape", self.constant(np.array([-1, n // 4, 2, 2])), shape=(n // 4, 2, 2))

    def concat(self) -> None:
        fits = [name for name, shape in self.older if len(shape) == 3 and shape[1:] == self.shape[1:]]
        sizes = dict(self.older)
        if fits:
            name = fits[self.random.integers(len(fits))]
            self.add("Concat", name, shape=(self.shape[0] + sizes[name][0], *self.shape[1:]), axis=1)

    def residual(self) -> None:
        fits = [name for name, shape in self.older if shape == self.shape]
        if fits:
            self.add("Add", fits[self.random.integers(len(fits))])
            self.narrowed()

    def dense(self) -> None:
        outputs = int(self.random.integers(2, 9))
        self.add("MatMul", self.weights(self.shape[0], outputs), shape=(outputs,))
        if self.random.random() < 0.5:
            self.add("Add", self.constant(self.random.integers(-8, 9, outputs) / 8))
        self.narrowed()

    def channels(self) -> None:
        """A factor and an offset for each channel."""
        size = (self.shape[0], 1, 1)
        self.add("Mul", self.constant(self.random.integers(-4, 5, size) / 4))
        self.add("Add", self.constant(self.random.integers(-8, 9, size) / 8))
        self.narrowed()

    def relu(self) -> None:
        self.add("Relu")

    def scaled(self) -> None:
        op = ["Mul", "Add", "Sub", "Div"][self.random.integers(4)]
        self.add(op, self.constant(float(2.0 ** self.random.integers(-1, 2))))

    def quant(self) -> None:
        scale, bits = 2.0 ** self.random.integers(-3, 1), int(self.random.integers(2, 7))
        rounding = ["ROUND", "FLOOR", "CEIL", "HALF_UP"][self.random.integers(4)]
        attributes: dict[str, Any] = {
            "signed": int(self.random.random() < 0.7),
            "narrow": int(self.random.random() < 0.3),
        }
        zero = self.constant(float(self.random.integers(-2, 3))) if self.random.random() < 0.3 else self.constant(0.0)
        inputs = (self.constant(scale), zero, self.constant(float(bits)))
        self.add("Quant", *inputs, rounding_mode=rounding, **attributes)

    def bipolar(self) -> None:
        if self.random.random() < 0.3:
            self.add("BipolarQuant", self.constant(float(2.0 ** self.random.integers(-1, 2))))

    def narrowed(self) -> None:
        """A quantizer, so that float32 and 63 bits stay exact."""
        self.quant()


def chain(seed: int) -> tuple[Any, tuple[int, ...]]:
    grown = Chain(np.random.default_rng(seed))
    while len(grown.ops) < 14:
        grown.grow()
    return model(grown.ops, grown.constants, (1, *grown.start), (grown.last,)), grown.start


def difference(ours: Array, expected: Array) -> float:
    """Between ours, images with the channels last or as in the file, and qonnx's."""
    same = expected.ndim == ours.ndim == 4
    tried = [ours, np.moveaxis(ours, -1, 1)] if same else [ours.reshape(expected.shape)]
    return min(float(np.abs(y - expected).max()) for y in tried if y.shape == expected.shape)


@pytest.mark.parametrize("seed", range(40))
def test_a_random_chain(seed: int, tmp_path: Path) -> None:
    need_onnx()
    proto, shape = chain(seed)
    graph = read(proto, tmp_path, {"Bitsmith": {"input": "fixed<6,3>"}})
    raw = inputs_of(graph, 6, seed)
    first = graph.inputs[0][1].shape != shape
    expected = executed(proto, in_onnx(raw, graph.inputs[0][1].type, shape, first))[proto.graph.output[0].name]
    assert difference(results(graph, raw)[0], expected) == 0
