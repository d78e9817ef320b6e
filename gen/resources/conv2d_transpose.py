"""The order of the phases of a transposed convolution; the phases are a convolution."""

from __future__ import annotations

from ...hw.rtl.conv2d_transpose import OrderCore
from .cost import Resources, counter, logic, memory, multiplexer, registers
from .formulas import counts


@counts(OrderCore)
def _(core: OrderCore) -> Resources:
    layout, pixels = core.inputs[0].layout, core.rows.stride * core.columns.stride
    found = counter(core.rows.places) + counter(core.columns.places) + counter(pixels) + logic(12)
    if core.rows.stride > 1:
        found += memory(core.columns.places, layout.bits, registered=True) + registers(layout.bits) + logic(layout.bits)
    return found + multiplexer(pixels, core.output.bits) + registers(core.output.bits)
