"""What the steps of recurrent layers cost, and what keeps, repeats and turns round sequences."""

from __future__ import annotations

from functools import singledispatch

from ...hw.rtl.activation import ActivationPointwise
from ...hw.rtl.cell import Cell
from ...hw.rtl.gru import GRUCell
from ...hw.rtl.layout import Layout
from ...hw.rtl.lstm import LSTMCell
from ...hw.rtl.recurrent import RecurrentCore
from ...hw.rtl.repeat_vector import RepeatVectorCore
from ...hw.rtl.reverse import ReverseCore
from ...hw.rtl.simple_rnn import SimpleRNNCell
from ...sim.cast import Cast
from ...sim.fixed import Fixed
from ...sim.interval import exact_product, exact_sum
from ...sim.ops.activation import Activation, Kind
from .cost import Resources, adder, counter, logic, multiplier, registers, shift_register, total
from .kernels import kernel
from .stages import count, kept


@count.register
def _(core: RecurrentCore) -> Resources:
    """Control, the state memory and a cell for each lane."""
    gates, word = core.inputs[0].layout, core.inputs[0].layout.lanes * core.cell.state_bits
    control = counter(gates.beats_per_row) * 2 + counter(gates.height) + counter(core.reuse + core.wait) + logic(12)
    control += registers(core.latency + core.recurrence + gates.bits)
    states = kept(gates.beats_per_row, word) + logic(word)
    if len(core.inputs) > 1:
        ports = zip(core.inputs[1:], core.op.state_casts())
        states += total(rounding(port.layout.elements, port.layout.type, cast) for port, cast in ports)
    kernels = total(kernel(matrix) for matrix in core.cell.kernels().values())
    return control + states + (kernels + of_cell(core.cell)) * gates.lanes


# one step ---------------------------------------------------------------------------------------


@singledispatch
def of_cell(cell: Cell) -> Resources:
    """A cell without its constant matrices."""
    raise AssertionError(f"there is no formula for {type(cell).__name__}")


@of_cell.register
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


@of_cell.register
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


@of_cell.register
def _(cell: SimpleRNNCell) -> Resources:
    op, units = cell.op, cell.op.units
    sum_ = waiting(units, op.input_type.width, cell.product.latency) + sums(units, op.gates_type)
    output = rounding(units, op.gates_type, op.gate_input) + functions(units, op.activation)
    return sum_ + output + rounding(units, op.output_type, op.state)


def waiting(numbers: int, bits: int, cycles: int) -> Resources:
    return shift_register(numbers * bits, cycles)


def sums(numbers: int, type_: Fixed) -> Resources:
    """Registered sums of two."""
    return (adder(type_.width) + registers(type_.width)) * numbers


def functions(numbers: int, op: Activation) -> Resources:
    return count(ActivationPointwise("", op, Layout(1, 1, numbers, 1, op.input_type)))


def rounding(numbers: int, source: Fixed, to: Cast | None) -> Resources:
    """Registered casts: what a linear activation does."""
    if to is None:
        return Resources()
    return functions(numbers, Activation(source, Kind.LINEAR, to.type, to.rounding, to.overflow))


def products(numbers: int, a: Fixed, b: Fixed, beside: tuple[Fixed, ...] = ()) -> Resources:
    """Registered products of two variables; a DSP block takes in the registers and the sums ``beside`` it."""
    each = multiplier(a.width, b.width)
    if each.dsp == 1:
        return each * numbers
    stored = registers(exact_product(a, b).width)
    return (each + stored) * numbers + total(sums(numbers, type_) for type_ in beside)


# sequences --------------------------------------------------------------------------------------


@count.register
def _(core: RepeatVectorCore) -> Resources:
    beats, bits = core.output.beats_per_row, core.output.bits
    control = counter(beats) + counter(core.output.height) + registers(core.latency)
    return control + kept(beats, bits) + registers(2 * bits) + logic(bits)


@count.register
def _(core: ReverseCore) -> Resources:
    beats, bits = core.output.beats, core.output.bits
    control = counter(beats) * 2 + counter(core.output.beats_per_row) + adder((beats - 1).bit_length())
    return control + kept(beats, bits) + registers(bits + core.latency)
