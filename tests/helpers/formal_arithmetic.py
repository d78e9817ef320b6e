"""Arithmetic without a handshake: a module around it, and what a proof compares it with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import Module, Signal, Value
from formal import Harness, instance
from formal_reference import table

from bitsmith.gen.rtl.verilog import to_verilog
from bitsmith.hw.rtl.core import Hardware, shape_of
from bitsmith.hw.rtl.requantize import requantize
from bitsmith.sim.fixed import Fixed, IntArray, Overflow, Rounding

Build = Callable[[Module, Value, str], Value]
Definitions = Mapping[str, str] | Callable[[Harness], Mapping[str, str]]


class Functions(Hardware):
    """Several functions of one number ``x``, each an output of so many bits; ``outputs`` in this order."""

    def __init__(self, x: Fixed, functions: Mapping[str, tuple[int, Build]]) -> None:
        self.type, self.functions = x, functions
        self.x = Signal(x.width, name="x")
        self.outputs = {name: Signal(width, name=name) for name, (width, _) in functions.items()}

    def ports(self) -> list[Signal]:
        return [self.x, *self.outputs.values()]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        number = Signal(shape_of(self.type), name="number")
        m.d.comb += number.eq(self.x)
        for name, (_, build) in self.functions.items():
            m.d.comb += self.outputs[name].eq(build(m, number, f"{name}_value"))
        return m


def emitted(module: Hardware) -> dict[str, str]:
    return to_verilog({"functions": module})


def functional(
    type_: Fixed, x: str, outputs: Mapping[str, int], cycles: int, definitions: Definitions, given: str = "1"
) -> Harness:
    """A module ``functions`` of the input ``x``, whose outputs (name, width) are ``definitions`` of it.

    ``definitions``: expressions on ``x_then``, the number of ``cycles`` ago, or what gives them and adds wires;
    ``given``: of which numbers it is asked, an expression on ``x_then``.
    """
    h = Harness({x: type_.width}, memory=cycles)
    h.body += [f"wire [{width - 1}:0] {name};" for name, width in outputs.items()]
    h.body.append(instance("functions", x, *outputs, clocked=cycles > 0))
    then, valid = x, "1"
    for k in range(cycles):
        h.register(f"x_{k}", type_.width, then)
        h.register(f"valid_{k}", 1, valid)
        then, valid = f"x_{k}", f"valid_{k}"
    number = then if type_.signed else f"{{1'b0, {then}}}"
    h.wire("x_then", number, type_.width + (not type_.signed), signed=True)
    found = definitions(h) if callable(definitions) else definitions
    for name, width in outputs.items():
        h.wire(f"{name}_is", found[name], width, signed=True)
        h.properties[name] = f"!({valid} && {given}) || {name} == {name}_is"
    return h


def every_value(type_: Fixed) -> IntArray:
    """In the order of its bits as an unsigned number."""
    raw = np.arange(1 << type_.width)
    return np.where(raw > type_.raw_max, raw - (1 << type_.width), raw)


def by_value(type_: Fixed, results: IntArray, width: int) -> str:
    """``results`` of ``every_value``, by ``x_then``, which holds a number of this type."""
    return table(results, [f"x_then[{k}]" for k in reversed(range(type_.width))], width)


@dataclass(frozen=True)
class Modes:
    """``requantize`` from one type to another in all 28 pairs of modes."""

    source: Fixed
    target: Fixed

    def pairs(self) -> dict[str, tuple[Rounding, Overflow]]:
        return {f"{r.value}_{o.value}".lower(): (r, o) for r in Rounding for o in Overflow}

    def hardware(self) -> Functions:
        def build(modes: tuple[Rounding, Overflow]) -> tuple[int, Build]:
            def made(m: Module, x: Value, name: str) -> Value:
                return requantize(m, x, self.source.fraction, self.target, *modes, name)

            return self.target.width, made

        return Functions(self.source, {name: build(modes) for name, modes in self.pairs().items()})

    def harness(self, definitions: Definitions) -> Harness:
        return functional(self.source, "x", dict.fromkeys(self.pairs(), self.target.width), 0, definitions)

    def defined(self, h: Harness) -> dict[str, str]:
        """Rounding and overflow as UG1399 words them, on ``x_then`` as a wide number; wires go to the harness.

        Truncation towards zero is Verilog's own division. A half that goes to one side is a half that goes up, of the
        number or of its negative.
        """
        width, shift = self.source.width + 4, self.source.fraction - self.target.fraction
        assert shift > 0, "nothing to round"
        unit, half = f"{width}'sd{1 << shift}", f"{width}'sd{1 << (shift - 1)}"
        h.wire("wide", "x_then", width, signed=True)
        h.wire("up", f"(wide + {half}) >>> {shift}", width, signed=True)
        h.wire("down", f"-(({half} - wide) >>> {shift})", width, signed=True)
        rounded = {
            Rounding.TRN: f"wide >>> {shift}",
            Rounding.TRN_ZERO: f"wide / {unit}",
            Rounding.RND: "up",
            Rounding.RND_MIN_INF: "down",
            Rounding.RND_INF: "wide < 0 ? down : up",
            Rounding.RND_ZERO: "wide < 0 ? up : down",
            Rounding.RND_CONV: "(up != down && up[0]) ? down : up",
        }
        for mode, expression in rounded.items():
            h.wire(f"exact_{mode.value.lower()}", expression, width, signed=True)
        return {name: self._limited(f"exact_{r.value.lower()}", o) for name, (r, o) in self.pairs().items()}

    def _limited(self, exact: str, overflow: Overflow) -> str:
        """SAT goes to the nearer limit, SAT_ZERO to 0, SAT_SYM to limits of one magnitude, WRAP keeps the low bits.

        A single signed bit has no symmetric limits; ap_fixed keeps both its values.
        """
        if overflow is Overflow.WRAP:
            return exact
        high, low = self.target.raw_max, self.target.raw_min
        if overflow is Overflow.SAT_SYM and self.target.signed and high > 0:
            low = -high
        above, below = ("0", "0") if overflow is Overflow.SAT_ZERO else (str(high), str(low))
        return f"{exact} > {high} ? {above} : {exact} < {low} ? {below} : {exact}"
