"""Layers of HGQ2, each with quantizers of its own whose bits are drawn, element by element or channel by channel."""

from __future__ import annotations

from contextlib import ExitStack
from importlib import import_module
from typing import Any

import numpy as np

from .grow import Grow, Params, Tensor, fitting
from .kinds import kind, of
from .layers import D

HGQ = ("hgq",)
MODES = (
    ("RND", "WRAP", "kif"), ("RND_CONV", "SAT", "kbi"), ("TRN", "SAT_SYM", "kif"), ("TRN_ZERO", "WRAP", "kbi"),
    ("RND_ZERO", "SAT", "kif"), ("RND_MIN_INF", "SAT_SYM", "kbi"), ("RND_INF", "WRAP", "kif"), ("RND", "SAT", "kbi"),
)  # fmt: skip
TABLES = ("tanh", "sigmoid", "softplus", "elu", "silu", "exponential", "softsign", "relu")
MERGES = {"hgq>QAdd": "QAdd", "hgq>QSubtract": "QSubtract", "hgq>QMultiply": "QMultiply", "hgq>QMaximum": "QMaximum",
          "hgq>QMinimum": "QMinimum"}  # fmt: skip


def packages() -> tuple[Any, Any]:
    """Keras 3 and HGQ2's layers."""
    import keras

    return keras, import_module("hgq.layers")


def scope(p: Params, rank: int) -> ExitStack:
    """Modes for all quantizers, and which elements of a tensor share a type."""
    from hgq.config import QuantizerConfigScope

    rounding, overflow, form = MODES[p["r"] % len(MODES)]
    axes = (None, tuple(range(rank)), (0,))[p["r"] % 3]
    found = ExitStack()
    found.enter_context(QuantizerConfigScope(default_q_type=form, round_mode=rounding, overflow_mode=overflow))
    if axes:
        found.enter_context(QuantizerConfigScope(place="datalane", homogeneous_axis=axes))
    return found


def quantized(g: Grow, x: Tensor, kind: str, class_name: str, p: Params, **given: Any) -> Tensor:
    """One layer; with an output quantizer where ``alt`` is even."""
    name = g.name(kind)
    g.section(name, p)
    first = x[0] if isinstance(x, list) else x
    with scope(p, len(first.shape) - 1):
        return getattr(g.q, class_name)(name=name, enable_oq=p["alt"] % 2 == 0, **given)(x)


@kind("h_dense", 1, 2, weight=3, keeps=True, libraries=HGQ, makes={
    "hgq>QDense": of(alt=0), "hgq>QEinsumDense": of(2, alt=3), "hgq>QBatchNormDense": of(1, alt=4),
})  # fmt: skip
def dense(g: Grow, x: Tensor, p: Params) -> Tensor:
    active = {"activation": "relu"} if p["same"] else {}
    if p["alt"] == 3 and len(x.shape) == 3:
        shape = (int(x.shape[1]), p["n"])
        return quantized(g, x, "ein", "QEinsumDense", p, equation="bij,jk->bik", output_shape=shape, **active)
    if p["alt"] == 4 and len(x.shape) == 2:
        return quantized(g, x, "bnd", "QBatchNormDense", p, units=p["n"], **active)
    return quantized(g, x, "dense", "QDense", p, units=p["n"], use_bias=p["alt"] != 2, **active)


@kind("h_conv", 2, 3, weight=4, keeps=True, libraries=HGQ, makes={"hgq>QConv1D": of(2), "hgq>QConv2D": of(3)})
def conv(g: Grow, x: Tensor, p: Params) -> Tensor:
    given = fitting(x.shape, p, g.inside) | {"filters": p["n"], "use_bias": p["alt"] != 2}
    given |= {"activation": "relu"} if p["n"] % 2 else {}
    return quantized(g, x, "conv", f"QConv{D[len(x.shape) - 1]}", p, **given)


@kind("h_pool", 2, 3, weight=1.5, keeps=True, libraries=HGQ, makes={
    f"hgq>Q{what}Pooling{d}": of(rank, alt=alt) for what, alt in (("Max", 0), ("Average", 4)) for rank, d in D.items()
})  # fmt: skip
def pool(g: Grow, x: Tensor, p: Params) -> Tensor:
    found = fitting(x.shape, p | {"k": [max(k, 2) for k in p["k"]], "d": 1}, g.inside)
    given = {"pool_size": found["kernel_size"], "strides": found["strides"]}
    if len(x.shape) == 3:
        given = {key: value[0] for key, value in given.items()}
    class_name = f"Q{'Average' if p['alt'] in (4, 5) else 'Max'}Pooling{D[len(x.shape) - 1]}"
    return quantized(g, x, "pool", class_name, p, padding="same" if g.inside else "valid", **given)


