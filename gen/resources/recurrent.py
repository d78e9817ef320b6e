"""What recurrent layers share: control, the state memory, a cell for each lane, and what cells are made of."""

from __future__ import annotations

from ...hw.rtl.activation import ActivationPointwise
from ...hw.rtl.layout import Layout
from ...hw.rtl.recurrent import RecurrentCore
from ...sim.cast import Cast
from ...sim.fixed import Fixed
from ...sim.interval import exact_product
from ...sim.ops.activation import Activation, Kind
from .cost import Resources, adder, counter, kept, logic, multiplier, registers, shift_register, total
from .formulas import count, counts
from .kernels import kernel


@counts(RecurrentCore)
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
    return control + states + (kernels + count(core.cell)) * gates.lanes


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
