"""Recurrent layers that hand their states on: an encoder, and a decoder that starts where it ended."""

from __future__ import annotations

from typing import Any

from .grow import Grow, Params, Tensor
from .kinds import kind, plain, qkeras
from .sequences import CELLS, quantizers


@kind("states", 2, weight=1.5, only_recurrent=True, makes={
    prefix + cell: form(alt=k) for k, cell in enumerate(CELLS) for prefix, form in (("Q", qkeras), ("", plain))
})  # fmt: skip
def states(g: Grow, x: Tensor, p: Params) -> Tensor:
    """The encoder may start from an input; the decoder reads the sequence again, or the encoder's last output."""
    cell, units = CELLS[p["alt"] % 3], min(p["n"], 4)
    start = [g.input((units,), [6, 1]) for _ in range(2 if cell == "LSTM" else 1)] if p["same"] else []
    if cell == "LSTM" and start and g.quantized:
        start = start[:1] * 2
    y, *ends = _layer(g, p, cell, units, return_state=True)(x, initial_state=start or None)
    again = x
    if p["r"] % 2:
        held = g.activation(y, ["bits", 6, 0]) if g.quantized else y
        again = g.k.layers.RepeatVector(1 + p["r"] % 3, name=g.name("repeat"))(held)
    decoder = _layer(g, p | {"r": p["r"] + 1}, cell, units, return_sequences=bool(p["d"] % 2))
    y = decoder(again, initial_state=ends if len(ends) > 1 else ends[0])
    return g.rounded(y, p, decoder.name) if g.quantized else y


def _layer(g: Grow, p: Params, cell: str, units: int, **given: Any) -> Any:
    name = g.name("rnn")
    if cell == "GRU":
        given["reset_after"] = p["alt"] > 2
    if g.quantized:
        g.section(name, p)
        return getattr(g.q, f"Q{cell}")(units, name=name, **given, **quantizers(g, p, cell))
    g.section(name, p, default="fixed<10,3,RND_CONV,SAT>")
    g.blur(name)
    return getattr(g.k.layers, cell)(units, name=name, **given)
