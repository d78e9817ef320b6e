"""A scale and an offset for each channel."""

from __future__ import annotations

from ...hw.rtl.batch_norm import BatchNormPointwise
from .cost import Resources, adder, constant_multiplier, registers, total
from .formulas import counts


@counts(BatchNormPointwise)
def _(module: BatchNormPointwise) -> Resources:
    op, bits = module.op, module.op.accumulator.type.width
    products = [constant_multiplier(module.layout.type.width, int(scale)) for scale in op.scale]
    # a DSP block has the offset's adder
    added = total(p if p.dsp else p + adder(bits) for p in products)
    return (added + registers(2 * bits * len(op.scale))) * module.layout.lanes + registers(2)
