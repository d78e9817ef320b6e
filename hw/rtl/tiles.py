"""A large constant matrix times a vector: tiles, weights in one wide memory, two products in one DSP block.

The matrix is cut into ``rows`` by ``columns`` tiles; each cycle multiplies one tile by its part of the vector. A tile
of zeros takes no cycle: that is how a transposed convolution does not multiply by what it would insert.

Two weights share a multiplier: ``(w1 * 2**field + w0) * x = w1 * x * 2**field + w0 * x``. While ``w0 * x`` (or a sum of
such) fits ``field`` signed bits, the low field is exactly it, and the upper part is ``w1 * x`` less one where the low
field is negative. A DSP48E2 multiplies 27 by 18 bits, so two 8-bit weights fit (AMD WP486 does the same with 8 bits).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib.memory import Memory

from ...sim.fixed import Fixed, IntArray
from .core import Hardware, delay, elements, noted, shape_of
from .matrix import MatrixKernel, MatrixSpec, weight_words
from .sharing import split
from .tree import LEVELS_PER_STAGE, adder_tree, tree_stages

LARGE = 2048  # weights from which a shared matrix is tiled
WIDE, NARROW = 27, 18  # bits of the two factors of a DSP48E2, signed
_STAGE = 1 << LEVELS_PER_STAGE


@dataclass(frozen=True)
class Packing:
    """Two weights in one factor: ``field`` bits for the lower product, of which ``terms`` may be added up."""

    field: int
    terms: int

    @staticmethod
    def of(weights: IntArray, x: Fixed) -> Packing | None:
        """How any two of these weights share a multiplier with values of ``x``; None where they don't fit."""
        low, high = int(weights.min()), int(weights.max())
        upper = Fixed.holding(min(low - 1, 0), max(high, 0), 0)
        field = WIDE - upper.width - int(not upper.signed)
        largest = max(abs(w * v) for w in (low, high) for v in (x.raw_min, x.raw_max))
        terms = _STAGE
        while terms and terms * largest >= 1 << (field - 1):
            terms //= 2
        fits = terms and x.width + int(not x.signed) <= NARROW
        return Packing(field, terms) if fits else None

    def upper(self, w0: IntArray, w1: IntArray) -> IntArray:
        """What stands above the field: the packed factor is ``upper * 2**field`` plus w0's bits, sign-extended."""
        lifted: IntArray = w1 - (w0 < 0)
        return lifted


