"""A scale and an offset for each channel."""

from __future__ import annotations

from ...hw.rtl.batch_norm import BatchNormPointwise
from .cost import Resources, constant_multiplier, registers, total
from .formulas import counts


@counts(BatchNormPointwise)
def _(module: BatchNormPointwise) -> Resources:
    op, bits = module.op, module.op.accumulator.type.width
    pixel = total(constant_multiplier(module.layout.type.width, int(scale)) for scale in op.scale)
    each = Resources(lut=bits, ff=2 * bits)
    return (pixel + each * len(op.scale)) * module.layout.lanes + registers(2)
