"""Models of Keras 3, and of HGQ2, which is made of it."""

from __future__ import annotations

from itertools import product
from typing import Any

from .case import HGQ, KERAS_3, Kit, Layers, Model, stacked
from .plain import API, behind_dense
from .windows import PADDINGS, POOLS, layer

MODELS: list[Model] = []


def add(file: str, name: str, shape: tuple[int, ...], layers: Layers, **more: Any) -> None:
    MODELS.append(stacked(file, name, shape, layers, library=KERAS_3, **more))


FILE = "test_keras_v3_api"
add(FILE, "dense", (1,), lambda layers, q: [layers.Dense(2, name="Dense"), layers.Activation("elu", name="Activation")])
for name, function in (API | {"leaky_relu": layer("LeakyReLU", negative_slope=0.5)}).items():
    add(FILE, f"activation {name}", (1,), behind_dense(function))


def _conv1d(padding: str, function: str) -> Layers:
    return lambda layers, q: [
        layers.Conv1D(32, 3, strides=2, padding=padding, activation=function, use_bias=False, name="conv"),
        layers.Activation("relu"),
    ]


for p, name in product(PADDINGS, ("elu", "relu")):
    add(FILE, f"conv1d {p} {name}", (128, 4), _conv1d(p, name))
for p in PADDINGS:
    add(FILE, f"conv2d {p}", (32, 32, 3), layer("Conv2D", 32, (2, 3), strides=(4, 5), padding=p, use_bias=False))
add(FILE, "depthwise2d", (32, 32, 3), layer("DepthwiseConv2D", 3), precision="fixed<32,12>")
add(FILE, "depthwise1d", (32, 3), layer("DepthwiseConv1D", 3))
for pool, p in product(POOLS, PADDINGS):
    two = "2D" in pool
    add(FILE, f"{pool} {p}", (18, 15, 3) if two else (121, 3), layer(pool, (4, 2) if two else 2, padding=p))


def _reused(kit: Kit) -> Any:
    """A layer that is called twice."""
    inputs, conv = [kit.input(10, 10) for _ in range(2)], kit.layers.Conv1D(2, 3, activation="relu")
    one, two = (conv(x) for x in inputs)
    both = kit.layers.Add()([one, two])
    return kit.model(inputs, [one, two, both, kit.layers.Dense(5)(both)])


MODELS.append(Model(FILE, "reused layer", _reused, precision="fixed<32,8>", library=KERAS_3))

EINSUMS: tuple[tuple[str, tuple[int, ...], Any, str | None], ...] = (
    ("bi,j->bij", (8,), (8, 7), None),
    ("bi,j->bij", (8,), (8, 7), "i"),
    ("bi,j->bij", (8,), (8, 7), "j"),
    ("bi,io->bo", (8,), 7, None),
    ("...i,oi->...o", (4, 3), (5,), None),
    *(("...abcd,bcde->...aeb", (5, 4, 3, 2), (5, 6, 4), bias) for bias in (None, "aeb", "ab", "a")),
)
for equation, shape, output, bias in EINSUMS:
    what = layer("EinsumDense", equation, output_shape=output, bias_axes=bias, name="einsum_dense")
    add("test_einsum_dense", f"{equation} bias {bias}", shape, what, precision="fixed<32,8>")


def _profiled(*sizes: int, last: str | None, norm: bool = False) -> Layers:
    def build(layers: Any, q: Any) -> Any:
        between = [layers.BatchNormalization(), layers.Activation("relu")] if norm else []
        return [layers.Dense(sizes[0], None if norm else "relu"), *between, layers.Dense(sizes[1], last)]

    return build


FILE = "test_keras_v3_profiling"
add(FILE, "simple", (10,), _profiled(20, 5, last="softmax"))
add(FILE, "activations", (10,), _profiled(20, 5, last=None))
add(FILE, "with hls", (8,), _profiled(16, 4, last="softmax"))
add(FILE, "batch norm", (10,), _profiled(20, 5, last="softmax", norm=True))
add(FILE, "conv", (28, 28, 1), lambda layers, q: [
    layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(10, "softmax"),
])  # fmt: skip


def _padded(dim: int) -> Any:
    """Zeros between two quantized convolutions of HGQ2."""

    def build(kit: Kit) -> Any:
        conv = getattr(kit.q, f"QConv{dim}D")
        shape, units, sides = ((16, 8), (4, 4), (2, 0)) if dim == 1 else ((8, 8, 4), (8, 8), ((1, 1), (1, 1)))
        zeros = getattr(kit.layers, f"ZeroPadding{dim}D")(padding=sides)
        return kit.stack(shape, conv(units[0], 1, name="c0"), zeros, conv(units[1], 3, padding="valid", name="c1"))

    return build


MODELS += [
    Model("test_bit_exact_zeropadding", f"{dim}d", _padded(dim), library=HGQ, low=-3.0, high=3.0, exact=True,
          precision="fixed<1,0>")
    for dim in (1, 2)
]  # fmt: skip


def _einsum(equation: str, *shapes: tuple[int, ...]) -> Any:
    def build(kit: Kit) -> Any:
        inputs = [kit.input(*shape) for shape in shapes]
        return kit.model(inputs, kit.q.QEinsum(equation, name="einsum")(inputs))

    return build


MODELS += [
    Model("test_qeinsum", equation, _einsum(equation, one, two), library=HGQ, low=-3.0, high=3.0, exact=True,
          precision="fixed<1,0>")
    for equation, one, two in (
        ("xbi,xj->xbij", (8, 16), (16,)),
        ("xbi,xio->xbo", (7, 8), (8, 9)),
        ("xi,xoi->xo", (16,), (20, 16)),
        ("xabcd,xbcde->xaeb", (2, 4, 8, 16), (4, 8, 16, 3)),
    )
]  # fmt: skip


def _attention(kit: Kit) -> Any:
    query, key, value = kit.input(8, 9), kit.input(12, 7), kit.input(12, 7)
    return kit.model([query, value, key], kit.q.QMultiHeadAttention(4, 8, name="mha", fuse="none")(query, key, value))


MODELS.append(Model("test_hgq2_mha", "attention", _attention, library=HGQ, low=-3.0, high=3.0, precision="fixed<1,0>"))
