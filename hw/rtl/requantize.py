"""Rounding and overflow in logic: ap_fixed's modes, as sim.rounding defines them."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed

from ...sim.fixed import Fixed, Overflow, Rounding
from ...sim.rounding import limits
from .core import shape_of


def requantize(
    m: Module, value: Value, source_fraction: int, target: Fixed, rounding: Rounding, overflow: Overflow, name: str
) -> Signal:
    """``value`` (raw, with ``source_fraction``) in the target's type, without a register."""
    rounded = round_shift(value, source_fraction - target.fraction, rounding)
    exact = Signal(rounded.shape(), name=f"{name}_rounded")
    out = Signal(shape_of(target), name=name)
    m.d.comb += [exact.eq(rounded), out.eq(saturate(exact, target, overflow))]
    return out


def round_shift(value: Value, shift: int, rounding: Rounding) -> Value:
    """``value * 2**-shift`` as an integer."""
    if shift <= 0:
        return value << -shift
    value = value.as_value() if not isinstance(value, Value) else value
    if len(value) < shift + 1:  # so that every bit below the point exists
        value = extend(value, shift + 1)
    floor = value >> shift
    if rounding is Rounding.TRN:
        return floor
    half, negative = value[shift - 1], value[-1] if value.shape().signed else Const(0)
    sticky = value[: shift - 1].any() if shift > 1 else Const(0)
    up = {
        Rounding.TRN_ZERO: negative & (half | sticky),
        Rounding.RND: half,
        Rounding.RND_ZERO: half & (sticky | negative),
        Rounding.RND_INF: half & (sticky | ~negative),
        Rounding.RND_MIN_INF: half & sticky,
        Rounding.RND_CONV: half & (sticky | floor[0]),
    }[rounding]
    return floor + up


def extend(value: Value, width: int) -> Value:
    """The same number with at least ``width`` bits."""
    missing = width - len(value)
    return (
        value + Const(0, signed(len(value) + missing))
        if value.shape().signed
        else value + Const(0, len(value) + missing)
    )


def saturate(value: Signal, target: Fixed, overflow: Overflow) -> Value:
    """``value`` inside the target's range, by its overflow mode; WRAP is left to the assignment."""
    if overflow is Overflow.WRAP:
        return value
    low, high = limits(target.raw_min, target.raw_max, overflow)
    value_low, value_high = bounds(value)
    zero = overflow is Overflow.SAT_ZERO
    result: Any = value
    if value_high > high:
        result = Mux(value > high, 0 if zero else high, result)
    if value_low < low:
        result = Mux(value < low, 0 if zero else low, result)
    return result


def bounds(value: Value) -> tuple[int, int]:
    """What a value of this shape can be."""
    width = len(value)
    return (-(1 << (width - 1)), (1 << (width - 1)) - 1) if value.shape().signed else (0, (1 << width) - 1)
