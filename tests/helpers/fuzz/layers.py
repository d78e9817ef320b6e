"""Layers with weights, functions of one value, and joins."""

from __future__ import annotations

from typing import Any

from .grow import Grow, Params, Tensor, fitting
from .kinds import kind

D = {3: "2D", 2: "1D"}


@kind("dense", 1, 2, weight=3, keeps=True)
def dense(g: Grow, x: Tensor, p: Params) -> Tensor:
    units = p["n"] if x.shape[-1] <= 64 else min(p["n"], 2)
    if g.quantized:
        quantizers = {"kernel_quantizer": g.weights(p), "bias_quantizer": g.weights(p)}
        inner = {"activation": g.quantizer(p["q"])} if p["alt"] == 1 else {}
        return g.weighted(x, "dense", g.q.QDense, p, units=units, use_bias=p["alt"] != 2, **quantizers, **inner)
    layer, more = g.k.layers.Dense, {"units": units, "use_bias": p["alt"] != 2}
    if p["alt"] == 3 and len(x.shape) == 3:
        layer = g.k.layers.EinsumDense
        more = {"equation": "abc,cd->abd", "output_shape": (None, units), "bias_axes": "d"}
    if p["alt"] == 5 and len(x.shape) == 3:
        name = g.name("each")
        g.section(name, p, weight=g.fixed(p), bias=g.fixed(p))
        inner_layer = g.k.layers.Dense(units, name=f"{name}_in")
        return g.rounded(g.k.layers.TimeDistributed(inner_layer, name=name)(x), p, name)
    return g.weighted(x, "dense", layer, p, "weight", "bias", **more)


@kind("conv", 2, 3, weight=4, keeps=True)
def conv(g: Grow, x: Tensor, p: Params) -> Tensor:
    d = D[len(x.shape) - 1]
    given = fitting(x.shape, p, g.inside) | {"filters": p["n"], "use_bias": p["alt"] != 2}
    if g.quantized:
        given |= {"kernel_quantizer": g.weights(p), "bias_quantizer": g.weights(p)}
        if p["alt"] == 4 and d == "2D" and given["dilation_rate"] == [1, 1]:
            g.exact = False
            return g.weighted(x, "convbn", g.q.QConv2DBatchnorm, p, "weight", "bias", **given)
        return g.weighted(x, "conv", getattr(g.q, f"QConv{d}"), p, **given)
    channels = int(x.shape[-1])
    if p["alt"] == 3 and channels > 1:
        given |= {"groups": channels, "filters": channels * min(p["n"], 2)}
    return g.weighted(x, "conv", getattr(g.k.layers, f"Conv{d}"), p, "weight", "bias", **given)


@kind("separable", 2, 3, keeps=True, recurrent=True)
def separable(g: Grow, x: Tensor, p: Params) -> Tensor:
    d = D[len(x.shape) - 1]
    given = fitting(x.shape, p | {"even": True}, g.inside) | {"filters": p["n"], "depth_multiplier": 1 + p["alt"] % 2}
    if g.quantized:
        given |= {f"{part}_quantizer": g.weights(p) for part in ("depthwise", "pointwise", "bias")}
        return g.weighted(x, "sep", getattr(g.q, f"QSeparableConv{d}"), p, **given)
    layer = getattr(g.k.layers, f"SeparableConv{d}")
    return g.weighted(x, "sep", layer, p, "depthwise", "pointwise", "bias", **given)


@kind("depthwise", 2, 3, weight=1.5, keeps=True)
def depthwise(g: Grow, x: Tensor, p: Params) -> Tensor:
    d = D[len(x.shape) - 1]
    given = fitting(x.shape, p | {"even": True}, g.inside) | {"depth_multiplier": 1 + p["alt"] % 2}
    if g.quantized and d == "2D":
        given |= {"depthwise_quantizer": g.weights(p), "bias_quantizer": g.weights(p)}
        if p["alt"] == 4 and given["dilation_rate"] == [1, 1]:
            g.exact = False
            return g.weighted(x, "dwbn", g.q.QDepthwiseConv2DBatchnorm, p, "weight", "bias", **given)
        return g.weighted(x, "dw", g.q.QDepthwiseConv2D, p, **given)
    return g.weighted(x, "dw", getattr(g.k.layers, f"DepthwiseConv{d}"), p, "weight", "bias", **given)


@kind("transposed", 2, 3, weight=1.5)
def transposed(g: Grow, x: Tensor, p: Params) -> Tensor:
    d = D[len(x.shape) - 1]
    given = fitting(x.shape, p | {"d": 1}, g.inside) | {"filters": p["n"]}
    given["strides"] = [min(s, 2) for s in given["strides"]]
    if g.quantized and d == "2D":
        given |= {"kernel_quantizer": g.weights(p), "bias_quantizer": g.weights(p)}
        return g.weighted(x, "convt", g.q.QConv2DTranspose, p, **given)
    return g.weighted(x, "convt", getattr(g.k.layers, f"Conv{d}Transpose"), p, "weight", "bias", **given)


@kind("rescale", 1, 2, 3, weight=0.5, keeps=True)
def rescale(g: Grow, x: Tensor, p: Params) -> Tensor:
    scaled = {"scale": [0.25, 0.5, -2.0][p["r"] % 3], "offset": [0.0, 1.0, -0.5][p["r"] % 3]}
    return g.weighted(x, "rescale", g.k.layers.Rescaling, p, **scaled)


