"""A step of a GRU. Without its constant matrices."""

from __future__ import annotations

from ...hw.rtl.gru import GRUCell
from ...sim.interval import exact_sum
from .cost import Resources, registers
from .formulas import counts
from .recurrent import functions, products, rounding, sums, waiting


@counts(GRUCell)
def _(cell: GRUCell) -> Resources:
    op, t, units = cell.op, cell.times, cell.op.units
    x, h, gate, c = (type.width for type in (op.input_type, op.state.type, op.gate_type, op.activation.output_type))
    gates = waiting(3 * units, x, t["product"]) + sums(2 * units, op.gates_type)
    gates += rounding(2 * units, op.gates_type, op.gate_input) + functions(2 * units, op.recurrent_activation)
    factor = op.accumulator.type if op.reset_after else op.state.type
    reset = products(units, op.gate_type, factor) + rounding(units, op.reset_type, op.reset_product)
    if op.reset_after:
        reset += waiting(units, factor.width, t["gates"] - t["product"])
    else:
        reset += registers(units * op.reset_product_type.width)
    candidate = waiting(units, x, t["inner"] - t["product"]) + sums(units, op.candidate_sum_type)
    candidate += rounding(units, op.candidate_sum_type, op.candidate_input) + functions(units, op.activation)
    waits = waiting(units, h, t["gates"]) + waiting(units, gate + h, t["candidate"] - t["gates"])
    waits += waiting(units, gate, 1) + waiting(units, c, 2)
    difference = exact_sum(op.state.type, op.activation.output_type)
    blend = products(units, op.gate_type, difference, (difference, op.output_type))
    return gates + reset + candidate + waits + blend + rounding(units, op.output_type, op.state)
