"""A step of a simple recurrent layer. Without its constant matrices."""

from __future__ import annotations

from ...hw.rtl.simple_rnn import SimpleRNNCell
from .cost import Resources
from .formulas import counts
from .recurrent import functions, rounding, sums, waiting


@counts(SimpleRNNCell)
def _(cell: SimpleRNNCell) -> Resources:
    op, units = cell.op, cell.op.units
    sum_ = waiting(units, op.input_type.width, cell.product.latency) + sums(units, op.gates_type)
    output = rounding(units, op.gates_type, op.gate_input) + functions(units, op.activation)
    return sum_ + output + rounding(units, op.output_type, op.state)
