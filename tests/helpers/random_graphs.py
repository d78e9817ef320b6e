"""Random networks for the cycle tests: several in one graph, each with an input and an output of its own.

So one compiled simulation shows the cycles of many configurations, and none of them waits for another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bitsmith.gen.rtl.plan import Choice
from bitsmith.gen.rtl.sharing import legal_for
from bitsmith.hw.rtl.layout import Layout
from bitsmith.sim.fixed import Fixed, IntArray, Overflow, Rounding
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
from bitsmith.sim.ops.up_sampling2d import UpSampling2D
from bitsmith.sim.ops.zero_padding2d import ZeroPadding2D

STRATEGIES = ("latency", "resource", "distributed_arithmetic")
INPUT, PIXEL, WEIGHT = Fixed(True, 1, 3), Fixed(False, 2, 2), Fixed(True, 0, 3)


@dataclass
class Forest:
    """Networks that grow side by side in one graph."""

    rng: np.random.Generator
    inputs: list[tuple[str, Spec]] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    specs: dict[str, Spec] = field(default_factory=dict)
    choices: dict[str, Choice] = field(default_factory=dict)

    def graph(self, name: str) -> Graph:
        return Graph(name, tuple(self.inputs), tuple(self.nodes), tuple(self.outputs))

    def input(self, shape: tuple[int, ...], type_: Fixed = INPUT) -> str:
        name = f"x{len(self.inputs)}"
        self.specs[name] = Spec(shape, type_)
        self.inputs.append((name, self.specs[name]))
        return name

    def add(self, op: Operator, *sources: str) -> str:
        name = f"{op.stem}_{len(self.nodes)}"
        self.specs[name] = op.infer(*(self.specs[source] for source in sources))
        self.nodes.append(Node(name, op, sources, name))
        return name

    def weights(self, *shape: int) -> IntArray:
        return self.rng.integers(WEIGHT.raw_min, WEIGHT.raw_max, shape, endpoint=True)

    def pick(self, *values: Any) -> Any:
        return values[self.rng.integers(len(values))]

    # one layer each -----------------------------------------------------------------------------

    def window(self, source: str, largest: int) -> dict[str, Any]:
        """Kernel, strides, padding and dilation that fit the image."""
        height, width, _ = self.specs[source].shape
        found: dict[str, Any] = {"kernel": [], "strides": [], "padding": [], "dilation": []}
        for size in (height, width):
            kernel = int(self.rng.integers(1, min(largest, size) + 1))
            dilation = self.pick(1, 2) if (kernel - 1) * 2 < size else 1
            span = (kernel - 1) * dilation + 1
            before = int(self.rng.integers(0, span))
            found["kernel"].append(kernel)
            found["dilation"].append(dilation)
            found["padding"].append((before, int(self.rng.integers(0, span - before))))
            found["strides"].append(self.pick(1, 1, 2, 3))
        return {key: tuple(value) for key, value in found.items()}

    def convolution(self, source: str, slow: bool) -> str:
        """Of either kind, in any strategy; with a random reuse factor where it may be slow."""
        spec, place = self.specs[source], self.window(source, 4)
        kernel, channels = place.pop("kernel"), spec.shape[2]
        depthwise, out = self.rng.random() < 0.25, int(self.rng.integers(1, 4))
        shape, total = (*kernel, channels, out), channels * out if depthwise else out
        kind: Any = DepthwiseConv2D if depthwise else Conv2D
        op = kind(spec.type, self.weights(*shape), WEIGHT, self.weights(total), WEIGHT, **place)
        name = self.add(op, source)
        strategy = self.pick(*STRATEGIES)
        legal = [r for r in legal_for(op, Layout.of_input(spec, 1), strategy) if r <= 12]
        self.choices[name] = Choice(strategy, self.pick(*legal) if slow else None)
        return self.activation(name)

    def activation(self, source: str) -> str:
        """Now and then a scale of each channel before it; exact kinds or a table."""
        if self.rng.random() < 0.25:
            spec = self.specs[source]
            scale, offset = self.weights(spec.shape[-1]), self.weights(spec.shape[-1])
            source = self.add(BatchNorm(spec.type, scale, WEIGHT, offset, WEIGHT), source)
        kind = self.pick(Kind.RELU, Kind.RELU, Kind.LINEAR, Kind.TABLE)
        table: dict[str, Any] = {"function": "sigmoid", "table_type": Fixed(True, 2, 3)} if kind is Kind.TABLE else {}
        modes = (self.pick(*Rounding), self.pick(Overflow.SAT, Overflow.WRAP))
        return self.add(Activation(self.specs[source].type, kind, PIXEL, *modes, **table), source)

    def pool(self, source: str) -> str:
        spec, place = self.specs[source], self.window(source, 3)
        pool, strides = place["kernel"], place["strides"]
        padding: Any = tuple((min(a, (k - 1) // 2), min(b, (k - 1) // 2)) for (a, b), k in zip(place["padding"], pool))
        if self.rng.random() < 0.5:
            return self.add(MaxPool2D(spec.type, pool, strides, padding), source)
        return self.add(AveragePool2D(spec.type, pool, strides, padding, spec.type), source)

    def larger(self, source: str) -> str:
        """Every pixel several times, or zeros around the image."""
        type_ = self.specs[source].type
        if self.rng.random() < 0.5:
            return self.add(UpSampling2D(type_, self.pick((1, 2), (2, 1), (2, 2), (1, 3))), source)
        (top, bottom), (left, right) = self.rng.integers(0, 4, (2, 2)).tolist()
        return self.add(ZeroPadding2D(type_, ((top, bottom), (left, right))), source)

    def head(self, source: str) -> str:
        """What ends the network: nothing, a dense layer and the largest class or a softmax, a global pool."""
        spec = self.specs[source]
        kind = self.pick("none", "dense", "dense", "mean", "largest")
        if kind == "dense":
            return self.dense(source, self.pick(True, False))
        if kind == "mean":
            return self.add(GlobalAveragePool2D(spec.type, Fixed(True, 2, 5)), source)
        return self.add(GlobalMaxPool2D(spec.type), source) if kind == "largest" else source

    def dense(self, source: str, decided: bool, outputs: int = 0) -> str:
        """A dense layer of so many outputs (two to four without it), decided by an argmax or a softmax."""
        spec = self.specs[source]
        count, outputs = int(np.prod(spec.shape)), outputs or int(self.rng.integers(2, 5))
        flat = self.add(Flatten(spec.type, (count,)), source)
        op = Dense(spec.type, self.weights(count, outputs), WEIGHT, self.weights(outputs), WEIGHT)
        name = self.add(op, flat)
        self.choices[name] = Choice(self.pick(*STRATEGIES))
        if decided and not any(isinstance(node.op, Argmax) for node in self.nodes):
            return self.add(Argmax(self.specs[name].type, self.specs[name].type.raw_min), name)
        six, eight = Fixed(False, 2, 4), Fixed(False, 0, 8)
        return self.add(Softmax(self.specs[name].type, six, eight, six, eight, eight), name) if decided else name

    def same(self, source: str, channels: int) -> str:
        """A 3×3 convolution that keeps the image's size; now and then with its zeros as an operator before it."""
        spec, place = self.specs[source], {"padding": ((1, 1), (1, 1))}
        if self.rng.random() < 0.25:
            source, place = self.add(ZeroPadding2D(spec.type, place["padding"]), source), {}
        kernel = self.weights(3, 3, spec.shape[2], channels)
        op = Conv2D(spec.type, kernel, WEIGHT, self.weights(channels), WEIGHT, **place)  # type: ignore[arg-type]
        name = self.add(op, source)
        self.choices[name] = Choice(self.pick(*STRATEGIES))
        return self.activation(name)

    # whole networks -----------------------------------------------------------------------------

    def chain(self, height: int, width: int, slow: bool = False) -> None:
        source = self.input((height, width, int(self.rng.integers(1, 3))))
        layers = {"conv": lambda x: self.convolution(x, slow), "pool": self.pool, "larger": self.larger}
        for layer in self.pick(
            *(("conv",), ("conv", "pool"), ("pool", "conv"), ("conv", "conv"), ("conv", "pool", "conv")),
            *(("larger", "conv"), ("conv", "larger", "pool"), ("larger", "pool"), ("conv", "pool", "larger")),
        ):
            source = layers[layer](source)
        self.outputs.append(self.head(source))

    def fork_and_join(self, height: int, width: int) -> None:
        """A skip connection around one or two convolutions, added or concatenated."""
        channels = int(self.rng.integers(1, 3))
        entry = self.same(self.input((height, width, channels)), 2)
        long = self.same(entry, 2)
        long = self.same(long, 2) if self.rng.random() < 0.5 else long
        operator: Any = self.pick(Add, Concatenate)
        joined = self.add(operator((PIXEL, PIXEL)), long, entry)
        self.outputs.append(self.head(self.activation(joined)))
