"""Recurrent layers."""

from __future__ import annotations

from itertools import product
from typing import Any

from .case import Kit, Layers, Model, stacked

MODELS: list[Model] = []
KINDS = ("SimpleRNN", "LSTM", "GRU", "Bidirectional")


def _layer(kind: str, units: int, pair: tuple[int, int], sequences: bool, name: str) -> Layers:
    """A layer of that class; a Bidirectional has an LSTM forward and a GRU backward."""

    def build(layers: Any, q: Any) -> Any:
        if kind != "Bidirectional":
            return [getattr(layers, kind)(units, return_sequences=sequences, name=name)]
        forward = layers.LSTM(pair[0], return_sequences=sequences)
        backward = layers.GRU(pair[1], return_sequences=sequences, go_backwards=True)
        return [layers.Bidirectional(forward, backward_layer=backward, name=name)]

    return build


for kind, sequences in product(KINDS, (True, False)):
    MODELS.append(
        stacked(
            "test_rnn",
            f"parsing {kind} sequences {sequences}",
            (3, 8),
            _layer(kind, 64, (37, 27), sequences, "layer"),
            low=-0.5,
            high=0.5,
        )
    )
    MODELS.append(
        stacked(
            "test_rnn",
            f"accuracy {kind} sequences {sequences}",
            (12, 8),
            _layer(kind, 32, (15, 17), sequences, kind.lower()),
            precision="fixed<32,16>",
            low=-0.5,
            high=0.5,
        )
    )
for kind, reuse in product(("LSTM", "GRU"), (1, 4, 32, 128)):
    MODELS.append(
        stacked(
            "test_dense_unrolled",
            f"{kind}, reuse {reuse}",
            (12, 8),
            _layer(kind, 8, (0, 0), False, kind.lower()),
            precision="fixed<32,16>",
            reuse=reuse,
            low=-0.5,
            high=0.5,
        )
    )


def _distributed(layers: Any, q: Any) -> Any:
    return [layers.LSTM(4, return_sequences=True), layers.TimeDistributed(layers.Dense(1))]


MODELS.append(
    stacked("test_time_distributed", "lstm", (8, 8), _distributed, precision="fixed<32,16>", low=-0.5, high=0.5)
)


def _quantizers(bits: int) -> dict[str, str]:
    text = f"quantized_bits({bits}, 0, alpha=1)"
    return {f"{part}_quantizer": text for part in ("kernel", "recurrent", "bias", "state")}


def _quantized(kind: str, bits: int, **functions: Any) -> Any:
    def build(kit: Kit) -> Any:
        return kit.stack((5, 2), getattr(kit.q, kind)(4, **_quantizers(bits), **functions))

    return build


REAL = {"activation": "tanh", "recurrent_activation": "sigmoid"}
MODELS += [
    Model(
        "test_qkeras",
        "qsimplernn",
        _quantized("QSimpleRNN", 16, activation="relu"),
        precision="fixed<16,1>",
        quantized=True,
        steps=None,
        low=-0.25,
        high=0.25,
    ),
    Model(
        "test_qkeras",
        "qlstm",
        _quantized("QLSTM", 8, **REAL),
        precision="fixed<8,1>",
        quantized=True,
        steps=None,
        low=-0.5,
        high=0.5,
    ),
    Model(
        "test_qkeras",
        "qgru",
        _quantized("QGRU", 8, **REAL, reset_after="False"),
        precision="fixed<8,1>",
        quantized=True,
        steps=None,
        low=-0.5,
        high=0.5,
    ),
]
