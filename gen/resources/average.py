"""The mean of several streams."""

from __future__ import annotations

from ...hw.rtl.average import AverageCore
from .cost import Resources
from .formulas import counts
from .join import handshake
from .kernels import tree
from .reduction import division


@counts(AverageCore)
def _(core: AverageCore) -> Resources:
    count = len(core.inputs)
    bits = max(port.layout.type.width + shift for port, shift in zip(core.inputs, core.op.shifts))
    mean = division(core.op.division, bits + count.bit_length(), core.output.type.width)
    return handshake(core) + (tree(count, bits) + mean) * core.output.elements
