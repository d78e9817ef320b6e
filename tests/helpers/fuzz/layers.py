"""Layers with weights."""

from __future__ import annotations

from .grow import Grow, Params, Tensor, fitting
from .kinds import kind, of, plain, qkeras

D = {3: "2D", 2: "1D"}


@kind("dense", 1, 2, weight=3, keeps=True, makes={
    "QDense": qkeras(alt=0), "Dense": plain(alt=0), "EinsumDense": plain(2, alt=3), "TimeDistributed": plain(2, alt=5),
})  # fmt: skip
def dense(g: Grow, x: Tensor, p: Params) -> Tensor:
    units = p["n"] if x.shape[-1] <= 64 else min(p["n"], 2)
    if g.quantized:
        quantizers = {"kernel_quantizer": g.weights(p), "bias_quantizer": g.weights(p)}
        inner = {"activation": g.quantizer(p["q"])} if p["alt"] == 1 else {}
        return g.weighted(x, "dense", g.q.QDense, p, units=units, use_bias=p["alt"] != 2, **quantizers, **inner)
    layer, more = g.k.layers.Dense, {"units": units, "use_bias": p["alt"] != 2}
    if p["alt"] == 3 and len(x.shape) == 3:
        layer = g.k.layers.EinsumDense
        more = {"equation": "abc,cd->abd", "output_shape": (int(x.shape[1]), units), "bias_axes": "d"}
    if p["alt"] == 5 and len(x.shape) == 3:
        name = g.name("each")
        g.section(name, p, weight=g.fixed(p), bias=g.fixed(p))
        inner_layer = g.k.layers.Dense(units, name=f"{name}_in")
        return g.rounded(g.k.layers.TimeDistributed(inner_layer, name=name)(x), p, name)
    return g.weighted(x, "dense", layer, p, "weight", "bias", **more)


@kind("conv", 2, 3, weight=4, keeps=True, makes={
    "QConv2D": qkeras(3, alt=0), "QConv1D": qkeras(2), "Conv2D": plain(3, alt=0), "Conv1D": plain(2, alt=0),
    "QConv2DBatchnorm": qkeras(3, alt=4, d=1),
})  # fmt: skip
def conv(g: Grow, x: Tensor, p: Params) -> Tensor:
    d = D[len(x.shape) - 1]
    given = fitting(x.shape, p, g.inside) | {"filters": p["n"], "use_bias": p["alt"] != 2}
    if g.quantized:
        given |= {"kernel_quantizer": g.weights(p), "bias_quantizer": g.weights(p)}
        if p["alt"] == 4 and d == "2D" and given["dilation_rate"] == [1, 1]:
            g.blur(f"{g.prefix}convbn{g.count + 1}")
            return g.weighted(x, "convbn", g.q.QConv2DBatchnorm, p, "weight", "bias", **given)
        return g.weighted(x, "conv", getattr(g.q, f"QConv{d}"), p, **given)
    channels = int(x.shape[-1])
    if p["alt"] == 3 and channels > 1:
        given |= {"groups": channels, "filters": channels * min(p["n"], 2)}
    return g.weighted(x, "conv", getattr(g.k.layers, f"Conv{d}"), p, "weight", "bias", **given)


@kind("separable", 2, 3, keeps=True, makes={
    "QSeparableConv1D": qkeras(2), "QSeparableConv2D": qkeras(3),
    "SeparableConv1D": plain(2), "SeparableConv2D": plain(3),
})  # fmt: skip
def separable(g: Grow, x: Tensor, p: Params) -> Tensor:
    d = D[len(x.shape) - 1]
    given = fitting(x.shape, p | {"even": True}, g.inside) | {"filters": p["n"], "depth_multiplier": 1 + p["alt"] % 2}
    if g.quantized:
        given |= {f"{part}_quantizer": g.weights(p) for part in ("depthwise", "pointwise", "bias")}
        return g.weighted(x, "sep", getattr(g.q, f"QSeparableConv{d}"), p, **given)
    layer = getattr(g.k.layers, f"SeparableConv{d}")
    return g.weighted(x, "sep", layer, p, "depthwise", "pointwise", "bias", **given)


