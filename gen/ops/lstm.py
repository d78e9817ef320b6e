"""LSTM and QLSTM."""

from __future__ import annotations

import numpy as np

from ...sim.cast import Cast
from ...sim.fixed import Fixed
from ...sim.interval import exact_product, exact_sum
from ...sim.ops.lstm import LSTM
from ...sim.ranges import accumulator
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .floats import Array
from .recurrent import KINDS, Cell, Kind, Weights, convert_recurrent
from .recurrent_floats import STEPS, Function, Step, recurred
from .registry import converts


def make_lstm(cell: Cell, gate_inputs: Fixed, weights: Weights) -> LSTM:
    """The operator; the exact types on the way are those of its definition (sim/ops/lstm.py), which checks them."""
    types, state = cell.types, cell.types.state(cell.quantizers["state"])
    carried = _carried(cell, state)
    product = accumulator("lstm", state.type, *weights.recurrent, *weights.recurrent_bias).type
    total = exact_sum(gate_inputs, product)
    sigmoid, gate_input = types.function(cell.recurrent_activation, "gate", total, state.type)
    tanh, candidate_input = types.function(cell.activation, "candidate", total, state.type)
    kept = exact_product(sigmoid.output_type, carried.type)
    new_cell = exact_sum(kept, exact_product(sigmoid.output_type, tanh.output_type))
    return LSTM(
        input_type=gate_inputs,
        recurrent_kernel=weights.recurrent[0],
        recurrent_kernel_type=weights.recurrent[1],
        state=state,
        cell=carried,
        recurrent_activation=sigmoid,
        activation=tanh,
        cell_activation=types.plain_function(cell.activation, "candidate", new_cell, state.type),
        gate_input=gate_input,
        candidate_input=candidate_input,
    )


def _carried(cell: Cell, state: Cast) -> Cast:
    """What rounds the cell: QKeras's one quantizer for both states, else ``cell``, else what rounds the state."""
    given = cell.types.cast("cell")
    if given is not None and cell.quantizers["state"] is not None and given.type != state.type:
        raise cell.types.contradiction("cell", str(state.type))
    return state if given is None or cell.quantizers["state"] is not None else given


def make_step(layer: Layer, u: Array, bias: Array, sigmoid: Function, tanh: Function) -> Step:
    def step(x: Array, states: tuple[Array, ...]) -> tuple[Array, ...]:
        i, f, c, o = np.split(x + states[0] @ u, 4, axis=1)
        cell = sigmoid(f) * states[1] + sigmoid(i) * tanh(c)
        return sigmoid(o) * tanh(cell), cell

    return step


KINDS |= dict.fromkeys(("LSTM", "QLSTM"), Kind(4, make_lstm))
STEPS |= dict.fromkeys(("LSTM", "QLSTM"), make_step)


@converts("LSTM", "QLSTM", floats=recurred, several=True)
def convert_lstm(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    return convert_recurrent(build, layer, inputs)
