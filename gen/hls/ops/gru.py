"""The types of a GRU's steps."""

from __future__ import annotations

from ....sim.fixed import Fixed
from ..cores import Core, cpp, rounded, typedef
from ..place import Place
from ..recurrent_cores import recurrent_core


def mapped(place: Place) -> Core:
    op = place.op
    inner = op.candidate_accumulator
    lines = [
        *rounded("gate_input", op.gates_type, op.gate_input),
        *rounded("reset_product", op.reset_type, op.reset_product),
        *rounded("candidate_input", op.candidate_sum_type, op.candidate_input),
        *rounded("state", op.output_type, op.state),
        typedef("gate_t", cpp(op.gate_type)),
        typedef("candidate_product_t", cpp(inner.type if inner else op.reset_product_type)),
        typedef("candidate_t", cpp(op.activation.output_type)),
        typedef("one_t", cpp(Fixed(False, 1, 0))),
        f"static const bool reset_after = {str(op.reset_after).lower()};",
    ]
    functions = {"recurrent_activation": op.recurrent_activation, "activation": op.activation}
    return recurrent_core(place, lines, functions, {"bias": (op.recurrent_bias, op.recurrent_bias_type)})
