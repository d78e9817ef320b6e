"""Layers without weights: pools, paddings, shapes, forks that join."""

from __future__ import annotations

from typing import Any

import numpy as np

from .grow import Grow, Params, Tensor, fitting
from .kinds import ALL, kind, of, qkeras
from .layers import D, dense


def _window(g: Grow, x: Tensor, p: Params) -> dict[str, Any]:
    found = fitting(x.shape, p | {"k": [max(k, 2) for k in p["k"]], "d": 1}, g.inside)
    return {"pool_size": found["kernel_size"], "strides": found["strides"], "padding": found["padding"]}


@kind("max_pool", 2, 3, libraries=ALL, weight=1.5, keeps=True, makes={
    "MaxPooling1D": of(2), "MaxPooling2D": of(3),
})  # fmt: skip
def max_pool(g: Grow, x: Tensor, p: Params) -> Tensor:
    name = g.name("maxpool")
    layer = getattr(g.k.layers, f"MaxPooling{D[len(x.shape) - 1]}")
    return g.rounded(layer(name=name, **_scalar(x, _window(g, x, p)))(x), p, name, always=False)


def _scalar(x: Tensor, given: dict[str, Any]) -> dict[str, Any]:
    """Keras's 1D pools take numbers."""
    if len(x.shape) == 4:
        return given
    return {key: value[0] if isinstance(value, list) else value for key, value in given.items()}


@kind("average_pool", 2, 3, weight=1.5, keeps=True, makes={
    "AveragePooling1D": of(2), "AveragePooling2D": of(3, alt=0), "QAveragePooling2D": qkeras(3, alt=1),
})  # fmt: skip
def average_pool(g: Grow, x: Tensor, p: Params) -> Tensor:
    name, given = g.name("avgpool"), _scalar(x, _window(g, x, p))
    if g.quantized and len(x.shape) == 4 and p["alt"] % 2:
        layer = g.q.QAveragePooling2D(
            name=name, average_quantizer="quantized_bits(8,0,alpha=1)", **given | {"padding": "valid"}
        )
        return g.rounded(layer(x), p, name)
    layer = getattr(g.k.layers, f"AveragePooling{D[len(x.shape) - 1]}")
    return g.untyped(layer(name=name, **given)(x), p, name, exact=True)


@kind("global_pool", 2, 3, to={2: 1, 3: 1}, makes={
    "GlobalAveragePooling1D": of(2, alt=0), "GlobalAveragePooling2D": of(3, alt=0), "GlobalMaxPooling1D": of(2, alt=1),
    "GlobalMaxPooling2D": of(3, alt=1), "QGlobalAveragePooling2D": qkeras(3, alt=2),
})  # fmt: skip
def global_pool(g: Grow, x: Tensor, p: Params) -> Tensor:
    d, name = D[len(x.shape) - 1], g.name("gpool")
    if p["alt"] % 2:
        return g.rounded(getattr(g.k.layers, f"GlobalMaxPooling{d}")(name=name)(x), p, name, always=False)
    if g.quantized and d == "2D" and p["alt"] % 4:
        layer = g.q.QGlobalAveragePooling2D(name=name, average_quantizer="quantized_bits(8,0,alpha=1)")
        return g.rounded(layer(x), p, name)
    return g.untyped(getattr(g.k.layers, f"GlobalAveragePooling{d}")(name=name)(x), p, name, exact=True)


@kind("pad", 2, 3, libraries=ALL, makes={"ZeroPadding1D": of(2), "ZeroPadding2D": of(3)})
def pad(g: Grow, x: Tensor, p: Params) -> Tensor:
    (a, b), (c, d) = p["k"], p["s"]
    name, rank = g.name("pad"), len(x.shape) - 1
    layer = getattr(g.k.layers, f"ZeroPadding{D[rank]}")
    size: Any = ((a - 1, b - 1), (c - 1, d - 1)) if rank == 3 else (a - 1, c)
    return g.rounded(layer(size, name=name)(x), p, name, always=False)


@kind("crop", 2, 3, libraries=ALL, makes={"Cropping1D": of(2, k=[2, 1]), "Cropping2D": of(3, k=[2, 2])})
def crop(g: Grow, x: Tensor, p: Params) -> Tensor:
    ends = [
        (min(k - 1, n - 1), min(s - 1, n - 1 - min(k - 1, n - 1))) for k, s, n in zip(p["k"], p["s"], x.shape[1:-1])
    ]
    name, rank = g.name("crop"), len(x.shape) - 1
    size: Any = tuple(ends) if rank == 3 else ends[0]
    return g.rounded(getattr(g.k.layers, f"Cropping{D[rank]}")(size, name=name)(x), p, name, always=False)


@kind("up", 2, 3, libraries=ALL, makes={"UpSampling1D": of(2, s=[2, 1]), "UpSampling2D": of(3, s=[2, 2])})
def up(g: Grow, x: Tensor, p: Params) -> Tensor:
    name, rank = g.name("up"), len(x.shape) - 1
    if np.prod(x.shape[1:]) > 150:
        return x
    size = tuple(min(s, 2) for s in p["s"])
    if rank == 3 and p["alt"] == 1 and not g.inside:
        return g.rounded(g.k.layers.UpSampling2D(size, interpolation="bilinear", name=name)(x), p, name)
    layer = getattr(g.k.layers, f"UpSampling{D[rank]}")
    return g.rounded(layer(size if rank == 3 else size[0] + 1, name=name)(x), p, name, always=False)


