"""The axes of an image in another order: banks of memory, and what turns a beat on its way to them and back."""

from __future__ import annotations

from ...hw.rtl.permute import PermuteCore
from .cost import Resources, adder, counter, kept, logic, registers, total
from .formulas import counts


@counts(PermuteCore)
def _(core: PermuteCore) -> Resources:
    address, turn = (core.depth - 1).bit_length(), (core.banks - 1).bit_length()
    banks = (kept(core.depth, core.word) + registers(core.word + 2 * address + 1)) * core.banks
    turned = logic(core.banks * (2 * core.word + 2 * address + 1) * turn / 2)
    walks = [counter(loop.size) for side in (core.written, core.read) for loop in side.loops]
    control = total(walks) + (adder(2 * address) + registers(address + turn)) * 4
    return banks + turned + control + registers(core.output.bits + core.latency)
