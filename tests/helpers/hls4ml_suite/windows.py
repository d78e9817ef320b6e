"""Layers with windows, and those that move pixels: convolutions, pools, padding, cropping, up-sampling."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

from .case import Layers, Model, stacked

PADDINGS = ("same", "valid")
MODELS: list[Model] = []


def layer(class_name: str, *given: Any, **named: Any) -> Layers:
    """One layer by its class."""
    return lambda layers, q: [getattr(layers, class_name)(*given, **named)]


def add(file: str, name: str, shape: tuple[int, ...], layers: Layers, **more: Any) -> None:
    MODELS.append(stacked(file, name, shape, layers, **more))


for dim, p, n, size in product((1, 2), PADDINGS, (1, 2), (2, 3)):
    what, shape = f"{p} strides {n} kernel {size}", (16, 4) if dim == 1 else (16, 16, 3)
    common: dict[str, Any] = {"kernel_size": size, "strides": n, "padding": p, "use_bias": False}
    add(f"test_depthconv{dim}d", what, shape, layer(f"DepthwiseConv{dim}D", **common), precision="fixed<32,8>")
    add(f"test_sepconv{dim}d", what, shape, layer(f"SeparableConv{dim}D", filters=8, **common), precision="fixed<32,8>")

for p, n in product(PADDINGS, (1, 2)):
    add("test_pointwiseconv", f"1d {p} strides {n}", (28, 3), precision="fixed<32,16>",
        layers=layer("Conv1D", 32, 1, strides=n, padding=p, use_bias=False, name="pointwise1d"))  # fmt: skip
    add("test_pointwiseconv", f"2d {p} strides {n}", (28, 28, 3), precision="fixed<32,9>",
        layers=layer("Conv2D", 32, 1, strides=n, padding=p, use_bias=False, name="pointwise2d"))  # fmt: skip
add("test_pointwiseconv", "config", (8, 8, 3), layer("Conv2D", 8, 1, use_bias=False, name="conv2d_1x1"))


def _conv_relu(padding: str) -> Layers:
    return lambda layers, q: [
        layers.Conv1D(32, 3, padding=padding, activation="relu", use_bias=False),
        layers.Activation("relu"),
    ]


for p in PADDINGS:
    add("test_keras_api", f"conv1d {p}", (128, 4), _conv_relu(p))
    add("test_keras_api", f"conv2d {p}", (28, 28, 3), layer("Conv2D", 32, 4, strides=4, padding=p, use_bias=False))
add("test_keras_api", "depthwise2d", (32, 32, 3), layer("DepthwiseConv2D", 3), precision="fixed<32,12>")
add("test_keras_api", "depthwise1d", (32, 3), layer("DepthwiseConv1D", 3))
POOLS = ("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D")
for pool, p in product(POOLS, PADDINGS):
    add("test_keras_api", f"{pool} {p}", (18, 15, 3) if "2D" in pool else (121, 3), layer(pool, padding=p))

for kind, p, one in (
    ("Max", "valid", None), ("Max", "same", None), ("Average", "valid", None), ("Average", "same", None),
    ("Max", "same", 4), ("Average", "valid", 1),
):  # fmt: skip
    step = {} if one is None or kind == "Max" else {"strides": one}  # the test gives a maximum none
    add("test_pooling", f"1d {kind} {p} {one}", (124, 5), layer(f"{kind}Pooling1D", 3, padding=p, **step),
        precision="fixed<32,9>")  # fmt: skip
for kind, p, pair in (
    ("Max", "valid", None), ("Max", "same", None), ("Average", "valid", None), ("Average", "same", None),
    ("Max", "same", (4, 2)), ("Average", "valid", (1, 3)),
):  # fmt: skip
    add("test_pooling", f"2d {kind} {p} {pair}", (124, 124, 5), layer(f"{kind}Pooling2D", padding=p, strides=pair),
        precision="fixed<32,9>")  # fmt: skip
for dim, kind, keep in product((1, 2), ("Max", "Average"), (True, False)):
    shape = (18, 6) if dim == 1 else (18, 18, 6)
    add("test_globalpooling", f"{dim}d {kind} keepdims {keep}", shape,
        layer(f"Global{kind}Pooling{dim}D", keepdims=keep), precision="fixed<32,9>")  # fmt: skip

SIDES = ((1, 2), (3, 4))
for file, what, in_1d, in_2d in (
    ("test_cropping", "Cropping", {"cropping": SIDES[1]}, {"cropping": SIDES}),
    ("test_zeropadding", "ZeroPadding", {"padding": SIDES[1]}, {"padding": SIDES}),
    ("test_upsampling", "UpSampling", {"size": 2}, {"size": (2, 2)}),
):
    add(file, "1d", (8, 4), layer(f"{what}1D", **in_1d), precision="fixed<32,1>")
    add(file, "2d", (6, 8, 4), layer(f"{what}2D", **in_2d), precision="fixed<32,1>")

add("test_causalpadding", "conv1d", (100, 1), layer("Conv1D", 1, 5, padding="causal"), precision="fixed<32,16>",
    high=9.0, whole=True)  # fmt: skip
add("test_conv1d_narrow", "conv1d", (11, 3), layer("Conv1D", 5, 9))
add("test_conv2d_narrow", "conv2d", (5, 5, 3), layer("Conv2D", 5, 4))


def _unrolled(dim: int) -> Layers:
    return lambda layers, q: [getattr(layers, f"Conv{dim}D")(4, 3), layers.Flatten(), layers.Dense(1)]


for dim, reuse in product((1, 2), (1, 3, 9, 27, 54, 108)):
    add("test_dense_unrolled", f"conv{dim}d, reuse {reuse}", (*[8] * dim, 3), _unrolled(dim), precision="fixed<32,16>",
        reuse=reuse)  # fmt: skip


def _auto(dim: int, first: str) -> Layers:
    def build(layers: Any, q: Any) -> Any:
        conv: Callable[..., Any] = getattr(layers, f"Conv{dim}D")
        pool = getattr(layers, f"AveragePooling{dim}D")(2, name="first_pool")
        begin = getattr(layers, f"{first}{dim}D")(8, 3, name="first_layer")
        middle = conv(4, 2 if dim == 1 else 3, activation="relu", name="middle_layer")
        last = conv(4, 1, activation="relu", name="last_layer")
        return [begin, pool, layers.ReLU(name="first_act"), middle, last, layers.Flatten(), layers.Dense(4, "relu")]

    return build


for dim, first in product((1, 2), ("Conv", "SeparableConv")):
    add("test_auto_precision", f"{first}{dim}D", (12, 4) if dim == 1 else (10, 12, 4), _auto(dim, first))


def _two_separable(layers: Any, q: Any) -> Any:
    return [layers.SeparableConv2D(n, 3, padding="same", activation="relu") for n in (4, 8)]


add("test_fifo_depth", "two separable", (64, 64, 3), _two_separable, precision="fixed<32,16>")


def _distributed(layers: Any, q: Any) -> Any:
    return [
        layers.TimeDistributed(layers.Conv2D(4, 3, kernel_initializer="ones", use_bias=False)),
        layers.TimeDistributed(layers.MaxPooling2D(2)),
    ]


add(
    "test_time_distributed",
    "conv and pool",
    (5, 10, 10, 3),
    _distributed,
    precision="fixed<10,8>",
    steps=2,
    high=4.0,
    whole=True,
)