@kind("flatten", 2, 3, libraries=ALL, to={2: 1, 3: 1}, weight=1.5, makes={"Flatten": of()})
def flatten(g: Grow, x: Tensor, p: Params) -> Tensor:
    return g.k.layers.Flatten(name=g.name("flat"))(x)


@kind("reshape", 1, 2, libraries=ALL, to={1: 2, 2: 3}, recurrent=False, makes={"Reshape": of()})
def reshape(g: Grow, x: Tensor, p: Params) -> Tensor:
    rows = max(n for n in (1, 2, 3, 4) if x.shape[1] % n == 0)
    size = (rows, x.shape[1] // rows, *x.shape[2:])
    return g.k.layers.Reshape(size, name=g.name("shape"))(x)


@kind("permute", 2, 3, libraries=ALL, recurrent=False, makes={"Permute": of()})
def permute(g: Grow, x: Tensor, p: Params) -> Tensor:
    orders = [(2, 1)] if len(x.shape) == 3 else [(2, 1, 3), (3, 1, 2), (2, 3, 1), (1, 3, 2), (3, 2, 1)]
    return g.k.layers.Permute(orders[p["alt"] % len(orders)], name=g.name("permute"))(x)


@kind("repeat", 1, to={1: 2}, makes={"RepeatVector": of()})
def repeat(g: Grow, x: Tensor, p: Params) -> Tensor:
    return g.k.layers.RepeatVector(p["n"], name=g.name("repeat"))(x) if x.shape[-1] <= 32 else x


@kind("embed", 1, to={1: 2}, weight=0, first=True, recurrent=False, makes={"Embedding": of()})
def embed(g: Grow, x: Tensor, p: Params) -> Tensor:
    """Rows of a table; only as a network's first layer, whose input is made for it (model.py)."""
    name, rows = g.name("embed"), 2 ** (1 + p["r"] % 3)
    g.section(name, p, embeddings=g.fixed(p))
    return g.rounded(g.k.layers.Embedding(rows, p["n"], name=name)(x), p, name)


@kind("nothing", 1, 2, 3, libraries=ALL, weight=0.5, keeps=True, makes={
    "Dropout": of(alt=0), "GaussianNoise": of(alt=1), "GaussianDropout": of(alt=2), "AlphaDropout": of(alt=3),
    "ActivityRegularization": of(alt=5), "SpatialDropout1D": of(2, alt=6), "SpatialDropout2D": of(3, alt=6),
})  # fmt: skip
def nothing(g: Grow, x: Tensor, p: Params) -> Tensor:
    """Layers that only training knows."""
    layers, name = g.k.layers, g.name("drop")
    named = [layers.Dropout, layers.GaussianNoise, layers.GaussianDropout, layers.AlphaDropout]
    if p["alt"] == 5:
        return layers.ActivityRegularization(name=name)(x)
    if p["alt"] == 6 and len(x.shape) > 2:
        return getattr(layers, f"SpatialDropout{D[len(x.shape) - 1]}")(0.1, name=name)(x)
    return named[p["alt"] % 4](0.1, name=name)(x)


JOINS = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")


@kind("fork", 1, 2, 3, weight=2, makes={name: of(join=name) for name in JOINS} | {
    "Dot": of(1, join="Dot"), "Attention": of(2, join="Attention"),
    "MultiHeadAttention": of(2, join="MultiHeadAttention"),
})  # fmt: skip
def fork(g: Grow, x: Tensor, p: Params) -> Tensor:
    """Two branches of a tensor, or of it and an input of its own, joined."""
    outside, g.inside = g.inside, True
    start = g.input(tuple(x.shape[1:]), [6, 1]) if p.get("own") else x
    one, two = (g.layers(t, layers) for t, layers in zip((x, start), p["branches"]))
    g.inside = outside
    join = p["join"]
    if join in ("Dot", "Attention", "MultiHeadAttention"):
        from .sequences import meet

        return meet(g, one, two, p)
    if join != "Concatenate" and one.shape[-1] != two.shape[-1] and 1 not in (one.shape[-1], two.shape[-1]):
        two = _as_wide(g, two, int(one.shape[-1]), p)
    name = g.name("join")
    g.section(name, p)
    y = getattr(g.k.layers, join)(name=name)([one, two])
    if join == "Average":
        return g.untyped(y, p, name, exact=True)
    return g.rounded(y, p, name, always=join != "Concatenate")


def _as_wide(g: Grow, x: Tensor, channels: int, p: Params) -> Tensor:
    """The same tensor with another number of channels."""
    from .layers import conv

    changed = p | {"n": channels, "k": [1, 1], "alt": 0}
    return dense(g, x, changed) if len(x.shape) == 2 else conv(g, x, changed | {"s": [1, 1], "d": 1})
