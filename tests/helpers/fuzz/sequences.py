"""Layers of sequences: recurrent ones, attention, embeddings."""

from __future__ import annotations

from typing import Any

from .grow import Grow, Params, Tensor
from .kinds import kind, of, plain, qkeras
from .layers import dense

CELLS = ("GRU", "LSTM", "SimpleRNN")


@kind("rnn", 2, weight=4, only_recurrent=True, makes={
    "QGRU": qkeras(alt=0, r=2), "QLSTM": qkeras(alt=1, r=2), "QSimpleRNN": qkeras(alt=2, r=2),
    "GRU": plain(alt=0, r=2), "LSTM": plain(alt=1, r=2), "SimpleRNN": plain(alt=2, r=2),
    "QBidirectional": qkeras(r=4), "Bidirectional": plain(r=4), "FixedGRU": of(alt=0, r=1, libraries=("tf_keras",)),
})  # fmt: skip
def rnn(g: Grow, x: Tensor, p: Params) -> Tensor:
    """A GRU, LSTM or SimpleRNN, alone or in both directions, over all steps or to the last."""
    cell, name = CELLS[p["alt"] % 3], g.name("rnn")
    both = p["r"] % 4 == 0
    if cell == "GRU" and p["r"] % 5 == 1 and g.k.__name__.startswith("tf_"):
        return _fixed(g, x, p, name)
    given: dict[str, Any] = {"units": min(p["n"], 4), "return_sequences": bool(p["same"]) or both}
    if cell == "GRU":
        given["reset_after"] = p["alt"] > 3
    if g.quantized:
        g.section(name, p)
        layer = getattr(g.q, f"Q{cell}")(name=f"{name}_in" if both else name, **given, **quantizers(g, p, cell))
        y = g.q.QBidirectional(layer, name=name)(x) if both else layer(x)
        return g.rounded(y, p, name)
    layer = getattr(g.k.layers, cell)(name=f"{name}_in" if both else name, **given)
    g.section(name, p, default="fixed<10,3,RND_CONV,SAT>")
    g.blur(name)
    return g.k.layers.Bidirectional(layer, name=name)(x) if both else layer(x)


def quantizers(g: Grow, p: Params, cell: str) -> dict[str, Any]:
    """A recurrent layer's in QKeras."""
    found: dict[str, Any] = {f"{part}_quantizer": g.weights(p) for part in ("kernel", "recurrent", "bias")}
    bits = max(3, min(p["q"][1], 9))
    found |= {"state_quantizer": f"quantized_bits({bits},0,alpha=1)", "activation": f"quantized_tanh({bits})"}
    return found if cell == "SimpleRNN" else found | {"recurrent_activation": f"quantized_sigmoid({bits})"}


def _fixed(g: Grow, x: Tensor, p: Params, name: str) -> Tensor:
    """The layer whose training rounds every tensor as the hardware does."""
    from bitsmith.layers import FixedGRU

    roles = ("kernel", "recurrent", "bias", "state", "gate_input", "gate", "candidate_input", "candidate")
    types = {f"{role}_type": "fixed<10,4>" for role in roles}
    g.section(name, p)
    layer = FixedGRU(min(p["n"], 4), return_sequences=bool(p["same"]), name=name, **types)
    return g.rounded(layer(x), p, name)


@kind("attend", 2, weight=1.5, recurrent=False, exact=False)
def attend(g: Grow, x: Tensor, p: Params) -> Tensor:
    """A sequence that attends to itself."""
    return meet(g, x, x, p | {"join": "MultiHeadAttention" if p["alt"] % 2 else "Attention"})


def meet(g: Grow, one: Tensor, two: Tensor, p: Params) -> Tensor:
    """Dot, Attention or MultiHeadAttention of two tensors."""
    join, layers = p["join"], g.k.layers
    if join != "MultiHeadAttention" and one.shape[-1] != two.shape[-1]:
        two = dense(g, two, p | {"n": int(one.shape[-1]), "alt": 0}) if len(two.shape) < 4 else one
    if join == "Dot":
        name = g.name("dot")
        g.section(name, p)
        return g.rounded(layers.Dot(axes=len(one.shape) - 1, name=name)([one, two]), p, name)
    name = g.name("att")
    g.sections[f"{name}_softmax"] = {"Precision": {"result": "ufixed<10,1,RND_CONV,SAT>"}}
    g.blur(name)
    if join == "Attention":
        return g.rounded(layers.Attention(name=name)([one, two]), p, name)
    for part in ("", "_query", "_key", "_value"):
        g.section(f"{name}{part}", p, weight=g.fixed(p), bias=g.fixed(p))
    layer = layers.MultiHeadAttention(num_heads=1 + p["r"] % 2, key_dim=1 + p["n"] % 3, name=name)
    return g.rounded(layer(one, two), p, name)
