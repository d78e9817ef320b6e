"""The small networks that faults are planted in: chains side by side that together hold every kind of core.

Elements have few bits and frames few beats, so that a verification is short and a proof about one module stays small.
But for those of ``ROWS`` a frame has at most ``FEW_BITS``: all frames that there are can be tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from hardware import Case, draw, side_by_side

from bitsmith.sim.cast import Cast
from bitsmith.sim.fixed import Constant, Fixed, Overflow, Rounding
from bitsmith.sim.graph import Graph
from bitsmith.sim.op import Operator, Shape, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.argmax import Argmax
from bitsmith.sim.ops.average import Average
from bitsmith.sim.ops.average_pool2d import AveragePool2D
from bitsmith.sim.ops.batch_norm import BatchNorm
from bitsmith.sim.ops.concatenate import Concatenate
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.conv2d_transpose import Conv2DTranspose
from bitsmith.sim.ops.crop import Crop
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.depthwise_conv2d import DepthwiseConv2D
from bitsmith.sim.ops.dot import Dot
from bitsmith.sim.ops.embedding import Embedding
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.gdn import GDN
from bitsmith.sim.ops.global_average_pool2d import GlobalAveragePool2D
from bitsmith.sim.ops.global_max_pool2d import GlobalMaxPool2D
from bitsmith.sim.ops.log_softmax import LogSoftmax
from bitsmith.sim.ops.matmul import Matmul
from bitsmith.sim.ops.max_pool2d import MaxPool2D
from bitsmith.sim.ops.maximum import Maximum
from bitsmith.sim.ops.minimum import Minimum
from bitsmith.sim.ops.multiply import Multiply
from bitsmith.sim.ops.permute import Permute
from bitsmith.sim.ops.prelu import PReLU
from bitsmith.sim.ops.repeat_vector import RepeatVector
from bitsmith.sim.ops.retype import Retype
from bitsmith.sim.ops.reverse import Reverse
from bitsmith.sim.ops.softmax import Softmax
from bitsmith.sim.ops.subtract import Subtract
from bitsmith.sim.ops.up_sampling2d import UpSampling2D
from bitsmith.sim.ops.zero_padding2d import ZeroPadding2D

S3, S4, U3, U4 = Fixed(True, 1, 1), Fixed(True, 1, 2), Fixed(False, 1, 2), Fixed(False, 2, 2)
INDEX, WEIGHT, UNIT, TABLE = Fixed(False, 3, 0), Fixed(True, 0, 3), Fixed(False, 1, 5), Fixed(False, 2, 2)
S2, U2 = Fixed(True, 1, 0), Fixed(False, 1, 1)
IMAGE: Shape = (4, 5, 1)
FEW_BITS = 16
ROWS = ("windows", "pixels")
"""Networks for the Verilog alone, with images of too many bits for all frames of them."""
Layer = dict[str, Any]


@dataclass(frozen=True)
class Network:
    """A graph and the configuration that it is built with."""

    graph: Graph
    config: Layer


def rounded(source: Operator, *shapes: Spec, to: Fixed = U3, kind: Kind = Kind.LINEAR, **modes: Any) -> Activation:
    """What rounds and saturates behind an operator."""
    options = {"rounding": Rounding.RND_CONV, "overflow": Overflow.SAT} | modes
    return Activation(source.infer(*shapes).type, kind, to, **options)


def behind(op: Operator, *inputs: Spec, layer: Layer | None = None, **modes: Any) -> Case:
    """The operator with such a rounding behind it."""
    return Case(op, inputs, layer=layer or {}, after=(rounded(op, *inputs, **modes),))


def shared(strategy: str, reuse: int = 1) -> Layer:
    return {"Strategy": strategy, "ReuseFactor": reuse}


def conv(shape: Shape = IMAGE, out: int = 2, **more: Any) -> Conv2D:
    return Conv2D(S4, draw(WEIGHT, 2, 2, shape[2], out), WEIGHT, draw(WEIGHT, out), WEIGHT, **more)


def dense(inputs: int, outputs: int) -> Dense:
    return Dense(S4, draw(WEIGHT, inputs, outputs), WEIGHT, draw(WEIGHT, outputs), WEIGHT)


def windows() -> dict[str, Case]:
    """Line buffers, in each strategy, and the roundings behind them."""
    image, two = Spec(IMAGE, S4), Spec((3, 4, 2), S4)
    wide = Rounding.RND_INF, Overflow.SAT_SYM
    pool = AveragePool2D(S4, (2, 2), (1, 2), ((0, 1), (0, 1)), S3, Rounding.RND, Overflow.SAT)
    by_channel = DepthwiseConv2D(S4, draw(WEIGHT, 2, 2, 2, 1), WEIGHT, draw(WEIGHT, 2), WEIGHT)
    return {
        "same": behind(conv(padding=((0, 1), (0, 1))), image, to=S3),
        "shared": behind(conv(), image, kind=Kind.RELU, layer=shared("resource", 4)),
        "adders": behind(conv(strides=(2, 1)), image, to=S3, layer=shared("distributed_arithmetic"), rounding=wide[0]),
        "depthwise": behind(by_channel, two, to=S3, overflow=wide[1]),
        "largest": Case(MaxPool2D(S4, (2, 2), (2, 2), ((0, 0), (0, 1))), (image,)),
        "mean": Case(pool, (image,)),
    }


def panes() -> dict[str, Case]:
    """Windows over images of a few bits."""
    image, two = Spec((2, 4, 1), S2), Spec((2, 2, 2), S2)
    pool = AveragePool2D(S2, (2, 2), (1, 2), ((0, 1), (1, 0)), S3, Rounding.RND_CONV, Overflow.SAT)
    kernel, bias = draw(WEIGHT, 2, 2, 1, 2), draw(WEIGHT, 2)
    padded = Conv2D(S2, kernel, WEIGHT, bias, WEIGHT, padding=((1, 0), (0, 1)))
    by_channel = DepthwiseConv2D(
        S2, draw(WEIGHT, 2, 2, 2, 2), WEIGHT, draw(WEIGHT, 4), WEIGHT, padding=((0, 1), (1, 0))
    )
    return {
        "same": behind(padded, image, to=S3, layer=shared("resource", 4)),
        "depthwise": behind(by_channel, two, to=S3),
        "largest": Case(MaxPool2D(S2, (2, 2), (1, 2), ((0, 1), (0, 1))), (image,)),
        "mean": Case(pool, (image,)),
        "turned": Case(Permute(S2, (1, 0, 2)), (two,)),
    }


def joins() -> dict[str, Case]:
    """Several streams into one."""
    row = (1, 2, 1)
    each: dict[str, Operator] = {
        "sum": Add((S4, S3)),
        "difference": Subtract((S4, U3)),
        "product": Multiply((S4, U3)),
        "larger": Maximum((S4, U3)),
        "smaller": Minimum((S4, S3)),
        "mean": Average((S3, S3, S2), Cast(S2, Rounding.RND_CONV, Overflow.SAT)),
        "beside": Concatenate((S4, S4)),
    }
    found = {n: Case(op, tuple(Spec(row, t) for t in vars(op)["input_types"])) for n, op in each.items()}
    found["channels"] = Case(Multiply((S3, S2)), (Spec((2, 2, 1), S3), Spec((1, 1, 1), S2)))
    dot, matrix, two = Dot((S4, U3), 2), Matmul((S2, U2), 2, 2), Spec((1, 2, 2), S2)
    found["dot"] = behind(dot, Spec((2,), S4), Spec((2,), U3), to=S4)
    found["matrix"] = Case(matrix, (two, Spec((1, 2, 2), U2)), layer=shared("latency", 2))
    return found


def vectors() -> dict[str, Case]:
    """Vectors, value by value, and what decides."""
    three, pixels = Spec((3,), S4), Spec((1, 2, 2), S4)
    signs, whole, fractions = np.array([1, 0, 1]), np.array([0, 1, 1]), np.array([1, 1, 0])
    table: Layer = {"function": "tanh", "table_type": S4}
    hard: Layer = {"slope": Constant(1, 1), "offset": Constant(1, 1), "lower": Constant(0), "upper": Constant(1)}
    soft = Softmax(S4, TABLE, UNIT, TABLE, UNIT, Fixed(False, 0, 6))
    logarithm = LogSoftmax(S4, TABLE, UNIT, TABLE, UNIT, Fixed(True, 3, 2))
    return {
        "latency": behind(dense(3, 2), three, to=S3),
        "shared": behind(dense(4, 2), Spec((4,), S4), to=S3, layer=shared("resource", 4), rounding=Rounding.RND_ZERO),
        "adders": behind(dense(3, 2), three, layer=shared("distributed_arithmetic"), kind=Kind.RELU),
        "scale": Case(BatchNorm(S4, draw(WEIGHT, 2), WEIGHT, draw(WEIGHT, 2), WEIGHT), (pixels,)),
        "slopes": Case(PReLU(S4, draw(WEIGHT, 2), WEIGHT), (pixels,)),
        "types": Case(Retype(S4, signs, whole, fractions, Rounding.RND, Overflow.SAT), (three,)),
        "curve": Case(Activation(S4, Kind.TABLE, S3, Rounding.RND, Overflow.SAT, **table), (pixels,)),
        "line": Case(Activation(S4, Kind.HARD_SIGMOID, U3, Rounding.RND, Overflow.SAT, **hard), (pixels,)),
        "rows": Case(Embedding(INDEX, draw(S4, 5, 2), S4), (Spec((1, 3, 1), INDEX),)),
        "softmax": Case(soft, (Spec((1, 2, 2), S4),)),
        "logarithm": Case(logarithm, (Spec((1, 2, 2), S4),)),
        "decision": Case(Argmax(S4, 1), (Spec((4,), S4),)),
    }


def moves() -> dict[str, Case]:
    """What moves pixels about, and what sums a whole image up."""
    image, wide, two = Spec((2, 2, 1), S4), Spec((2, 4, 1), S2), Spec((2, 2, 2), S2)
    up = Conv2DTranspose(S4, draw(WEIGHT, 3, 3, 1, 2), WEIGHT, draw(WEIGHT, 2), WEIGHT, (2, 2), ((1, 0), (1, 0)))
    return {
        "transposed": behind(up, image, to=S3),
        "larger": Case(UpSampling2D(S4, (2, 2)), (image,)),
        "zeros": Case(ZeroPadding2D(S4, ((1, 0), (0, 2))), (image,)),
        "crop": Case(Crop(S2, (1, 2), (1, 3), (0, 1)), (wide,)),
        "turned": Case(Permute(S2, (1, 0, 2)), (two,)),
        "shape": Case(Flatten(S2, (8,)), (two,)),
        "mean": Case(GlobalAveragePool2D(S4, S3, Rounding.RND_CONV, Overflow.SAT), (image,)),
        "largest": Case(GlobalMaxPool2D(S2), (two,)),
    }


def roots() -> dict[str, Case]:
    """Divisive normalization: squares, sums, a root by tables, products."""
    square = np.array([[3, 1], [2, 5]])
    op = GDN(S4, square, U4, np.array([3, 9]), U4, Cast(Fixed(False, 1, 5)), segments=4, width=12)
    return {"gdn": behind(op, Spec((1, 2, 2), S4), to=S4)}


def steps() -> dict[str, Case]:
    """State from step to step."""
    gru, lstm, rnn = (import_module(f"test_{stem}").case for stem in ("gru", "lstm", "simple_rnn"))
    tables = {"functions": ("sigmoid", "tanh"), "gate": Fixed(False, 0, 6)}
    inner = {"gate_input": Cast(S4, Rounding.RND, Overflow.SAT), "candidate_input": Cast(S4)}
    return {
        "gru": gru(2, units=1, x=S2, reset_product=Cast(S4)),
        "lstm": lstm(2, units=1, x=S2, **tables, **inner),
        "rnn": rnn(3, units=2, x=S2, return_sequences=False),
        "again": Case(RepeatVector(S4, 3), (Spec((2,), S4),)),
        "backwards": Case(Reverse(S2), (Spec((1, 3, 2), S2),)),
    }


def pixels() -> dict[str, Case]:
    """Two pixels in each cycle."""
    image = Spec((3, 5, 1), S4)
    return {
        "same": behind(conv(padding=((0, 1), (1, 0))), image, to=S3),
        "crop": Case(Crop(S4, (1, 3), (1, 4), (0, 1)), (image,)),
        "largest": Case(MaxPool2D(S4, (2, 2), (1, 2)), (image,)),
        "sum": Case(Add((S4, S3)), (image, Spec((3, 5, 1), S3))),
        "dense": behind(dense(3, 2), Spec((3,), S4), to=S3),
    }


KINDS: dict[str, tuple[Callable[[], dict[str, Case]], dict[str, Any]]] = {
    "windows": (windows, {}),
    "panes": (panes, {}),
    "joins": (joins, {}),
    "vectors": (vectors, {}),
    "moves": (moves, {}),
    "roots": (roots, {}),
    "steps": (steps, {"interleaved_sequences": 2}),
    "pixels": (pixels, {"pixels_per_cycle": 2}),
}


def network(name: str) -> Network:
    """One of ``KINDS`` as a graph; a chain's names begin with its own."""
    make, settings = KINDS[name]
    cases = make()
    graphs = {case: made.graph(f"{case}_x") for case, made in cases.items()}
    layers = {f"{case}_x": dict(made.layer) for case, made in cases.items() if made.layer}
    whole = side_by_side(graphs)
    graph = Graph(name, whole.inputs, whole.nodes, whole.outputs)
    return Network(graph, {"Bitsmith": settings, "HLSConfig": {"LayerName": layers}})
