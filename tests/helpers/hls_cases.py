"""Graphs for the HLS tests: one small graph for each operator and option, and many graphs joined into one.

A joined graph compiles in one run of g++; its cases share nothing, so a wrong case is named by its prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

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
from bitsmith.sim.ops.crop import Crop
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.depthwise_conv2d import DepthwiseConv2D
from bitsmith.sim.ops.dot import Dot
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.global_average_pool2d import GlobalAveragePool2D
from bitsmith.sim.ops.global_max_pool2d import GlobalMaxPool2D
from bitsmith.sim.ops.max_pool2d import MaxPool2D
from bitsmith.sim.ops.permute import Permute
from bitsmith.sim.ops.retype import Retype
from bitsmith.sim.ops.softmax import Softmax
from bitsmith.sim.ops.up_sampling2d import UpSampling2D
from bitsmith.sim.ops.zero_padding2d import ZeroPadding2D
from bitsmith.sim.params import NO_PADDING

S8, U8, S5 = Fixed(True, 3, 4), Fixed(False, 0, 8), Fixed(True, 0, 4)
SAME3 = ((1, 1), (1, 1))
RNG_SEED = 7
rng = np.random.default_rng(RNG_SEED)


def joined(graphs: Sequence[Graph]) -> Graph:
    """All graphs side by side; the names of number i begin with ``c<i>_``."""
    inputs, nodes, outputs = [], [], []
    for i, graph in enumerate(graphs):
        names = {name: f"c{i}_{name}" for name in [*dict(graph.inputs), *(n.name for n in graph.nodes)]}
        inputs += [(names[name], spec) for name, spec in graph.inputs]
        nodes += [replace(n, name=names[n.name], inputs=tuple(names[x] for x in n.inputs)) for n in graph.nodes]
        outputs += [names[name] for name in graph.outputs]
    return Graph("joined", tuple(inputs), tuple(nodes), tuple(outputs))


def raw(type: Fixed, *shape: int) -> IntArray:
    return rng.integers(type.raw_min, type.raw_max, shape, endpoint=True)


def chain(name: str, shape: tuple[int, ...], x: Fixed, *makers: Callable[[Spec], Operator]) -> Graph:
    """One operator after another; each is made for the spec of what comes before it."""
    spec, before, nodes = Spec(shape, x), "x", []
    for i, make in enumerate(makers):
        op = make(spec)
        spec = op.infer(spec)
        nodes.append(Node(f"{op.stem}_{i}", op, (before,)))
        before = nodes[-1].name
    return Graph(name, (("x", Spec(shape, x)),), tuple(nodes), (before,))


def conv(
    size: tuple[int, int],
    outputs: int,
    strides: tuple[int, int] = (1, 1),
    padding: tuple[tuple[int, int], tuple[int, int]] = NO_PADDING,
    dilation: tuple[int, int] = (1, 1),
    bias: bool = True,
    kernel_type: Fixed = S5,
) -> Callable[[Spec], Operator]:
    def make(x: Spec) -> Operator:
        kernel = raw(kernel_type, *size, x.shape[2], outputs)
        b = raw(S8, outputs) if bias else np.zeros(outputs, dtype=np.int64)
        return Conv2D(x.type, kernel, kernel_type, b, S8, strides, padding, dilation)

    return make


def depthwise(size: tuple[int, int], multiplier: int, **options: object) -> Callable[[Spec], Operator]:
    def make(x: Spec) -> Operator:
        kernel, bias = raw(S5, *size, x.shape[2], multiplier), raw(S8, x.shape[2] * multiplier)
        return DepthwiseConv2D(x.type, kernel, S5, bias, S8, **options)  # type: ignore[arg-type]

    return make


def dense(outputs: int, kernel_type: Fixed = S5) -> Callable[[Spec], Operator]:
    def make(x: Spec) -> Operator:
        return Dense(x.type, raw(kernel_type, x.shape[0], outputs), kernel_type, raw(S8, outputs), S8)

    return make


def activation(kind: Kind, y: Fixed = U8, **options: object) -> Callable[[Spec], Operator]:
    return lambda x: Activation(x.type, kind, y, **options)  # type: ignore[arg-type]


def retype(x: Spec) -> Operator:
    """A type for each channel, one of no bits among them, rounded and saturated."""
    c = np.arange(x.shape[-1])
    return Retype(x.type, c % 2, 2 - c % 2, np.where(c % 3 == 2, -2, c % 3), Rounding.RND_CONV, Overflow.SAT)


def hard_sigmoid(x: Spec) -> Operator:
    """Keras 2's: 0.2 x + 0.5 between 0 and 1."""
    slope, half, one = Constant.of(0.2, 26), Constant(1, 1), Constant(1)
    return Activation(x.type, Kind.HARD_SIGMOID, U8, slope=slope, offset=half, lower=Constant(0), upper=one)


