"""The gain of a divisive normalization as a pipeline: normalize, look up lines, a Newton step, shift back, round.

One sum enters and one gain leaves in each cycle; the steps and their integers are those of ``sim/root.py``. Registers
stand where a DSP48E2 has its own: in front of the multiplier, behind it, and behind the adder that follows it. What a
shifter loses to the right is kept as one bit, for that is all that rounding asks of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from ...sim.fixed import Overflow
from ...sim.piecewise import PiecewiseLinear
from ...sim.root import Form, Root
from .core import Hardware, delay, shape_of
from .requantize import requantize
from .sharing import rom

LEVELS = 2  # of a shifter between two registers: a multiplexer of four is one LUT6
WIDE, NARROW = 27, 18  # bits of the two factors of a DSP48E2, signed


@dataclass(frozen=True)
class Timed:
    """A value and the cycle in which it is there."""

    value: Value
    cycle: int


class RootUnit(Hardware):
    """``s`` in, ``gain`` out ``latency`` cycles later, raw."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self.s = Signal(shape_of(root.source), name="s")
        self.gain = Signal(shape_of(root.gain.type), name="gain")

    def ports(self) -> list[Signal]:
        return [self.s, self.gain]

    def about(self) -> str:
        kind = "sqrt(s)" if self.root.inverse else "1 / sqrt(s)"
        return (
            f"A normalization's gain, about {kind}: the sum is shifted until a bit is in front, looked up in lines, "
            f"shifted back and rounded to {self.root.gain.type}. gain comes {self.latency} cycles after s."
        )

    @cached_property
    def latency(self) -> int:
        trial = Module()
        trial._MustUse__silence = True  # built only to count its registers
        return self._build(trial).cycle

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.gain.eq(self._build(m).value)
        return m

    def _build(self, m: Module) -> Timed:
        pipe = _Pipe(m)
        mantissa, zeros = self._normalize(pipe)
        return self._scale(pipe, self._root(pipe, mantissa), zeros)

    @property
    def spread(self) -> int:
        """The most pairs of zeros in front of a sum."""
        least = ((self.root.low << self.root.odd).bit_length() - 1) // 2
        return self.root.most - least

    def _normalize(self, pipe: _Pipe) -> tuple[_Mantissa, Timed]:
        """(m, pairs of zeros in front of the sum): moved up until a bit is in front, large steps first."""
        root, width = self.root, 2 * self.root.most + 2
        wide = Signal(width, name="aligned")
        pipe.m.d.comb += wide.eq(self.s << root.odd)
        value, zeros = Timed(wide, 0), Timed(Const(0, 0), 0)
        for low, levels in _groups(2 * self.spread + 1):
            empty = [value.value[max(width - (k << low), 0) :] == 0 for k in range(1, 1 << levels)]
            place = empty[0] if levels == 1 else Cat(Mux(empty[1], empty[2], empty[0]), empty[1])
            place = _named(pipe.m, place, f"place_{low}")
            moved = _chosen(place, [(value.value << (k << low))[:width] for k in range(1 << levels)])
            zeros = pipe.register(Cat(place, zeros.value), zeros.cycle, f"zeros_{low}")
            value = pipe.register(moved, value.cycle, f"moved_{low}")
        bits = Cat(Const(0, max(root.width - width, 0)), value.value[max(width - root.width, 0) :])
        return _Mantissa(bits, ~zeros.value[0], value.cycle), Timed(zeros.value[1:], zeros.cycle)

    def _root(self, pipe: _Pipe, m: _Mantissa) -> Timed:
        """The root of m, F fraction bits."""
        q, r = self._look_up(pipe, m.cut(self.root.fraction - self.root.seed))
        return self._step(pipe, q, r, m.number) if self.root.newton else q if self.root.inverse else r

    def _look_up(self, pipe: _Pipe, m: _Mantissa) -> tuple[Timed, Timed]:
        """(square root, its reciprocal) by the tables; one that is not needed is the other."""
        root = self.root
        if root.form is Form.RECIPROCAL_SQUARE_ROOT:
            r = self._line(pipe, m.address(root.tables["reciprocal_square_root"]), "reciprocal_square_root")
            return (pipe.shifted(pipe.whole(m.number, r, "m_r"), root.seed) if root.inverse else r), r
        q = self._line(pipe, m.address(root.tables["square_root"]), "square_root")
        if "reciprocal" not in root.tables:
            return q, q
        return q, self._line(pipe, self._place(self._clamped(pipe, q, "clamped")), "reciprocal")

    def _clamped(self, pipe: _Pipe, q: Timed, name: str) -> Timed:
        """The fraction of a square root brought into [1, 2): two bits say on which side it is outside.

        A square root's best lines lie above it at their ends, so only the upper side needs logic there.
        """
        root, f = self.root, self.root.seed
        inside = Mux(q.value[f + 1 :].any(), (1 << f) - 1, q.value[:f])[:f]
        if root.form is Form.RECIPROCAL_SQUARE_ROOT or root.tables["square_root"].low < 1 << f:
            inside = Mux(q.value[f:].any(), inside, 0)[:f]
        return pipe.register(inside, q.cycle, name)

    def _place(self, clamped: Timed) -> tuple[Timed, Timed]:
        """Segment and offset in the reciprocal's table."""
        bits = self.root.tables["reciprocal"].offset_bits
        return Timed(clamped.value[bits:], clamped.cycle), Timed(clamped.value[:bits], clamped.cycle)

    def _line(self, pipe: _Pipe, place: tuple[Timed, Timed], name: str) -> Timed:
        """A piecewise-linear function: its line's two numbers, their product with the offset, the sum."""
        table, (index, offset) = self.root.tables[name], place
        word, low = _words(table)
        line = rom(pipe.m, word, index.value, f"{name}_line")
        slope, intercept = (Timed(part.as_signed(), index.cycle + 1) for part in (line[:low], line[low:]))
        product = pipe.product(offset, slope, f"{name}_rise")
        start = pipe.delayed(intercept, product.cycle - intercept.cycle)
        y = _named(pipe.m, start.value + product.value, f"{name}_sum") >> table.shift
        return pipe.register(y[: table.high.bit_length()], product.cycle, f"{name}_y")

    def _step(self, pipe: _Pipe, q: Timed, r: Timed, m: Timed) -> Timed:
        """One Newton step; only m and its product with r can be wider than a factor of one DSP block."""
        f, seed = self.root.fraction, self.root.seed
        if self.root.inverse:
            fraction = self._clamped(pipe, q, "seed")
            value = Timed(Cat(fraction.value, Const(1, 1)), fraction.cycle)
            product, places = pipe.product(value, value, "q_q"), 2 * seed - f
            start = Cat(Const(0, places), pipe.delayed(m, product.cycle - m.cycle).value)
        else:
            value = r
            product, places = pipe.product(pipe.shifted(pipe.whole(m, r, "m_r"), seed), r, "m_r_r"), seed
            start = Const(1 << (f + seed))
        # The rest is small: its upper bits are copies of its sign, so nobody needs them.
        rest = (start - product.value)[places : places + self.rest_bits].as_signed()
        small = pipe.register(rest, product.cycle, "rest")
        correction = pipe.whole(r, small, "correction")
        held = pipe.delayed(value, correction.cycle - value.cycle)
        better = (Cat(Const(0, f - seed), held.value) + (correction.value >> (seed + 1)))[: f + 2]
        return pipe.register(better, correction.cycle, "improved")

    @property
    def rest_bits(self) -> int:
        """Of ``1 - m * r**2`` or ``m - q**2``, signed: twice the error ahead of the step, and what is cut off."""
        error, f = self.root.seed_errors[0 if self.root.inverse else 1], self.root.fraction
        largest = math.ldexp((2 * error + error * error) * (4 if self.root.inverse else 1), f) + 2
        return min(int(largest).bit_length() + 1, f + 1)

    def _scale(self, pipe: _Pipe, value: Timed, zeros: Timed) -> Timed:
        """Shifted back by the exponent, and rounded to the gain's type.

        As far up as can be, then down: below half a step of the gain only whether a bit was set is kept.
        """
        root, gain = self.root, self.root.gain
        up = root.most if root.inverse else self.spread
        down = zeros if root.inverse else Timed((self.spread - zeros.value)[: len(zeros.value)], zeros.cycle)
        down = pipe.delayed(down, value.cycle - zeros.cycle)
        floor = max(root.scaled_fraction - gain.type.fraction - 1, 0)
        now = Timed(_cut(value.value << up, floor), value.cycle)
        for low, levels in _groups(self.spread):
            place = down.value[low : low + levels]
            shifted = _chosen(place, [_cut(now.value, (k << low) + 1) for k in range(1 << levels)])
            now = pipe.register(shifted, now.cycle, f"scaled_{low}")
            down = pipe.delayed(Timed(down.value[:low], down.cycle), 1) if low else down
        fraction = root.scaled_fraction - floor + 1
        overflow = Overflow.WRAP if self._fits else gain.overflow
        top = now.value[: max(root.width + 2 + root.most - floor, 1)]
        cast = requantize(pipe.m, top, fraction, gain.type, gain.rounding, overflow, "rounded")
        return pipe.register(cast, now.cycle, "gain_out")

    @property
    def _fits(self) -> bool:
        """No gain saturates: the largest exact one, its error, its rounding."""
        step = 2.0**-self.root.gain.type.fraction
        return self.root.range[1] * (1 + self.root.error) + step <= self.root.gain.type.raw_max * step


