"""GRU, QGRU and our own FixedGRU."""

from __future__ import annotations

import numpy as np

from ...sim.cast import Cast, cast_type
from ...sim.fixed import Fixed
from ...sim.interval import exact_product, exact_sum
from ...sim.ops.gru import GRU
from ...sim.ranges import accumulator
from ...sim.recurrent import BIT
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .floats import Array
from .recurrent import KINDS, Cell, Kind, Weights, convert_recurrent
from .recurrent_floats import STEPS, Function, Step, recurred
from .recurrent_types import trimmed
from .registry import converts


def make_gru(cell: Cell, gate_inputs: Fixed, weights: Weights) -> GRU:
    """The operator; the exact types on the way are those of its definition (sim/ops/gru.py), which checks them."""
    types, state = cell.types, cell.types.state(cell.quantizers["state"])
    product = accumulator("gru", state.type, *weights.recurrent, *weights.recurrent_bias).type
    sigmoid, gate_input = types.function(cell.recurrent_activation, "gate", exact_sum(gate_inputs, product), state.type)
    if types.build.tight:
        sigmoid = trimmed(sigmoid)
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


def make_step(layer: Layer, u: Array, bias: Array, sigmoid: Function, tanh: Function) -> Step:
    a = Attributes(layer.name, layer.config)
    n, reset_after = a.integer("units"), a.flag("reset_after", False)

    def step(x: Array, states: tuple[Array, ...]) -> tuple[Array, ...]:
        (h,) = states
        a = h @ u + bias
        z, r = np.split(sigmoid(x[:, : 2 * n] + a[:, : 2 * n]), 2, axis=1)
        reset = r * a[:, 2 * n :] if reset_after else (r * h) @ u[:, 2 * n :]
        return (z * h + (1 - z) * tanh(x[:, 2 * n :] + reset),)

    return step


KINDS |= dict.fromkeys(("GRU", "QGRU", "FixedGRU"), Kind(3, make_gru))
STEPS |= dict.fromkeys(("GRU", "QGRU", "FixedGRU"), make_step)


@converts("GRU", "QGRU", "FixedGRU", floats=recurred, several=True)
def convert_gru(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    return convert_recurrent(build, layer, inputs)
