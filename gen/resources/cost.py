"""The price of adders, registers, multiplexers, memories and multipliers on UltraScale, as Yosys's xcu mapping pays it.

A LUT has 6 inputs, a carry chain takes one LUT a bit, a distributed RAM of 64 words keeps 7 bits in 8 LUTs, a DSP block
multiplies 27 by 18 bits (AMD UG574, UG579).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

import numpy as np

from ...sim.fixed import IntArray

# Words, bits and LUTs of one distributed RAM with a write and a read port.
LUTRAMS = ((32, 14, 8), (64, 7, 8))
# What Yosys weighs when it chooses: a LUT of distributed RAM, 64 bits of a table in logic, an 18-kbit block.
LUTRAM_PRICE, TABLE_PRICE, BRAM_PRICE = 2, 1 / 64, 129
SHIFT_FROM, SHIFT_WORDS = 3, 16
# A product of fewer bits, or with a factor below two bits, stays in LUTs.
DSP_MIN_BITS, DSP_MIN_FACTOR = 9, 2
DSP_WIDE, DSP_NARROW = 26, 17


@dataclass(frozen=True)
class Resources:
    """LUTs (those used as memory too), flip-flops, DSP blocks and block RAMs of 36 kbit, halves included."""

    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram: float = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(self.lut + other.lut, self.ff + other.ff, self.dsp + other.dsp, self.bram + other.bram)

    def __mul__(self, times: int) -> Resources:
        return Resources(self.lut * times, self.ff * times, self.dsp * times, self.bram * times)

    def to_json(self) -> dict[str, int | float]:
        return {"lut": self.lut, "ff": self.ff, "dsp": self.dsp, "bram": self.bram}


def total(parts: Iterable[Resources]) -> Resources:
    return sum(parts, Resources())


def logic(luts: float) -> Resources:
    return Resources(lut=ceil(luts))


def registers(bits: int) -> Resources:
    return Resources(ff=bits)


def multiplexer(choices: int, bits: int) -> Resources:
    """One of ``choices`` words: a LUT6 picks one of four."""
    return logic(bits * ceil((choices - 1) / 3)) if choices > 1 else Resources()


def counter(states: int) -> Resources:
    """A counter that wraps at ``states``, with its comparison."""
    bits = max(states - 1, 0).bit_length()
    return Resources(lut=2 * bits, ff=bits)


def shift_register(bits: int, cycles: int, resettable: bool = False) -> Resources:
    """A delay: SRL16 from three cycles on, flip-flops below that or with a reset."""
    if cycles < SHIFT_FROM or resettable:
        return registers(bits * cycles)
    return Resources(lut=bits * ceil(cycles / SHIFT_WORDS))


def memory(words: int, bits: int, registered: bool) -> Resources:
    """A simple dual-port memory; block RAM only where the read is registered and the distributed one is dearer."""
    deep, wide, luts = next((ram for ram in LUTRAMS if words <= ram[0]), LUTRAMS[-1])
    distributed = ceil(words / deep) * ceil(bits / wide) * luts
    blocks = half_blocks(words, bits)
    if registered and distributed * LUTRAM_PRICE > blocks * BRAM_PRICE:
        return Resources(bram=blocks / 2)
    return Resources(lut=distributed, ff=bits if registered else 0)


def kept(words: int, bits: int) -> Resources:
    """A memory that is read into registers; one word needs no memory."""
    return memory(words, bits, registered=True) if words > 1 else registers(2 * bits)


def half_blocks(words: int, bits: int) -> int:
    """Block RAMs of 18 kbit, in the widest form that is deep enough."""
    for depth, width in ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2)):
        if words <= depth:
            return ceil(bits / width)
    return ceil(words / 16384) * bits


def table(entries: IntArray, bits: int) -> Resources:
    """A registered read-only table: block RAM where it is large, else a LUT for each stretch of 64 entries in a column
    that changes inside, and is not the same as another; where none does, one LUT chooses between them."""
    places = 1 << (len(entries) - 1).bit_length()
    blocks = half_blocks(places, bits)
    if places * bits * TABLE_PRICE > blocks * BRAM_PRICE:
        return Resources(bram=blocks / 2)
    whole = np.pad(entries, (0, places - len(entries)), mode="edge")
    return Resources(lut=sum(_column((whole >> bit) & 1) for bit in range(bits)))


def _column(values: IntArray) -> int:
    """LUTs of one bit of a table."""
    stretches = {stretch.tobytes(): stretch for stretch in values.reshape(-1, min(64, len(values)))}
    changing = sum(int(stretch.min() != stretch.max()) for stretch in stretches.values())
    return changing or int(len(stretches) > 1)


def adder(bits: int) -> Resources:
    return logic(bits)


def multiplier(a_bits: int, b_bits: int) -> Resources:
    """A product of two variables: DSP blocks, or adders in LUTs where it is small."""
    if min(a_bits, b_bits) < DSP_MIN_FACTOR or a_bits + b_bits < DSP_MIN_BITS:
        return logic(a_bits * b_bits)
    wide, narrow = max(a_bits, b_bits), min(a_bits, b_bits)
    return Resources(dsp=ceil(wide / DSP_WIDE) * ceil(narrow / DSP_NARROW))


def constant_multiplier(x_bits: int, weight: int) -> Resources:
    """``x * weight``: free for powers of two, a carry chain for negative ones; else a DSP block, as Yosys does it."""
    if abs(weight) & (abs(weight) - 1) == 0:
        return Resources() if weight >= 0 else adder(x_bits)
    return multiplier(x_bits, (weight if weight > 0 else -weight - 1).bit_length() + (weight < 0))