@dataclass(frozen=True)
class _Mantissa:
    """m with its leading bit in front: ``bits`` where it is in the upper octave, else half of them."""

    bits: Value
    upper: Value
    cycle: int

    def cut(self, places: int) -> _Mantissa:
        """Without its last bits."""
        return _Mantissa(self.bits[places:], self.upper, self.cycle)

    @property
    def number(self) -> Timed:
        """m itself, F fraction bits."""
        return Timed(Mux(self.upper, self.bits, self.bits >> 1), self.cycle)

    def address(self, table: PiecewiseLinear) -> tuple[Timed, Timed]:
        """(segment, offset), as ``PiecewiseLinear.address`` says: the lower octave's last bit was cut off."""
        bits, low = table.offset_bits, self.bits[0] & self.upper
        segment = Cat(self.bits[bits : table.fraction + 1], self.upper)
        return Timed(segment, self.cycle), Timed(Cat(low, self.bits[1:bits]), self.cycle)


class _Pipe:
    """Registers, delays and products that know their cycles."""

    def __init__(self, m: Module) -> None:
        self.m = m
        self._count = 0

    def register(self, value: Value, cycle: int, name: str) -> Timed:
        register = Signal(value.shape(), name=name, reset_less=True)
        self.m.d.sync += register.eq(value)
        return Timed(register, cycle + 1)

    def delayed(self, value: Timed, cycles: int) -> Timed:
        self._count += 1
        if cycles == 0 or len(value.value) == 0:
            return Timed(value.value, value.cycle + cycles)
        flat = delay(self.m, Cat(value.value), cycles, f"wait_{self._count}")
        return Timed(flat.as_signed() if value.value.shape().signed else flat, value.cycle + cycles)

    def product(self, a: Timed, b: Timed, name: str) -> Timed:
        """``a * b`` behind the multiplier's register; an adder and its register follow.

        Factors too wide for one DSP block have a register more in front.
        """
        start = max(a.cycle, b.cycle) + int(not _one_block(a.value, b.value))
        a, b = (self.delayed(x, start - x.cycle) for x in (a, b))
        return self.register(a.value * b.value, start, name)

    def whole(self, a: Timed, b: Timed, name: str) -> Timed:
        """``a * b`` with nothing to add: behind the adder's register."""
        product = self.product(a, b, name)
        return self.register(product.value, product.cycle, f"{name}_out")

    def shifted(self, value: Timed, places: int) -> Timed:
        return Timed(value.value >> places, value.cycle)


