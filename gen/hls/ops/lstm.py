"""The types of an LSTM's steps."""

from __future__ import annotations

from ..cores import Core, cpp, rounded, typedef
from ..place import Place
from ..recurrent_cores import recurrent_core


def mapped(place: Place) -> Core:
    op = place.op
    lines = [
        *rounded("gate_input", op.gates_type, op.gate_input),
        *rounded("candidate_input", op.gates_type, op.candidate_input),
        *rounded("state", op.hidden_type, op.state),
        *rounded("cell", op.new_cell_type, op.cell),
        typedef("gate_t", cpp(op.gate_type)),
        typedef("candidate_t", cpp(op.activation.output_type)),
        typedef("new_cell_t", cpp(op.new_cell_type)),
        typedef("cell_output_t", cpp(op.cell_activation.output_type)),
    ]
    functions = {
        "recurrent_activation": op.recurrent_activation,
        "activation": op.activation,
        "cell_activation": op.cell_activation,
    }
    return recurrent_core(place, lines, functions, {})
