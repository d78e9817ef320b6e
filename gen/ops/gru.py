"""GRU, QGRU and our own FixedGRU."""

from __future__ import annotations

from ...sim.cast import Cast, cast_type
from ...sim.fixed import Fixed
from ...sim.interval import exact_product, exact_sum
from ...sim.ops import GRU
from ...sim.ranges import accumulator
from ...sim.recurrent import BIT
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .recurrent import KINDS, Cell, Kind, Weights, convert_recurrent
from .registry import converts


def make_gru(cell: Cell, gate_inputs: Fixed, weights: Weights) -> GRU:
    """The operator; the exact types on the way are those of its definition (sim/ops/gru.py), which checks them."""
    types, state = cell.types, cell.types.state(cell.quantizers["state"])
    product = accumulator("gru", state.type, *weights.recurrent, *weights.recurrent_bias).type
    sigmoid, gate_input = types.function(cell.recurrent_activation, "gate", exact_sum(gate_inputs, product), state.type)
    reset_product = _reset_product(cell, state)
    reset = cast_type(exact_product(sigmoid.output_type, product if cell.reset_after else state.type), reset_product)
    if not cell.reset_after:
        kernel, bias = weights.recurrent[0][:, 2 * cell.units :], weights.recurrent_bias[0][2 * cell.units :]
        reset = accumulator("gru", reset, kernel, weights.recurrent[1], bias, BIT).type
    tanh, candidate_input = types.function(cell.activation, "candidate", exact_sum(gate_inputs, reset), state.type)
    return GRU(
        input_type=gate_inputs,
        recurrent_kernel=weights.recurrent[0],
        recurrent_kernel_type=weights.recurrent[1],
        state=state,
        recurrent_bias=weights.recurrent_bias[0],
        recurrent_bias_type=weights.recurrent_bias[1],
        recurrent_activation=sigmoid,
        activation=tanh,
        gate_input=gate_input,
        reset_product=reset_product,
        candidate_input=candidate_input,
        reset_after=cell.reset_after,
    )


def _reset_product(cell: Cell, state: Cast) -> Cast | None:
    """What rounds the reset product; a plain model's is kept short where it is multiplied again."""
    given, own = cell.types.cast("reset_product"), cell.types.quantized or cell.types.own is not None
    return given if given is not None or own or cell.reset_after else Cast(state.type)


KINDS |= dict.fromkeys(("GRU", "QGRU", "FixedGRU"), Kind(3, make_gru))


@converts("GRU", "QGRU", "FixedGRU")
def convert_gru(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    return convert_recurrent(build, layer, inputs)
