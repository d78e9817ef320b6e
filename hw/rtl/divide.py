"""A sum divided by a constant and rounded, by the multiplication that sim.division proves equal."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed

from ...sim.division import RoundedDivision
from ...sim.fixed import Fixed, Overflow, Rounding
from .core import shape_of
from .requantize import saturate

LATENCY = 3


def divide(m: Module, total: Value, division: RoundedDivision, target: Fixed, overflow: Overflow, name: str) -> Signal:
    """``total`` divided, rounded and brought into the target's type, ``LATENCY`` cycles later."""
    reciprocal = division.reciprocal
    negative = total[-1] if total.shape().signed else Const(0)
    numerator = (total << (division.up + 1)) + Mux(negative, division.c_negative, division.c_positive)
    b = Signal(signed(len(numerator) + 1), name=f"{name}_numerator", reset_less=True)
    folded = Signal(signed(len(b)), name=f"{name}_folded")
    product = Signal(signed(len(b) + reciprocal.multiplier.bit_length() + 1), name=f"{name}_product", reset_less=True)
    b_later = Signal(b.shape(), name=f"{name}_numerator_later", reset_less=True)
    m.d.comb += folded.eq(Mux(b[-1], ~b, b))
    m.d.sync += [b.eq(numerator), b_later.eq(b), product.eq(folded * Const(reciprocal.multiplier))]
    quotient = Signal(product.shape(), name=f"{name}_quotient")
    shifted = product >> reciprocal.shift
    m.d.comb += quotient.eq(Mux(b_later[-1], ~shifted, shifted))
    rounded = quotient
    if division.rounding is Rounding.RND_CONV:
        rounded = Signal(signed(len(quotient) + 1), name=f"{name}_even")
        m.d.comb += rounded.eq(quotient - (quotient[0] & (quotient * Const(2 * division.divisor) == b_later)))
    out = Signal(shape_of(target), name=name, reset_less=True)
    m.d.sync += out.eq(saturate(rounded, target, overflow))
    return out