def max_pool(
    pool: tuple[int, int], strides: tuple[int, int], padding: object = NO_PADDING
) -> Callable[[Spec], Operator]:
    return lambda x: MaxPool2D(x.type, pool, strides, padding)  # type: ignore[arg-type]


def average(
    pool: tuple[int, int],
    strides: tuple[int, int],
    padding: object = NO_PADDING,
    rounding: Rounding = Rounding.RND_CONV,
) -> Callable[[Spec], Operator]:
    return lambda x: AveragePool2D(x.type, pool, strides, padding, S8, rounding)  # type: ignore[arg-type]


def flatten(x: Spec) -> Operator:
    return Flatten(x.type, (int(np.prod(x.shape)),))


def batch_norm(bits: int) -> Callable[[Spec], Operator]:
    scale = Fixed(True, 1, bits - 2)
    return lambda x: BatchNorm(x.type, raw(scale, x.shape[-1]), scale, raw(S8, x.shape[-1]), S8)


def softmax(x: Spec) -> Operator:
    unit = Fixed(False, 1, 10)
    return Softmax(x.type, Fixed(False, 3, 5), unit, Fixed(False, 3, 6), unit, Fixed(False, 0, 8))


def argmax(x: Spec) -> Operator:
    return Argmax(x.type, x.type.raw_max // 2)


def windows() -> list[Graph]:
    """Convolutions and pools."""
    image = (6, 7, 3)
    return [
        chain("conv_valid", image, S8, conv((3, 3), 2)),
        chain("conv_no_bias", image, U8, conv((2, 3), 5, bias=False)),
        chain("conv_same", image, U8, conv((3, 3), 2, padding=SAME3)),
        chain("conv_same_uneven", image, S8, conv((2, 4), 3, padding=((0, 1), (1, 2)))),
        chain("conv_stride", image, S8, conv((3, 3), 2, strides=(2, 2))),
        chain("conv_stride_same", image, S8, conv((3, 3), 2, (2, 3), SAME3)),
        chain("conv_pointwise", image, S8, conv((1, 1), 4)),
        chain("conv_pointwise_stride", image, S8, conv((1, 1), 2, strides=(2, 2))),
        chain("conv_row_stride", image, S8, conv((1, 3), 2, strides=(3, 1))),
        chain("conv_stride_beyond_kernel", image, S8, conv((2, 2), 2, strides=(3, 3))),
        chain("conv_dilation_2", (9, 9, 1), S8, conv((3, 3), 2, dilation=(2, 2))),
        chain("conv_dilation_4", (9, 10, 1), S8, conv((3, 2), 1, dilation=(4, 4))),
        chain("conv_ternary", image, S8, conv((3, 3), 3, kernel_type=Fixed(True, 1, 0))),
        chain("conv_one_bit", image, Fixed(False, 1, 0), conv((3, 3), 3, kernel_type=Fixed(False, 1, 0))),
        chain("conv1d", (1, 12, 3), S8, conv((1, 4), 2)),
        chain("conv1d_same_stride", (1, 12, 3), S8, conv((1, 3), 5, (1, 2), ((0, 0), (1, 1)))),
        chain("conv1d_dilation", (1, 12, 3), S8, conv((1, 3), 2, dilation=(1, 2))),
        chain("depthwise", image, S8, depthwise((3, 3), 1)),
        chain("depthwise_multiplier", image, U8, depthwise((3, 2), 3, strides=(1, 2), padding=((1, 1), (0, 1)))),
        chain("depthwise_odd_channels", (16, 5, 1), S8, depthwise((3, 3), 1, padding=SAME3)),
        chain("max_pool", image, S8, max_pool((2, 2), (2, 2))),
        chain("max_pool_odd", (7, 5, 2), S8, max_pool((2, 3), (2, 3))),
        chain("max_pool_overlap", image, S8, max_pool((3, 3), (1, 2))),
        chain("max_pool_1_stride_2", image, S8, max_pool((1, 1), (2, 2))),
        chain("max_pool_same", image, S8, max_pool((3, 3), (2, 2), SAME3)),
        chain("max_pool_1d", (1, 9, 2), S8, max_pool((1, 2), (1, 2))),
        chain("average_pool", image, S8, average((2, 2), (2, 2))),
        chain("average_pool_3", image, U8, average((3, 3), (3, 3), rounding=Rounding.TRN)),
        chain("average_pool_same", image, S8, average((3, 3), (2, 2), SAME3)),
        chain("average_pool_1d", (1, 9, 2), S8, average((1, 3), (1, 2), ((0, 0), (1, 1)), Rounding.RND)),
        chain("global_max", image, S8, lambda x: GlobalMaxPool2D(x.type)),
        chain("global_average", image, S8, lambda x: GlobalAveragePool2D(x.type, Fixed(True, 3, 6))),
    ]


def others() -> list[Graph]:
    """Element-wise operators, vectors, joins."""
    image, narrow, fine = (3, 4, 2), Fixed(True, 1, 2), Fixed(True, -3, 9)
    graphs = [chain(f"linear_{r.value}", image, S8, activation(Kind.LINEAR, narrow, rounding=r)) for r in Rounding]
    graphs += [chain(f"linear_{o.value}", image, S8, activation(Kind.LINEAR, narrow, overflow=o)) for o in Overflow]
    return [
        *graphs,
        chain("relu", image, S8, activation(Kind.RELU)),
        chain("relu6", image, Fixed(True, 4, 3), activation(Kind.RELU, Fixed(False, 3, 1), upper=Constant(6))),
        chain("leaky_relu", image, S8, activation(Kind.LEAKY_RELU, S8, slope=Constant(3, 4))),
        chain("leaky_relu_fifth", image, S8, activation(Kind.LEAKY_RELU, S8, slope=Constant.of(0.2, 26))),
        chain("absolute", image, S8, activation(Kind.ABSOLUTE, Fixed(False, 4, 1))),
        chain("absolute_unsigned", image, U8, activation(Kind.ABSOLUTE, narrow)),
        chain("up_sampling", image, S8, lambda x: UpSampling2D(x.type, (2, 3))),
        chain("up_sampling_conv", image, S8, lambda x: UpSampling2D(x.type, (2, 2)), conv((3, 3), 2)),
        chain("zero_padding", image, S8, lambda x: ZeroPadding2D(x.type, ((1, 2), (3, 0)))),
        chain(
            "zero_padding_pool", image, S8, lambda x: ZeroPadding2D(x.type, ((2, 0), (0, 3))), max_pool((2, 2), (2, 2))
        ),
        chain("crop", image, S8, lambda x: Crop(x.type, (1, 3), (0, 3), (1, 2))),
        chain("hard_sigmoid", image, S8, hard_sigmoid),
        chain("hard_tanh", image, S8, activation(Kind.HARD_TANH, S8, lower=Constant(-1), upper=Constant(1))),
        chain("sigmoid", image, S8, activation(Kind.TABLE, function="sigmoid", table_type=S8)),
        chain("tanh_8", image, Fixed(True, 5, 8), activation(Kind.TABLE, S8, function="tanh", table_type=S8)),
        chain("tanh_5", image, S8, activation(Kind.TABLE, S8, function="tanh", table_type=Fixed(True, 2, 2))),
        chain("retype", image, S8, retype),
        chain("batch_norm", image, S8, batch_norm(8)),
        chain("batch_norm_24", (5,), S8, batch_norm(24)),
        chain("dense", (7,), S8, dense(3)),
        chain("dense_integer_kernel", (7,), Fixed(False, 4, 0), dense(3, Fixed(True, 1, 0))),
        chain("flatten_dense", image, S8, flatten, dense(3)),
        chain("flatten_relu", image, S8, flatten, activation(Kind.RELU)),
        chain("flatten", image, S8, flatten),
        chain("wider_pixels", (4, 6, 2), S8, lambda x: Flatten(x.type, (4, 3, 4))),
        chain("narrower_pixels", (2, 3, 4), S8, lambda x: Flatten(x.type, (4, 2, 3))),
        chain("permute", (3, 4, 2), S8, lambda x: Permute(x.type, (1, 2, 0))),
        scalar_product(5),
        chain("softmax", (5,), S8, softmax),
        chain("softmax_image", image, S8, softmax),
        chain("dense_argmax", (6,), S8, dense(5), argmax),
        chain("coarse", (4,), Fixed(True, 6, -2), dense(2, Fixed(True, 3, -1))),
        chain("fine", (4,), fine, dense(2, Fixed(False, -2, 8)), activation(Kind.LINEAR, Fixed(True, -3, 7))),
        chain("far_below_half", (4,), fine, activation(Kind.RELU, Fixed(False, 12, -6))),
        fork_and_join(image),
        two_inputs(image),
        many_readers(image, 7, 1),
        awkward_names(),
    ]


def fork_and_join(shape: tuple[int, ...]) -> Graph:
    """A skip connection, a concatenation of three, and an inner tensor that is an output too."""
    x = Spec(shape, S8)
    same = conv((3, 3), 2, padding=SAME3)(x)
    relu = Activation(same.infer(x).type, Kind.RELU, S8)
    add = Add((S8, S8))
    total = Activation(add.output_type, Kind.LINEAR, S8)
    nodes = (
        Node("conv", same, ("x",)),
        Node("relu", relu, ("conv",)),
        Node("add", add, ("x", "relu")),
        Node("total", total, ("add",)),
        Node("join", Concatenate((S8, S8, S8)), ("total", "relu", "total")),
    )
    return Graph("fork", (("x", x),), nodes, ("join", "relu"))


def two_inputs(shape: tuple[int, ...]) -> Graph:
    """Different types into one sum."""
    types = (S8, U8)
    inputs = (("a", Spec(shape, types[0])), ("b", Spec(shape, types[1])))
    return Graph("two", inputs, (Node("add", Add(types), ("a", "b")),), ("add",))


def scalar_product(size: int) -> Graph:
    types = (S8, U8)
    inputs = (("a", Spec((size,), types[0])), ("b", Spec((size,), types[1])))
    return Graph("product", inputs, (Node("dot", Dot(types, size), ("a", "b")),), ("dot",))


def many_readers(shape: tuple[int, ...], of_input: int, of_inner: int) -> Graph:
    """An input that so many read, and so many a tensor behind it, which is an output as well."""
    x = Spec(shape, Fixed(True, 4, 3))
    inner = Node("inner", Activation(x.type, Kind.RELU, x.type), ("x",))
    of_x, of_y = summed("x", x.type, of_input - 1), summed("inner", x.type, of_inner)
    outputs = ("inner", *(nodes[-1].name for nodes in (of_x, of_y) if nodes))
    return Graph("readers", (("x", x),), (inner, *of_x, *of_y), outputs)


def summed(source: str, type: Fixed, readers: int) -> list[Node]:
    """``readers`` of a tensor: how many of them there are, times what it holds."""
    total = type
    nodes = [Node(f"{source}_1", Activation(type, Kind.LINEAR, type), (source,))][:readers]
    for reader in range(2, readers + 1):
        add = Add((total, type))
        nodes.append(Node(f"{source}_{reader}", add, (nodes[-1].name, source)))
        total = add.output_type
    return nodes


def awkward_names() -> Graph:
    """Names that hls4ml makes itself: of a copied stream, of the padding before a convolution."""
    x = Spec((4, 4, 1), S8)
    first = conv((3, 3), 1, padding=SAME3)(x)
    y = first.infer(x)
    nodes = (
        Node("zp2d_clone_x", first, ("layer3_out",)),
        Node("clone_zp2d", Activation(y.type, Kind.RELU, S8), ("zp2d_clone_x",)),
        Node("zp2d_clone_x_cpy1", Activation(y.type, Kind.LINEAR, S8), ("zp2d_clone_x",)),
        Node("config2", Add((S8, S8)), ("clone_zp2d", "zp2d_clone_x_cpy1")),
    )
    return Graph("names", (("layer3_out", x),), nodes, ("config2",))
