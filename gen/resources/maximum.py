"""The largest of several streams."""

from __future__ import annotations

from ...hw.rtl.maximum import MaximumCore
from ...hw.rtl.tree import LEVELS_PER_STAGE
from .cost import Resources, registers
from .formulas import counts
from .join import handshake
from .reduction import picks


@counts(MaximumCore)
def picked(core: MaximumCore) -> Resources:
    """Registers between the levels only where there are many streams; the last one is the handshake's."""
    terms = len(core.inputs)
    bits = max(port.layout.type.width + shift for port, shift in zip(core.inputs, core.shifts))
    each = picks(terms, bits) + registers(bits * -(-terms // (1 << LEVELS_PER_STAGE)) * core.stages)
    return handshake(core) + each * core.output.elements
