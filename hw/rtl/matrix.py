"""A constant matrix times a vector, in the three strategies; the heart of every convolution and dense layer.

``latency``: a multiplier for each product. ``resource``: shared multipliers, each used ``reuse`` times.
``distributed_arithmetic``: a graph of adders; with ``reuse`` above 1 the vector goes through it in ``reuse`` digits,
most significant first, so the adders are narrower.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, signed

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, IntArray
from .adder_graph import AdderGraph, solve
from .adders import emit_graph
from .core import Hardware, delay, elements, noted, shape_of
from .sharing import phase_split, phases, rom, split, take_rows
from .tree import LEVELS_PER_STAGE, adder_tree, tree_stages

# The most weights (zeros left out) that a strategy takes on; resource takes any number.
MOST_WEIGHTS = {"latency": 1 << 17, "distributed_arithmetic": 1 << 15}
STRATEGIES = ("latency", "resource", "distributed_arithmetic")


@dataclass(frozen=True)
class MatrixSpec:
    """``y = bias + (matrix.T @ x) << shift`` with x of ``x_type`` and y of ``y_type``; ``groups`` equal blocks
    along both axes.

    ``matrix`` is (groups, inputs, outputs): group g maps its own inputs to its own outputs. ``bias`` is (groups,
    outputs), at y's fraction.
    """

    matrix: IntArray
    bias: IntArray
    shift: int
    x_type: Fixed
    y_type: Fixed
    strategy: str
    reuse: int

    def __post_init__(self) -> None:
        check_reuse(self.reuse, self.strategy, legal_reuse(self.strategy, self.matrix.shape, self.x_type))


def check_size(strategy: str, weights: int) -> None:
    """BitsmithError where a strategy would take hours to build and a device that nobody has."""
    if weights <= MOST_WEIGHTS.get(strategy, weights):
        return
    why = {
        "latency": "a multiplier for each of them",
        "distributed_arithmetic": "an adder graph of about as many adders, which takes hours to find",
    }[strategy]
    raise BitsmithError(
        f"{weights:,} weights with {strategy} need {why}; use strategy resource, "
        "which keeps the weights in block RAM and shares the multipliers"
    )


def check_reuse(reuse: int, strategy: str, legal: list[int]) -> None:
    """BitsmithError, with the list, for a factor that is not in it."""
    if reuse not in legal:
        found = ", ".join(map(str, legal))
        raise BitsmithError(f"a reuse factor of {reuse} is not legal with {strategy}; legal: {found}")


def legal_reuse(strategy: str, shape: tuple[int, ...], x_type: Fixed) -> list[int]:
    """Every reuse factor that a (groups, inputs, outputs) matrix can have."""
    if strategy == "latency":
        return [1]
    if strategy == "distributed_arithmetic":
        return sorted({-(-x_type.width // digit) for digit in range(1, x_type.width + 1)})
    if strategy != "resource":
        raise BitsmithError(f"there is no strategy {strategy!r}; there are {', '.join(STRATEGIES)}")
    return divisors(shape[1] * shape[2])


def divisors(number: int) -> list[int]:
    """All of them, in order."""
    small = [n for n in range(1, isqrt(number) + 1) if number % n == 0]
    return sorted({*small, *(number // n for n in small)})


class MatrixKernel(Hardware):
    """``start`` comes with a vector that stays for ``reuse`` cycles.

    ``o_tvalid`` comes with the result ``latency`` cycles after ``start``.
    """

    def __init__(self, spec: MatrixSpec) -> None:
        groups, inputs, outputs = spec.matrix.shape
        self.spec = spec
        self.start = Signal()
        self.x = Signal(groups * inputs * spec.x_type.width)
        self.o_tvalid = Signal()
        self.o = Signal(groups * outputs * spec.y_type.width)
        self._graph: AdderGraph | None = None

    def ports(self) -> list[Signal]:
        return [self.start, self.x, self.o_tvalid, self.o]

    def about(self) -> str:
        groups, inputs, outputs = self.spec.matrix.shape
        times = f"{groups} times " if groups > 1 else ""
        return (
            f"A constant matrix times a vector: {times}{inputs} inputs of {self.spec.x_type}, {outputs} sums of "
            f"{self.spec.y_type}, the bias in them. Strategy {self.spec.strategy}, reuse factor {self.spec.reuse}. "
            f"x stays for {self.cycles} cycles from start on; o comes with o_tvalid {self.latency} cycles after start."
        )

    @property
    def cycles(self) -> int:
        """For which a vector stays."""
        return self.spec.reuse

    @property
    def latency(self) -> int:
        spec = self.spec
        if spec.strategy == "latency":
            return 1 + tree_stages(spec.matrix.shape[1] + 1)
        if spec.strategy == "resource":
            return 2 + tree_stages(spec.matrix.shape[1] // split(spec.matrix.shape[2], spec.reuse)[0]) + spec.reuse
        return self.graph_stages() + (spec.reuse if spec.reuse > 1 else 0) + 1

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        x = elements(self.x, self.spec.x_type)
        build = {"latency": self._latency, "resource": self._resource, "distributed_arithmetic": self._distributed}
        build[self.spec.strategy](m, x)
        return m

    # latency --------------------------------------------------------------------------------------

    def _latency(self, m: Module, x: list[Value]) -> None:
        spec = self.spec
        results = []
        groups, inputs, outputs = spec.matrix.shape
        for g in range(groups):
            for n in range(outputs):
                products = [self._product(m, x[g * inputs + k], g, k, n) for k in range(inputs) if spec.matrix[g, k, n]]
                results.append(
                    self._sum(m, products, int(spec.bias[g, n]), f"sum_{g * outputs + n}", tree_stages(inputs + 1))
                )
        m.d.comb += [self.o.eq(Cat(*results)), self.o_tvalid.eq(delay(m, self.start, self.latency, "valid"))]

    def _product(self, m: Module, x: Value, g: int, k: int, n: int) -> Value:
        weight = int(self.spec.matrix[g, k, n])
        product = Signal(shape_of_range(x, weight), name=f"product_{g}_{k}_{n}", reset_less=True)
        if (g, k, n) == (0, 0, 0):
            noted(product, "product_g_k_n: input k of group g times its weight for output n.")
        m.d.sync += product.eq(x * Const(weight))
        return product

    def _sum(self, m: Module, terms: list[Value], bias: int, name: str, stages: int) -> Value:
        """The terms, shifted, and the bias; always ``stages`` cycles, so that all outputs stay together."""
        spec = self.spec
        scaled = [term << spec.shift for term in terms] + ([Const(bias, signed(bias.bit_length() + 1))] if bias else [])
        total = adder_tree(m, scaled, spec.y_type, name) if scaled else Const(0, shape_of(spec.y_type))
        return delay(
            m, fit(m, total, spec.y_type, f"{name}_total"), stages - tree_stages(max(len(scaled), 1)), f"{name}_wait"
        )

    # resource -------------------------------------------------------------------------------------

    def _resource(self, m: Module, x: list[Value]) -> None:
        spec = self.spec
        groups, inputs, outputs = spec.matrix.shape
        rows, columns = split(spec.matrix.shape[2], spec.reuse)
        stages = tree_stages(inputs // rows)
        phase, busy = phases(m, self.start, spec.reuse)
        column, row = phase_split(m, phase, rows, columns)
        last = Signal()
        m.d.comb += last.eq(busy & (phase == spec.reuse - 1))
        first = delay(m, busy & (row == 0), 2 + stages, "first")
        live = delay(m, busy, 2 + stages, "live")
        chosen = delay(m, column, 2 + stages, "column")
        for g in range(groups):
            part = x[g * inputs : (g + 1) * inputs]
            taken = take_rows(m, part, row, rows, f"x_{g}")
            for n in range(outputs // columns):
                products = self._products(m, taken, phase, g, n, rows, columns)
                total = adder_tree(m, [p << spec.shift for p in products], spec.y_type, f"sum_{g}_{n}")
                self._accumulate(m, total, first, live, chosen, g, n, columns)
        m.d.comb += self.o_tvalid.eq(delay(m, last, 3 + stages, "valid"))

    def _products(
        self, m: Module, taken: list[Value], phase: Value, g: int, n: int, rows: int, columns: int
    ) -> list[Value]:
        """One product for each input taken in this phase: column block ``n`` of the outputs."""
        words = weight_words(self.spec.matrix[g], rows, columns)[:, :, n]
        products = []
        for k, value in enumerate(taken):
            weight = rom(m, [int(w) for w in words[:, k]], phase, f"weight_{g}_{k}_{n}")
            product = Signal(signed(len(value) + len(weight) + 1), name=f"product_{g}_{k}_{n}", reset_less=True)
            m.d.sync += product.eq(value * weight)
            products.append(product)
        return products

    def _accumulate(
        self, m: Module, total: Value, first: Value, live: Value, chosen: Value, g: int, n: int, columns: int
    ) -> None:
        spec = self.spec
        outputs = spec.matrix.shape[2]
        width = spec.y_type.width
        for c in range(columns):
            index = g * outputs + c * (outputs // columns) + n
            register = Signal(shape_of(spec.y_type), name=f"y_{index}", reset_less=True)
            if index == 0:
                noted(register, "The accumulators: each begins at its bias.")
            start = Const(int(spec.bias[g, c * (outputs // columns) + n]), shape_of(spec.y_type))
            with m.If(live & (chosen == c)):
                m.d.sync += register.eq(Mux(first, start, register) + total)
            m.d.comb += self.o[index * width : (index + 1) * width].eq(register)

    # distributed arithmetic -----------------------------------------------------------------------

    @property
    def digit(self) -> int:
        return -(-self.spec.x_type.width // self.spec.reuse)

    def graph(self) -> AdderGraph:
        if self._graph is None:
            lo, hi = self.digit_range()
            self._graph = solve(block_diagonal(self.spec.matrix), lo, hi)
        return self._graph

    def digit_range(self) -> tuple[int, int]:
        x = self.spec.x_type
        if self.spec.reuse == 1:
            return x.raw_min, x.raw_max
        return (-(1 << (self.digit - 1)) if x.signed else 0), (1 << self.digit) - 1

    def graph_stages(self) -> int:
        return max(0, -(-max(self.graph().depths(), default=0) // LEVELS_PER_STAGE))

    def _distributed(self, m: Module, x: list[Value]) -> None:
        spec = self.spec
        stages = self.graph_stages()
        inputs = x
        if spec.reuse > 1:
            phase, busy = phases(m, self.start, spec.reuse)
            inputs = [self._digits(m, value, phase, k) for k, value in enumerate(x)]
            first = delay(m, busy & (phase == 0), stages + 1, "first")
            live = delay(m, busy, stages + 1, "live")
            last = Signal()
            m.d.comb += last.eq(busy & (phase == spec.reuse - 1))
        sums = emit_graph(m, self.graph(), inputs, self.digit_range(), stages)
        width = spec.y_type.width
        for k, total in enumerate(sums):
            register = Signal(shape_of(spec.y_type), name=f"y_{k}", reset_less=True)
            bias = Const(int(spec.bias.ravel()[k]), shape_of(spec.y_type))
            scaled = total << spec.shift
            if spec.reuse > 1:
                with m.If(live):
                    m.d.sync += register.eq(Mux(first, 0, register << self.digit) + scaled)
            else:
                m.d.sync += register.eq(scaled + bias)
            out = register if spec.reuse == 1 else self._with_bias(m, register, bias, k)
            m.d.comb += self.o[k * width : (k + 1) * width].eq(out)
        pulse = delay(m, self.start, stages + 1, "valid") if spec.reuse == 1 else delay(m, last, stages + 2, "valid")
        m.d.comb += self.o_tvalid.eq(pulse)

    def _with_bias(self, m: Module, register: Signal, bias: Const, k: int) -> Value:
        out = Signal(shape_of(self.spec.y_type), name=f"biased_{k}")
        m.d.comb += out.eq(register + bias)
        return out

    def _digits(self, m: Module, value: Value, phase: Value, k: int) -> Value:
        """Digit ``phase`` of the value, most significant first; only the first of a signed value has a sign."""
        spec, digit = self.spec, self.digit
        padded = Signal(signed(digit * spec.reuse) if spec.x_type.signed else digit * spec.reuse, name=f"padded_{k}")
        m.d.comb += padded.eq(value)
        parts = [padded[digit * r : digit * (r + 1)] for r in reversed(range(spec.reuse))]
        signs: list[Value] = [parts[0][-1] if spec.x_type.signed else Const(0), *[Const(0)] * (spec.reuse - 1)]
        register = Signal(signed(digit + 1) if spec.x_type.signed else digit, name=f"digit_{k}", reset_less=True)
        choices = Array([Cat(part, sign) if spec.x_type.signed else part for part, sign in zip(parts, signs)])
        m.d.sync += register.eq(choices[phase])
        return register


def block_diagonal(matrix: IntArray) -> IntArray:
    """(groups, inputs, outputs) as one (groups*inputs, groups*outputs) matrix."""
    groups, inputs, outputs = matrix.shape
    whole = np.zeros((groups, inputs, groups, outputs), dtype=np.int64)
    whole[np.arange(groups), :, np.arange(groups)] = matrix
    return whole.reshape(groups * inputs, groups * outputs)


def weight_words(matrix: IntArray, rows: int, columns: int) -> IntArray:
    """(phases, inputs taken at once, outputs made at once): phase = column block * rows + row block."""
    inputs, outputs = matrix.shape
    blocks = matrix.reshape(rows, inputs // rows, columns, outputs // columns)
    return blocks.transpose(2, 0, 1, 3).reshape(rows * columns, inputs // rows, outputs // columns)


def fit(m: Module, value: Value, type_: Fixed, name: str) -> Signal:
    """The value in exactly the type's bits."""
    out = Signal(shape_of(type_), name=name)
    m.d.comb += out.eq(value)
    return out


def shape_of_range(x: Value, weight: int) -> Any:
    return signed(len(x) + weight.bit_length() + 1)
