"""The index of the largest."""

from __future__ import annotations

from ...hw.rtl.argmax import ArgmaxPointwise
from .cost import Resources
from .formulas import counts
from .reduction import largest


@counts(ArgmaxPointwise)
def _(module: ArgmaxPointwise) -> Resources:
    channels, bits = module.layout.channels, module.layout.type.width + module.output.type.width
    return largest(channels, bits) + Resources(lut=bits, ff=module.output.type.width + module.latency)
