"""Pipelined trees: sums and maxima of many values, a register every few levels."""

from __future__ import annotations

from itertools import count
from typing import Any

from amaranth.hdl import Module, Signal, Value, signed

from ...sim.fixed import Fixed

# Adders between two registers: what a 4 ns clock carries on UltraScale, with a margin (a 20-bit carry chain is about
# 0.9 ns with its routing).
LEVELS_PER_STAGE = 3


def tree_stages(terms: int) -> int:
    """Registers in an adder tree."""
    depth = (terms - 1).bit_length()
    return -(-depth // LEVELS_PER_STAGE)


def reduce_tree(
    m: Module, terms: list[Value], combine: Any, name: str, named: bool = False, kept: bool = True
) -> Value:
    """The terms combined two by two in ``tree_stages(len(terms))`` cycles; ``named``: every pair has a name.

    One cycle less where the last register is the caller's own, and the result not ``kept``.
    """
    arity = 1 << LEVELS_PER_STAGE
    level = 0
    while len(terms) > 1:
        nodes = []
        for k in range(0, len(terms), arity):
            node = _pairwise(m, terms[k : k + arity], combine, f"{name}_l{level}_{k // arity}" if named else "")
            if len(terms) <= arity and not kept:
                return node
            register = Signal(node.shape(), name=f"{name}_l{level}_{k // arity}", reset_less=True)
            m.d.sync += register.eq(node)
            nodes.append(register)
        terms, level = nodes, level + 1
    return terms[0]


def adder_tree(m: Module, terms: list[Value], limit: Fixed, name: str) -> Value:
    """The sum in ``tree_stages(len(terms))`` cycles.

    Wider than ``limit`` it wraps, which the final width makes harmless.
    """

    number = count()

    def add(a: Value, b: Value) -> Value:
        total = a + b
        if len(total) <= limit.width + 1:
            return total
        wrapped = Signal(signed(limit.width), name=f"{name}_part_{next(number)}")
        m.d.comb += wrapped.eq(total)
        return wrapped

    return reduce_tree(m, terms, add, name)


def _pairwise(m: Module, terms: list[Value], combine: Any, name: str) -> Value:
    made = 0
    while len(terms) > 1:
        pairs: list[Value] = []
        for k in range(0, len(terms) - 1, 2):
            pair = combine(*terms[k : k + 2])
            if name and len(terms) > 2:
                found = Signal(pair.shape(), name=f"{name}_pair_{made}")
                m.d.comb += found.eq(pair)
                pair, made = found, made + 1
            pairs.append(pair)
        terms = [*pairs, *terms[2 * len(pairs) :]]
    return terms[0]
