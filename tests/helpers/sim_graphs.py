"""Random graphs of integers, for tests: every operator, narrow and wide types, forks, several inputs and outputs."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from bitsmith.sim.fixed import Constant, Fixed, IntArray, Overflow, Rounding
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.argmax import Argmax
from bitsmith.sim.ops.average_pool2d import AveragePool2D
from bitsmith.sim.ops.batch_norm import BatchNorm
from bitsmith.sim.ops.concatenate import Concatenate
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.depthwise_conv2d import DepthwiseConv2D
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.global_average_pool2d import GlobalAveragePool2D
from bitsmith.sim.ops.global_max_pool2d import GlobalMaxPool2D
from bitsmith.sim.ops.max_pool2d import MaxPool2D
from bitsmith.sim.ops.softmax import Softmax


def ints(*values: Any) -> IntArray:
    return np.array(values, dtype=np.int64)


def run_one(op: Operator, *inputs: IntArray) -> IntArray:
    """One image through ``infer`` and ``compute``; checks that shape and type promise what comes out."""
    types = getattr(op, "input_types", None) or (op.input_type,) * len(inputs)  # type: ignore[attr-defined]
    spec = op.infer(*(Spec(x.shape, t) for x, t in zip(inputs, types)))
    result: IntArray = op.compute(*(x[np.newaxis] for x in inputs))[0]
    assert result.dtype == np.int64
    assert result.shape == spec.shape
    assert spec.type.raw_min <= result.min()
    assert result.max() <= spec.type.raw_max
    return result


class GraphMaker:
    """Grows a graph node by node; what is drawn depends on the seed alone."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Node] = []
        self.specs: dict[str, Spec] = {}
        self.bits = int(self.rng.choice([2, 4, 8, 12, 16]))

    def pick(self, *choices: object) -> object:
        return choices[self.rng.integers(len(choices))]

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def draw_type(self, bits: int | None = None) -> Fixed:
        bits = bits or self.integer(1, self.bits)
        signed = bool(self.integer(0, 1)) or bits < 1
        fraction = self.integer(-2, bits + 2)
        return Fixed(signed, bits - int(signed) - fraction, fraction)

    def raw(self, type: Fixed, *shape: int) -> IntArray:
        return self.rng.integers(type.raw_min, type.raw_max, shape, endpoint=True)

    def add(self, op: Operator, *inputs: str) -> str:
        name = f"{op.stem}_{len(self.nodes)}"
        self.nodes.append(Node(name, op, inputs))
        self.specs[name] = op.infer(*(self.specs[source] for source in inputs))
        return name

    def convolution(self, x: str, cls: type[Conv2D] | type[DepthwiseConv2D]) -> str:
        shape, type = self.specs[x].shape, self.specs[x].type
        size = (self.integer(1, min(3, shape[0])), self.integer(1, min(3, shape[1])))
        outputs = self.integer(1, 4) if cls is Conv2D else self.integer(1, 2)
        w, b = self.draw_type(), self.draw_type()
        total = outputs if cls is Conv2D else outputs * shape[2]
        padding = ((self.integer(0, 1), self.integer(0, 1)), (self.integer(0, 1), self.integer(0, 1)))
        strides = (self.integer(1, 2), self.integer(1, 2))
        kernel = self.raw(w, *size, shape[2], outputs)
        return self.add(cls(type, kernel, w, self.raw(b, total), b, strides, padding), x)

    def activation(self, x: str, kind: Kind | None = None) -> str:
        kind = kind or Kind(self.pick(*Kind))
        type, out = self.specs[x].type, self.draw_type()
        rounding, overflow = Rounding(self.pick(*Rounding)), Overflow(self.pick(*Overflow))
        if self.integer(0, 1):
            rounding, overflow = Rounding.RND_CONV, Overflow.SAT
        limits = {
            "lower": Constant(self.integer(-9, 0), self.integer(-1, 3)),
            "upper": Constant(self.integer(0, 9), self.integer(-1, 3)),
        }
        slope, offset = Constant(self.integer(-3, 9), 3), Constant(self.integer(-5, 5), 2)
        if kind is Kind.TABLE:
            extra: dict[str, object] = {"function": self.pick("tanh", "sigmoid"), "table_type": self.draw_type(6)}
        elif kind in (Kind.HARD_SIGMOID, Kind.HARD_TANH):
            extra = {"slope": slope, "offset": offset, **limits}
        else:
            extra = {"slope": slope} if kind is Kind.LEAKY_RELU else {}
            if kind is Kind.THRESHOLDED_RELU:
                extra = {"offset": Constant(self.integer(0, type.raw_max), type.fraction)}
            extra |= limits if self.integer(0, 3) == 0 else {}
        return self.add(Activation(type, kind, out, rounding, overflow, **extra), x)  # type: ignore[arg-type]

    def pool(self, x: str) -> str:
        shape, type = self.specs[x].shape, self.specs[x].type
        size = (self.integer(1, min(3, shape[0])), self.integer(1, min(3, shape[1])))
        if self.integer(0, 1):
            return self.add(MaxPool2D(type, size, size), x)
        strides = (self.integer(1, 3), self.integer(1, 3))
        padding = ((self.integer(0, size[0] - 1), 0), (0, self.integer(0, size[1] - 1)))
        if self.integer(0, 1) or type.width > 40:
            return self.add(MaxPool2D(type, size, strides, padding), x)
        return self.add(
            AveragePool2D(type, size, strides, padding, self.draw_type(), Rounding(self.pick(*Rounding))), x
        )

    def batch_norm(self, x: str) -> str:
        s, o = self.draw_type(), self.draw_type()
        channels = self.specs[x].shape[-1]
        return self.add(BatchNorm(self.specs[x].type, self.raw(s, channels), s, self.raw(o, channels), o), x)

    def join(self, x: str) -> str:
        left, right = self.activation(x, Kind.RELU), self.activation(x, Kind.LINEAR)
        if self.integer(0, 1):
            return self.add(Add((self.specs[left].type, self.specs[right].type)), left, right)
        return self.add(Concatenate((self.specs[left].type,) * 2), left, left)

    def block(self, x: str) -> str:
        """Something on an image; a wide result is brought back to a narrow type."""
        draw = self.integer(0, 6)
        if draw <= 2:
            x = self.convolution(x, Conv2D)
        elif draw == 3:
            x = self.convolution(x, DepthwiseConv2D)
        else:
            x = self.batch_norm(x) if draw == 4 else self.join(x) if draw == 5 else self.pool(x)
        if self.specs[x].type.width > 16 or self.integer(0, 2):
            x = self.activation(x)
        return self.pool(x) if self.integer(0, 1) else x

    def head(self, x: str) -> str:
        shape, type = self.specs[x].shape, self.specs[x].type
        ends = self.integer(0, 3)
        if ends == 0:
            return self.add(GlobalMaxPool2D(type), x)
        if ends == 1 and type.width < 40:
            return self.add(GlobalAveragePool2D(type, self.draw_type()), x)
        x = self.add(Flatten(type, (prod(shape),)), x)
        w, b = self.draw_type(), self.draw_type()
        classes = self.integer(1, 5)
        x = self.add(Dense(type, self.raw(w, prod(shape), classes), w, self.raw(b, classes), b), x)
        if ends == 2:
            return self.add(Argmax(self.specs[x].type, self.specs[x].type.raw_min), x)
        if self.specs[x].type.width > 40:
            return x
        unit = Fixed(False, 1, 8)
        return self.add(
            Softmax(self.specs[x].type, Fixed(False, 3, 4), unit, Fixed(False, 3, 4), unit, self.draw_type()), x
        )


