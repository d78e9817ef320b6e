"""A small encoder-decoder: a GRU, its last state repeated, a GRU, a dense layer at each step; 8 bits everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from recurrences import KERNEL, S8, STATE, TO_S8, U8, function, kernel

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.gru import GRU
from bitsmith.sim.ops.repeat_vector import RepeatVector

STEPS, UNITS = 5, 3
WIDE = Fixed(True, 7, 8)


def gru(gate_inputs: Fixed, sequences: bool) -> GRU:
    """Tables for gates and candidate, 8 bits everywhere."""
    weights, bias = kernel(UNITS, 3, KERNEL), np.arange(3 * UNITS) - 4
    return GRU(
        input_type=gate_inputs,
        recurrent_kernel=weights,
        recurrent_kernel_type=KERNEL,
        state=STATE,
        recurrent_bias=bias,
        recurrent_bias_type=S8,
        recurrent_activation=function("sigmoid", S8, U8),
        activation=function("tanh", S8, KERNEL),
        gate_input=TO_S8,
        candidate_input=TO_S8,
        return_sequences=sequences,
    )


def network() -> Graph:
    """An encoder whose last state is repeated as the decoder's input, and a dense layer at each step."""
    rng = np.random.default_rng(5)

    def weights(*shape: int) -> Any:
        return rng.integers(-128, 128, shape)

    def bias(count: int) -> Any:
        return rng.integers(-8, 8, count)  # small, so that nothing saturates and hides a difference

    first = Conv2D(U8, weights(1, 1, 1, 3 * UNITS), KERNEL, bias(3 * UNITS), S8)
    encoder = gru(first.accumulator.type, sequences=False)
    rounded = Activation(encoder.output_type, Kind.LINEAR, STATE.type)
    again = Dense(STATE.type, weights(UNITS, 3 * UNITS), KERNEL, bias(3 * UNITS), S8)
    decoder = gru(again.accumulator.type, sequences=True)
    last = Conv2D(STATE.type, weights(1, 1, UNITS, 1), KERNEL, bias(1), S8)
    nodes = (
        Node("encoder_gates", first, ("x",), "encoder"),
        Node("encoder", encoder, ("encoder_gates",), "encoder"),
        Node("encoder_round", rounded, ("encoder",), "encoder"),
        Node("decoder_gates", again, ("encoder_round",), "decoder"),
        Node("repeated", RepeatVector(again.accumulator.type, STEPS), ("decoder_gates",), "repeated"),
        Node("decoder", decoder, ("repeated",), "decoder"),
        Node("decoder_round", Activation(decoder.output_type, Kind.LINEAR, STATE.type), ("decoder",), "decoder"),
        Node("y", last, ("decoder_round",), "y"),
    )
    return Graph("seq2seq", (("x", Spec((1, STEPS, 1), U8)),), nodes, ("y",), {"decoder": "The Decoder"})


def configuration(strategy: str) -> dict[str, Any]:
    reuse = {name: {"ReuseFactor": 9} for name in ("encoder", "decoder")} if strategy == "resource" else {}
    return {"Bitsmith": {"strategy": strategy}, "HLSConfig": {"LayerName": reuse}}