def _named(m: Module, value: Value, name: str) -> Signal:
    signal = Signal(value.shape(), name=name)
    m.d.comb += signal.eq(value)
    return signal


def _groups(largest: int) -> Iterator[tuple[int, int]]:
    """(lowest bit, bits) of a shift up to ``largest``, cut from the top into what one multiplexer takes."""
    for top in range(largest.bit_length(), 0, -LEVELS):
        low = max(top - LEVELS, 0)
        yield low, top - low


def _chosen(place: Value, options: list[Value]) -> Value:
    """The option at ``place``, by a tree of multiplexers; the first is the widest."""
    for bit in place:
        options = [Mux(bit, b, a) for a, b in zip(options[::2], options[1::2])]
    return options[0]


def _cut(value: Value, places: int) -> Value:
    """``value`` without its lowest bits, in front of them one bit that says whether one of them was set."""
    return Cat(value[:places].any(), value[places:])


def _one_block(a: Value, b: Value) -> bool:
    """Whether both factors fit one DSP48E2."""
    small, large = sorted(len(x) + int(not x.shape().signed) for x in (a, b))
    return small <= NARROW and large <= WIDE


def _words(table: PiecewiseLinear) -> tuple[list[int], int]:
    """Slope and intercept of each segment in one word, and the bits of the slope."""
    low = max(int(s).bit_length() + 1 for s in table.slopes)
    words = [(int(a) << low) + (int(s) & ((1 << low) - 1)) for a, s in zip(table.intercepts, table.slopes)]
    return words, low