def random_graph(seed: int) -> Graph:
    """One to four blocks on an image, sometimes a second input, often a head; inner tensors may be outputs too."""
    maker = GraphMaker(seed)
    shape = (maker.integer(3, 9), maker.integer(3, 9), maker.integer(1, 3))
    inputs = [("x", Spec(shape, maker.draw_type()))]
    maker.specs["x"] = inputs[0][1]
    x = "x"
    if maker.integer(0, 4) == 0:
        inputs.append(("x2", Spec(shape, maker.draw_type())))
        maker.specs["x2"] = inputs[1][1]
        x = maker.add(Add((inputs[0][1].type, inputs[1][1].type)), "x", "x2")
    for _ in range(maker.integer(1, 4)):
        x = maker.block(x)
    if maker.integer(0, 3):
        x = maker.head(x)
    outputs = [x]
    if maker.nodes and maker.integer(0, 3) == 0:
        outputs.append(maker.nodes[maker.integer(0, len(maker.nodes) - 1)].name)
    return Graph("random", tuple(inputs), tuple(maker.nodes), tuple(dict.fromkeys(outputs)))


def random_inputs(graph: Graph, batch: int, seed: int) -> list[IntArray]:
    """Raw inputs over the whole of their types, extremes among them."""
    rng = np.random.default_rng(seed)
    arrays = []
    for _, spec in graph.inputs:
        x = rng.integers(spec.type.raw_min, spec.type.raw_max, (batch, *spec.shape), endpoint=True)
        x[0], x[-1] = spec.type.raw_min, spec.type.raw_max
        arrays.append(x)
    return arrays


def student2(bits: int = 6, seed: int = 1) -> Graph:
    """The paper's Student 2 (5,682 parameters) with random weights: 48x48x1 -> 2, activations of 8 bits."""
    rng = np.random.default_rng(seed)
    w, r, x_type = Fixed(True, 0, bits - 1), Fixed(False, 2, 6), Fixed(False, 0, 8)

    def weights(*shape: int) -> IntArray:
        scaled = np.rint(rng.normal(0, w.raw_max / 3, shape)).astype(np.int64)
        return np.clip(scaled, w.raw_min, w.raw_max)

    conv1 = Conv2D(x_type, weights(3, 3, 1, 16), w, weights(16), w)
    conv2 = Conv2D(r, weights(3, 3, 16, 16), w, weights(16), w)
    operators: list[tuple[str, Operator]] = [
        ("conv1", conv1),
        ("relu1", Activation(conv1.accumulator.type, Kind.RELU, r)),
        ("pool1", MaxPool2D(r, (2, 2), (2, 2))),
        ("conv2", conv2),
        ("relu2", Activation(conv2.accumulator.type, Kind.RELU, r)),
        ("pool2", MaxPool2D(r, (2, 2), (2, 2))),
        ("flatten", Flatten(r, (1600,))),
        ("dense", Dense(r, weights(1600, 2), w, weights(2), w)),
    ]
    names = ["x", *(name for name, _ in operators)]
    nodes = tuple(Node(name, op, (source,)) for source, (name, op) in zip(names, operators))
    return Graph("student2", (("x", Spec((48, 48, 1), x_type)),), nodes, ("dense",))