class TileKernel(Hardware):
    """``MatrixKernel``'s ports and promise; a vector stays for ``cycles``."""

    def __init__(self, spec: MatrixSpec) -> None:
        _, inputs, outputs = spec.matrix.shape
        self.spec = spec
        self.rows, self.columns = split(outputs, spec.reuse)
        self.taken, self.at_once = inputs // self.rows, outputs // self.columns
        self.start = Signal()
        self.x = Signal(inputs * spec.x_type.width)
        self.o_tvalid = Signal()
        self.o = Signal(outputs * spec.y_type.width)

    def ports(self) -> list[Signal]:
        return [self.start, self.x, self.o_tvalid, self.o]

    def about(self) -> str:
        spec, (_, inputs, outputs) = self.spec, self.spec.matrix.shape
        return (
            f"A constant matrix times a vector in tiles, its weights in a memory: {inputs} inputs of {spec.x_type}, "
            f"{outputs} sums of {spec.y_type}, the bias in them. Strategy {spec.strategy}, reuse factor {spec.reuse}, "
            f"{self.multipliers} multipliers. x stays for {self.cycles} cycles from start on; o comes with o_tvalid "
            f"{self.latency} cycles after start."
        )

    @cached_property
    def packing(self) -> Packing | None:
        return Packing.of(self.spec.matrix, self.spec.x_type) if self.at_once > 1 else None

    @property
    def multipliers(self) -> int:
        """DSP blocks: two products each where they are packed."""
        return self.taken * (-(-self.at_once // 2) if self.packing else self.at_once)

    @cached_property
    def tiles(self) -> list[tuple[int, int]]:
        """(column, row) of every tile that is multiplied, in order; each column has one at least."""
        found = []
        shape = self.rows, self.taken, self.columns, self.at_once
        used = self.spec.matrix[0].reshape(shape).any(axis=(1, 3))
        for column in range(self.columns):
            rows = np.flatnonzero(used[:, column]) if used[:, column].any() else [0]
            found += [(column, int(row)) for row in rows]
        return found

    @property
    def cycles(self) -> int:
        """From one vector to the next: a cycle for each tile that is not all zeros."""
        return len(self.tiles)

    @property
    def _stages(self) -> int:
        """From a phase to its sum: inputs taken, registered in front of the multiplier, multiplied, added."""
        return 3 + tree_stages(self.taken)

    @property
    def latency(self) -> int:
        return self._stages + self.cycles

    # hardware -------------------------------------------------------------------------------------

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        phase, following, busy, last = self._phases(m)
        column, row, first = self._program(m, following)
        x = elements(self.x, self.spec.x_type)
        weights = self._weights(m, phase)
        products = [
            self._product(m, self._taken(m, x, row, k), [pair[k] for pair in weights], k) for k in range(self.taken)
        ]
        sums = self._sums(m, [[terms[p] for terms in products] for p in range(len(weights))])
        live, begins = delay(m, busy, self._stages, "live"), delay(m, busy & first, self._stages, "first")
        self._accumulate(m, sums, live, begins, delay(m, column, self._stages, "column"))
        m.d.comb += self.o_tvalid.eq(delay(m, last, self._stages + 1, "valid"))
        return m

    def _phases(self, m: Module) -> tuple[Signal, Signal, Signal, Signal]:
        """(phase, the phase after it, busy, last): counts the tiles, beginning in the cycle of ``start``."""
        phase, following = Signal(range(self.cycles), name="phase"), Signal(range(self.cycles), name="following")
        busy, last = Signal(name="busy"), Signal(name="last")
        m.d.comb += [busy.eq(self.start | (phase != 0)), last.eq(busy & (phase == self.cycles - 1))]
        m.d.comb += following.eq(Mux(~busy | last, 0, phase + 1))
        m.d.sync += phase.eq(following)
        return phase, following, busy, last

    def _program(self, m: Module, following: Signal) -> tuple[Value, Value, Value]:
        """(column, row, first of its column) of the current tile: read a cycle ahead."""
        columns, rows = max(self.columns - 1, 1).bit_length(), max(self.rows - 1, 1).bit_length()
        words, before = [], -1
        for column, row in self.tiles:
            words.append(column | row << columns | int(column != before) << (columns + rows))
            before = column
        data = read_only(m, words, columns + rows + 1, following, "tile_list")
        return data[:columns], data[columns : columns + rows], data[-1]

    def _taken(self, m: Module, x: list[Value], row: Value, k: int) -> Signal:
        """Input ``k`` of the tile, two registers later."""
        taken, waiting = (Signal(x[k].shape(), name=f"x_{k}{end}", reset_less=True) for end in ("", "_a"))
        choices = Array([x[r * self.taken + k] for r in range(self.rows)])
        m.d.sync += [taken.eq(choices[row] if self.rows > 1 else x[k]), waiting.eq(taken)]
        return waiting

    def _weights(self, m: Module, phase: Signal) -> list[list[Value]]:
        """[pair of outputs, or output][input]: the factors of the current tile, two registers later."""
        words = weight_words(self.spec.matrix[0], self.rows, self.columns)
        words = words[[column * self.rows + row for column, row in self.tiles]]
        factors = self._packed(words) if self.packing else words.transpose(2, 1, 0)
        low, high = int(factors.min()), int(factors.max())
        width = max(Fixed.holding(min(low, -1), max(high, 0), 0).width, 1)
        flat = factors.reshape(-1, self.cycles)
        data = read_only(m, joined(flat, width), width * len(flat), phase, "weights")
        register = Signal(len(data), name="weights_a", reset_less=True)
        m.d.sync += register.eq(data)
        values = [register[k * width : (k + 1) * width].as_signed() for k in range(len(flat))]
        return [values[p * self.taken : (p + 1) * self.taken] for p in range(len(factors))]

    def _packed(self, words: IntArray) -> IntArray:
        """(pairs, inputs, tiles): both weights of each pair, the upper one above the bits of the lower."""
        assert self.packing is not None
        if self.at_once % 2:
            words = np.concatenate([words, np.zeros_like(words[:, :, :1])], axis=2)
        w0, w1 = words[:, :, 0::2], words[:, :, 1::2]
        packed = (self.packing.upper(w0, w1) << self._low_bits) + (w0 & ((1 << self._low_bits) - 1))
        result: IntArray = packed.transpose(2, 1, 0)
        return result

    @property
    def _low_bits(self) -> int:
        """Bits of a weight as it is stored."""
        weights = self.spec.matrix
        return Fixed.holding(min(int(weights.min()), -1), int(weights.max()), 0).width

    def _product(self, m: Module, x: Signal, factors: list[Value], k: int) -> list[Signal]:
        products = []
        for p, factor in enumerate(factors):
            wide: Value = factor
            if self.packing:
                low = factor[: self._low_bits].as_signed()
                wide = Cat(fill(low, self.packing.field), factor[self._low_bits :]).as_signed()
            weight = Signal(wide.shape(), name=f"weight_{k}_{p}")
            if (k, p) == (0, 0):
                noted(weight, f"weight_k_p: {'two weights packed' if self.packing else 'the weight'} for input k.")
            product = Signal(signed(len(wide) + len(x) + 1), name=f"product_{k}_{p}", reset_less=True)
            m.d.comb += weight.eq(wide)
            m.d.sync += product.eq(weight * x)
            products.append(product)
        return products

    def _sums(self, m: Module, products: list[list[Signal]]) -> list[Value]:
        """The sum of each output's products; pairs are taken apart within the tree's first stage."""
        y = self.spec.y_type
        sums: list[Value] = []
        for p, terms in enumerate(products):
            ends = [terms] if self.packing is None else self._unpacked(m, terms, p)
            for n, end in enumerate(ends):
                shifted = [term << self.spec.shift for term in end]
                sums.append(adder_tree(m, shifted, y, f"sum_{p}_{n}"))
        return sums[: self.at_once]

    def _unpacked(self, m: Module, terms: list[Signal], p: int) -> list[list[Value]]:
        """The two outputs' partial sums: one for each eight products, registered where there are several products."""
        assert self.packing is not None
        ends: list[list[Value]] = [[], []]
        for k in range(0, len(terms), _STAGE):
            low, high = self._apart(m, terms[k : k + _STAGE], f"{p}_{k // _STAGE}")
            for n, total in enumerate((low, high)):
                value = Signal(signed(len(total)), name=f"part_{p}_{n}_{k // _STAGE}", reset_less=True)
                domain = m.d.sync if len(terms) > 1 else m.d.comb
                domain += value.eq(total)
                ends[n].append(value)
        return ends

    def _apart(self, m: Module, terms: list[Signal], name: str) -> tuple[Value, Value]:
        assert self.packing is not None
        low: Value = Const(0, 1)
        high: Value = Const(0, 1)
        for k in range(0, len(terms), self.packing.terms):
            total = _sum(terms[k : k + self.packing.terms])
            packed = Signal(total.shape(), name=f"packed_{name}_{k // self.packing.terms}")
            m.d.comb += packed.eq(total)
            part = packed[: self.packing.field].as_signed()
            low, high = low + part, high + (packed[self.packing.field :].as_signed() + part[-1])
        return low, high

    def _accumulate(self, m: Module, sums: list[Value], live: Value, first: Value, column: Value) -> None:
        y = self.spec.y_type
        for index in range(self.columns * self.at_once):
            c, n = divmod(index, self.at_once)
            register = Signal(shape_of(y), name=f"y_{index}", reset_less=True)
            bias = Const(int(self.spec.bias[0, index]), shape_of(y))
            with m.If(live & (column == c)):
                m.d.sync += register.eq(Mux(first, bias, register) + sums[n])
            m.d.comb += self.o[index * y.width : (index + 1) * y.width].eq(register)


def read_only(m: Module, words: list[int], width: int, address: Value, name: str) -> Value:
    """A read-only memory with a registered output: block RAM where it is deep."""
    memory = Memory(shape=unsigned(width), depth=max(len(words), 2), init=words)
    m.submodules[name] = memory
    port = memory.read_port()
    m.d.comb += port.addr.eq(address)
    data: Value = port.data
    return data


def joined(values: IntArray, width: int) -> list[int]:
    """Columns of (fields, words) raw integers as one long word each, field 0 lowest."""
    bits = (values[:, :, np.newaxis] >> np.arange(width)) & 1
    packed = np.packbits(
        bits.transpose(1, 0, 2).reshape(values.shape[1], -1).astype(np.uint8), axis=1, bitorder="little"
    )
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


def fill(value: Value, width: int) -> Value:
    """The value's bits, sign-extended to ``width``."""
    return Cat(value, *[value[-1]] * (width - len(value)))


def _sum(terms: list[Signal]) -> Value:
    total: Value = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def matrix_kernel(spec: MatrixSpec) -> MatrixKernel | TileKernel:
    """The kernel for a matrix: a large shared one in tiles, with its weights in a memory."""
    groups, inputs, outputs = spec.matrix.shape
    tiled = spec.strategy == "resource" and groups == 1 and spec.reuse > 1 and inputs * outputs >= LARGE
    return TileKernel(spec) if tiled else MatrixKernel(spec)