@kind("depthwise", 2, 3, weight=1.5, keeps=True, makes={
    "DepthwiseConv1D": plain(2), "DepthwiseConv2D": plain(3), "QDepthwiseConv2D": qkeras(3, alt=0),
    "QDepthwiseConv2DBatchnorm": qkeras(3, alt=4, d=1),
})  # fmt: skip
def depthwise(g: Grow, x: Tensor, p: Params) -> Tensor:
    d = D[len(x.shape) - 1]
    given = fitting(x.shape, p | {"even": True}, g.inside) | {"depth_multiplier": 1 + p["alt"] % 2}
    if g.quantized and d == "2D":
        given |= {"depthwise_quantizer": g.weights(p), "bias_quantizer": g.weights(p)}
        if p["alt"] == 4 and given["dilation_rate"] == [1, 1]:
            g.blur(f"{g.prefix}dwbn{g.count + 1}")
            return g.weighted(x, "dwbn", g.q.QDepthwiseConv2DBatchnorm, p, "weight", "bias", **given)
        return g.weighted(x, "dw", g.q.QDepthwiseConv2D, p, **given)
    return g.weighted(x, "dw", getattr(g.k.layers, f"DepthwiseConv{d}"), p, "weight", "bias", **given)


@kind("transposed", 2, 3, weight=1.5, makes={
    "Conv1DTranspose": plain(2), "Conv2DTranspose": plain(3), "QConv2DTranspose": qkeras(3),
})  # fmt: skip
def transposed(g: Grow, x: Tensor, p: Params) -> Tensor:
    d = D[len(x.shape) - 1]
    given = fitting(x.shape, p | {"d": 1}, g.inside) | {"filters": p["n"]}
    given["strides"] = [min(s, 2) for s in given["strides"]]
    if g.quantized and d == "2D":
        given |= {"kernel_quantizer": g.weights(p), "bias_quantizer": g.weights(p)}
        return g.weighted(x, "convt", g.q.QConv2DTranspose, p, **given)
    return g.weighted(x, "convt", getattr(g.k.layers, f"Conv{d}Transpose"), p, "weight", "bias", **given)


@kind("rescale", 1, 2, 3, weight=0.5, keeps=True, makes={"Rescaling": of()})
def rescale(g: Grow, x: Tensor, p: Params) -> Tensor:
    scaled = {"scale": [0.25, 0.5, -2.0][p["r"] % 3], "offset": [0.0, 1.0, -0.5][p["r"] % 3]}
    return g.weighted(x, "rescale", g.k.layers.Rescaling, p, **scaled)


@kind("norm", 1, 2, 3, weight=2, keeps=True, exact=False, makes={
    "BatchNormalization": of(alt=0), "LayerNormalization": of(2, 3, alt=2), "QBatchNormalization": qkeras(alt=3),
    "Normalization": of(alt=5),
})  # fmt: skip
def norm(g: Grow, x: Tensor, p: Params) -> Tensor:
    """BatchNormalization, or another normalization for other values of ``alt``."""
    layers, types = g.k.layers, dict.fromkeys(("scale", "bias"), "fixed<12,4,RND_CONV,SAT>")
    if p["alt"] == 2 and len(x.shape) > 2 and x.shape[-1] > 1:
        name = g.name("ln")
        g.section(name, p, **types)
        g.blur(name)
        return g.untyped(layers.LayerNormalization(name=name, epsilon=0.01)(x), p, name)
    if p["alt"] == 3 and g.quantized:
        quantizers = {f"{n}_quantizer": None for n in ("gamma", "beta", "mean", "variance")}
        name, layer = g.name("qbn"), g.q.QBatchNormalization
        g.section(name, p, **types)
        g.blur(name)
        return g.rounded(layer(name=name, **quantizers)(x), p, name)
    if p["alt"] == 5:
        name = g.name("normal")
        channels = int(x.shape[-1])
        layer = layers.Normalization(mean=[0.5] * channels, variance=[1.5] * channels, name=name)
        g.section(name, p, **types)
        g.blur(name)
        return g.rounded(layer(x), p, name)
    name = g.name("bn")
    g.section(name, p, **types)
    g.blur(name)
    return g.rounded(layers.BatchNormalization(name=name)(x), p, name)


@kind("slope", 1, 2, 3, keeps=True, makes={"PReLU": of()})
def slope(g: Grow, x: Tensor, p: Params) -> Tensor:
    shared = {1: None, 2: [1], 3: [1, 2]}[len(x.shape) - 1]
    return g.weighted(x, "prelu", g.k.layers.PReLU, p, "weight", shared_axes=shared)


@kind("gdn", 3, keeps=True, libraries=("tf_keras",), recurrent=False, exact=False, makes={
    "FixedGDN": of(alt=1), "GDN": qkeras(alt=0),
})  # fmt: skip
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
    g.blur(name)
    return g.untyped(GDN(inverse=p["alt"] > 3, name=name)(x), p, name)
