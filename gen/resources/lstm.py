"""A step of an LSTM. Without its constant matrices."""

from __future__ import annotations

from ...hw.rtl.lstm import LSTMCell
from .cost import Resources
from .formulas import counts
from .recurrent import functions, products, rounding, sums, waiting


@counts(LSTMCell)
def _(cell: LSTMCell) -> Resources:
    op, t, units = cell.op, cell.times, cell.op.units
    gate, g, new_cell = op.gate_type.width, op.activation.output_type, op.new_cell_type
    gates = waiting(4 * units, op.input_type.width, t["product"]) + sums(4 * units, op.gates_type)
    gates += rounding(3 * units, op.gates_type, op.gate_input) + rounding(units, op.gates_type, op.candidate_input)
    gates += functions(3 * units, op.recurrent_activation) + functions(units, op.activation)
    waits = waiting(3 * units, gate, t["both"] - t["gates"]) + waiting(units, g.width, t["both"] - t["candidate"])
    waits += waiting(units, op.cell.type.width, t["both"]) + waiting(units, gate, t["cell_output"] - t["both"])
    waits += waiting(units, new_cell.width, t["output"] - t["new_cell"])
    added = products(units, op.gate_type, op.cell.type) + products(units, op.gate_type, g, (new_cell,))
    hidden = products(units, op.gate_type, op.cell_activation.output_type)
    hidden += functions(units, op.cell_activation)
    states = rounding(units, op.hidden_type, op.state) + rounding(units, new_cell, op.cell)
    return gates + waits + added + hidden + states
