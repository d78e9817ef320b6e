"""Functions of one element."""

from __future__ import annotations

from ...hw.rtl.activation import ActivationPointwise
from ...sim.ops.activation import Kind
from ...sim.rounding import Overflow, Rounding
from .cost import Resources, constant_multiplier, logic, registers, table
from .formulas import counts


@counts(ActivationPointwise)
def _(module: ActivationPointwise) -> Resources:
    op = module.op
    if op.kind is Kind.TABLE:
        assert op.table_type is not None
        address = Resources(lut=2 * op.table_type.width, ff=op.table_type.width)
        found = table(op.table, op.output_type.width) + address
    else:
        found = logic(_activation_luts(module)) + constant_multiplier(op.input_type.width, op.slope.raw)
    return (found + registers(op.output_type.width)) * module.layout.elements + registers(module.latency)


def _activation_luts(module: ActivationPointwise) -> int:
    """Sign, limits, rounding and saturation."""
    op = module.op
    source, out = op.input_type.width, op.output_type.width
    rounds = op.exact_fraction > op.output_type.fraction and op.rounding is not Rounding.TRN
    saturates = op.overflow is not Overflow.WRAP and not op.output_type.contains(op.exact_type)
    clips = op.lower is not None or op.upper is not None
    chooses = op.kind in (Kind.LEAKY_RELU, Kind.ABSOLUTE) or clips
    compares = op.kind is Kind.THRESHOLDED_RELU  # below it a register is cleared
    found = out * (saturates or rounds) + source // 4 * (saturates + rounds) // 2
    return found + source * chooses + source // 5 * compares
