"""SimpleRNN and QSimpleRNN."""

from __future__ import annotations

from ...sim.fixed import Fixed
from ...sim.interval import exact_sum
from ...sim.ops.simple_rnn import SimpleRNN
from ...sim.ranges import accumulator
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .floats import Array
from .recurrent import KINDS, Cell, Kind, Weights, convert_recurrent
from .recurrent_floats import STEPS, Function, Step, recurred
from .registry import converts


def make_simple_rnn(cell: Cell, gate_inputs: Fixed, weights: Weights) -> SimpleRNN:
    """The operator; its one function makes the output, whose type ``candidate`` gives."""
    types, state = cell.types, cell.types.state(cell.quantizers["state"])
    product = accumulator("simple_rnn", state.type, *weights.recurrent, *weights.recurrent_bias).type
    tanh, candidate_input = types.function(cell.activation, "candidate", exact_sum(gate_inputs, product), state.type)
    return SimpleRNN(
        input_type=gate_inputs,
        recurrent_kernel=weights.recurrent[0],
        recurrent_kernel_type=weights.recurrent[1],
        state=state,
        activation=tanh,
        gate_input=candidate_input,
    )


def make_step(layer: Layer, u: Array, bias: Array, sigmoid: Function, tanh: Function) -> Step:
    return lambda x, states: (tanh(x + states[0] @ u),)


KINDS |= dict.fromkeys(("SimpleRNN", "QSimpleRNN"), Kind(1, make_simple_rnn))
STEPS |= dict.fromkeys(("SimpleRNN", "QSimpleRNN"), make_step)


@converts("SimpleRNN", "QSimpleRNN", floats=recurred, several=True)
def convert_simple_rnn(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    return convert_recurrent(build, layer, inputs)