@kind("h_global", 2, 3, to={2: 1, 3: 1}, libraries=HGQ, makes={
    f"hgq>QGlobal{what}Pooling{d}": of(rank, alt=alt) for what, alt in (("Max", 0), ("Average", 4))
    for rank, d in D.items()
})  # fmt: skip
def global_pool(g: Grow, x: Tensor, p: Params) -> Tensor:
    what = "Average" if p["alt"] in (4, 5) else "Max"
    return quantized(g, x, "gpool", f"QGlobal{what}Pooling{D[len(x.shape) - 1]}", p)


@kind("h_norm", 1, 2, 3, keeps=True, libraries=HGQ, makes={"hgq>QBatchNormalization": of()})
def norm(g: Grow, x: Tensor, p: Params) -> Tensor:
    return quantized(g, x, "bn", "QBatchNormalization", p)


@kind("h_join", 1, 2, 3, weight=2, keeps=True, libraries=HGQ, makes={name: of(join=name) for name in MERGES})
def join(g: Grow, x: Tensor, p: Params) -> Tensor:
    """A tensor and a layer's result of its size."""
    same = {"n": int(x.shape[-1]), "k": [1, 1], "s": [1, 1]}
    other = (dense if len(x.shape) < 4 else conv)(g, x, p | same | {"alt": 0, "d": 1})
    chosen = MERGES[p.get("join") or list(MERGES)[p["r"] % len(MERGES)]]
    return quantized(g, [x, other], "join", chosen, p) if chosen else x


@kind("h_table", 1, 2, 3, keeps=True, libraries=HGQ, makes={"hgq>QUnaryFunctionLUT": of()})
def table(g: Grow, x: Tensor, p: Params) -> Tensor:
    name = g.name("lut")
    g.section(name, p)
    return g.q.QUnaryFunctionLUT(TABLES[p["r"] % len(TABLES)], name=name)(x)


@kind("h_softmax", 1, 2, 3, keeps=True, libraries=HGQ, makes={"hgq>QSoftmax": of()})
def softmax(g: Grow, x: Tensor, p: Params) -> Tensor:
    """Tables with one type, behind a quantizer."""
    from hgq.config import QuantizerConfig

    if x.shape[-1] < 2:
        return x
    name = g.name("softmax")
    g.section(name, p)
    rounding, overflow, _ = MODES[p["r"] % len(MODES)]
    modes = {"overflow_mode": overflow, "round_mode": rounding}
    tables = {f"{part}_iq_conf": QuantizerConfig("kif", "datalane", **modes) for part in ("exp", "inv")}
    more = {"stable": False} if p["alt"] % 2 else {}
    return g.q.QSoftmax(name=name, enable_iq=True, enable_oq=p["alt"] > 3, **tables, **more)(x)


@kind("h_quantizer", 1, 2, 3, weight=2, keeps=True, libraries=HGQ, makes={"hgq>Quantizer": of()})
def quantizer(g: Grow, x: Tensor, p: Params) -> Tensor:
    name = g.name("q")
    g.section(name, p)
    with scope(p, len(x.shape) - 1):
        return g.q.Quantizer(name=name)(x)


def draw_weights(layer: Any, seed: int) -> None:
    """Weights and bits; the tables of a layer get one type each, without which they are refused."""
    from hgq_models import randomize

    randomize(layer, seed)
    rng = np.random.default_rng(seed)
    for variable in layer.weights:
        group, _, name = variable.path.rpartition("/")
        if "fixed_point_quantizer" not in group or name == "i_decay_speed":
            continue
        if "_table/" in group:
            whole = {"k": int("_oq/" not in group), "i": rng.integers(1, 4), "f": rng.integers(2, 6),
                     "b": rng.integers(6, 10)}  # fmt: skip
            variable.assign(np.full(variable.shape, whole[name]))
        elif type(layer).__name__ == "QUnaryFunctionLUT" and "_oq/" in variable.path:
            variable.assign(np.full(variable.shape, {"k": 1, "b": 9, "i": 2, "f": 6}[name]))
