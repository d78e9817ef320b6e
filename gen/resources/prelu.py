"""A slope for each channel."""

from __future__ import annotations

from ...hw.rtl.prelu import PReLUPointwise
from .cost import Resources, constant_multiplier, logic, registers, total
from .formulas import counts


@counts(PReLUPointwise)
def _(module: PReLUPointwise) -> Resources:
    op, bits = module.op, module.op.output_type.width
    if not op.input_type.signed:
        return registers(bits * module.layout.elements + module.latency)
    pixel = total(constant_multiplier(op.input_type.width, int(slope)) for slope in op.slope)
    # what is above the value's own bits, or behind them, is 0 from 0 on: the register is cleared there
    each = logic(op.input_type.width - 1) + registers(bits)
    return (pixel + each * len(op.slope)) * module.layout.lanes + registers(module.latency)