@kind("norm", 1, 2, 3, weight=2, keeps=True, exact=False)
def norm(g: Grow, x: Tensor, p: Params) -> Tensor:
    """BatchNormalization, or another normalization for other values of ``alt``."""
    layers, types = g.k.layers, dict.fromkeys(("scale", "bias"), "fixed<12,4,RND_CONV,SAT>")
    if p["alt"] == 2 and len(x.shape) > 2 and x.shape[-1] > 1:
        name = g.name("ln")
        g.section(name, p, **types)
        return g.untyped(layers.LayerNormalization(name=name, epsilon=0.01)(x), p, name)
    if p["alt"] == 3 and g.quantized:
        quantizers = {f"{n}_quantizer": None for n in ("gamma", "beta", "mean", "variance")}
        name, layer = g.name("qbn"), g.q.QBatchNormalization
        g.section(name, p, **types)
        g.exact = False
        return g.rounded(layer(name=name, **quantizers)(x), p, name)
    if p["alt"] == 5:
        name = g.name("normal")
        channels = int(x.shape[-1])
        layer = layers.Normalization(mean=[0.5] * channels, variance=[1.5] * channels, name=name)
        g.section(name, p, **types)
        g.exact = False
        return g.rounded(layer(x), p, name)
    name = g.name("bn")
    g.section(name, p, **types)
    g.exact = False
    return g.rounded(layers.BatchNormalization(name=name)(x), p, name)


@kind("slope", 1, 2, 3, keeps=True)
def slope(g: Grow, x: Tensor, p: Params) -> Tensor:
    shared = {1: None, 2: [1], 3: [1, 2]}[len(x.shape) - 1]
    return g.weighted(x, "prelu", g.k.layers.PReLU, p, "weight", shared_axes=shared)


@kind("gdn", 3, keeps=True, weight=1, libraries=("tf_keras",), recurrent=False, exact=False)
def gdn(g: Grow, x: Tensor, p: Params) -> Tensor:
    """Divisive normalization; its own form of training gives the hardware's integers."""
    from bitsmith.layers import GDN, FixedGDN

    from .grow import Grid

    name = g.name("gdn")
    if p["alt"] % 2 or not g.quantized:
        types = {"input_type": "fixed<8,4>", "output_type": "fixed<8,4>"}
        y = FixedGDN(inverse=p["alt"] > 3, name=name, **types)(x)
        g.grids[name] = Grid(p["r"], 0.5, None)
        return g.rounded(y, p, name, always=False)
    g.section(name, p, beta="ufixed<12,2>", gamma="ufixed<12,2>", gain="ufixed<12,2>")
    g.grids[name] = Grid(p["r"], 0.5, None)
    return g.untyped(GDN(inverse=p["alt"] > 3, name=name)(x), p, name)


SMOOTH = (
    "sigmoid",
    "tanh",
    "softplus",
    "softsign",
    "elu",
    "selu",
    "gelu",
    "swish",
    "exponential",
    "hard_sigmoid",
    "mish",
)


@kind("function", 1, 2, 3, weight=2, keeps=True)
def function(g: Grow, x: Tensor, p: Params) -> Tensor:
    """Functions of one value that are exact."""
    name, layers = g.name("f"), g.k.layers
    g.section(name, p)
    made = (
        lambda: layers.ReLU(name=name), lambda: layers.ReLU(max_value=1.5, name=name), lambda: _leaky(g, name),
        lambda: layers.ReLU(threshold=0.25, name=name), lambda: layers.Activation("relu", name=name),
        lambda: layers.Activation("linear", name=name), lambda: layers.Activation("relu6", name=name),
        lambda: getattr(layers, "ThresholdedReLU", lambda _, name: layers.ReLU(name=name))(0.75, name=name),
    )  # fmt: skip
    return g.rounded(made[p["alt"]]()(x), p, name)


@kind("table", 1, 2, 3, weight=2.5, keeps=True, exact=False)
def table(g: Grow, x: Tensor, p: Params) -> Tensor:
    """Functions of one value that are tables."""
    name = g.name("f")
    g.section(name, p)
    if p["alt"] == 7:
        return g.untyped(g.k.layers.ELU(0.5, name=name)(x), p, name)
    return g.untyped(g.k.layers.Activation(SMOOTH[p["r"] % len(SMOOTH)], name=name)(x), p, name)


def _leaky(g: Grow, name: str) -> Any:
    given = {"alpha": 0.25} if g.k.__name__.startswith("tf_") else {"negative_slope": 0.25}
    return g.k.layers.LeakyReLU(name=name, **given)


@kind("softmax", 1, 2, 3, weight=1.5, keeps=True, exact=False)
def softmax(g: Grow, x: Tensor, p: Params) -> Tensor:
    name = g.name("softmax")
    if x.shape[-1] < 2:
        return x
    g.section(name, p)
    if p["alt"] == 1:
        return g.untyped(g.k.layers.Activation("log_softmax", name=name)(x), p, name)
    layer = g.k.layers.Softmax(name=name) if p["alt"] % 2 else g.k.layers.Activation("softmax", name=name)
    return g.untyped(layer(x), p, name)
