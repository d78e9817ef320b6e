"""The product of several streams: multipliers, and the registers that no DSP block takes in."""

from __future__ import annotations

from ...hw.rtl.multiply import MultiplyCore
from .cost import Resources, multiplier, registers, shift_register, total
from .formulas import counts
from .join import handshake


@counts(MultiplyCore)
def _(core: MultiplyCore) -> Resources:
    """A factor waits for its product; the output's register is the handshake's."""
    factors = [port.layout.type.width for port in core.inputs]
    found = total(multiplier(a.width, b) for a, b in zip(core.types, factors[1:])) + registers(factors[0])
    found += total(shift_register(bits, k) for k, bits in enumerate(factors[1:], 1))
    found += registers(sum(product.width for product in core.types[1:-1]))
    return handshake(core) + found * core.output.elements
