"""A slope for each channel."""

from __future__ import annotations

from ...hw.rtl.prelu import PReLUPointwise
from .cost import Resources, constant_multiplier, logic, registers, total
from .formulas import counts


@counts(PReLUPointwise)
def _(module: PReLUPointwise) -> Resources:
    op, bits = module.op, module.op.output_type.width
    pixel = total(constant_multiplier(op.input_type.width, int(slope)) for slope in op.slope)
    each = logic(bits * op.input_type.signed) + registers(bits)
    return (pixel + each * len(op.slope)) * module.layout.lanes + registers(module.latency)
