"""The types of a SimpleRNN's steps."""

from __future__ import annotations

from ..cores import Core, rounded
from ..place import Place
from ..recurrent_cores import recurrent_core


def mapped(place: Place) -> Core:
    op = place.op
    lines = rounded("gate_input", op.gates_type, op.gate_input) + rounded("state", op.output_type, op.state)
    return recurrent_core(place, lines, {"activation": op.activation}, {})
