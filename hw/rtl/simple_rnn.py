"""Streaming simple recurrent layer: sequences side by side, one pipeline (see recurrent.py)."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module

from ...sim.ops.simple_rnn import SimpleRNN
from . import cell
from .cell import Cell, applied, multiplied, packed, rounded, wait
from .core import elements
from .layout import Layout
from .matrix import MatrixKernel, check_reuse, legal_reuse
from .recurrent import RecurrentCore, recurrent_role


class SimpleRNNCell(Cell):
    """One step: product, sum, function, rounding."""

    op: SimpleRNN

    def __init__(self, name: str, op: SimpleRNN, strategy: str, reuse: int) -> None:
        super().__init__(name, op, strategy, reuse, op.units)
        zeros = op.recurrent_kernel[0] * 0
        self.product = cell.matrix(op.recurrent_kernel, op.accumulator, zeros, op.state.type, strategy, reuse)
        self.gate_input = self.product.latency + 1 + cell.cast_cycles(op.gate_input)
        self.latency = self.gate_input + self.functions["output"].latency
        self.state_latency = self.latency + 1
        self.probe("gate_input", op.units, self.gate_input)
        self.probe("state", op.units, self.state_latency)

    def kernels(self) -> dict[str, MatrixKernel]:
        return {f"{self.name}_product": self.product}

    def elaborate(self, platform: Any) -> Module:
        m, op = Module(), self.op
        a = multiplied(m, self.product, f"{self.name}_product", self.start, elements(self.h, op.state.type))
        x = wait(m, elements(self.x, op.input_type), self.product.latency, "x")
        inputs = rounded(m, self.sums(m, x, a, op.units), op.gates_type, op.gate_input, "gate_input")
        outputs = applied(m, self.functions["output"], inputs)
        states = rounded(m, outputs, op.output_type, op.state, "state")
        m.d.comb += [self.o.eq(packed(outputs, op.output_type)), self.h_next.eq(packed(states, op.state.type))]
        self.show(m, "gate_input", inputs)
        self.show(m, "state", states)
        return m


def core(name: str, op: SimpleRNN, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> RecurrentCore:
    """The core for gate inputs (steps, sequences, units) and, where the operator has one, an initial state."""
    check_reuse(reuse, strategy, reuse_factors(op, strategy, layouts[0]))
    return RecurrentCore(name, op, layouts, SimpleRNNCell(f"{name}_cell", op, strategy, reuse), op.units)


def reuse_factors(op: SimpleRNN, strategy: str, layout: Layout) -> list[int]:
    return legal_reuse(strategy, (1, op.units, op.units), op.state.type)


ROLE = recurrent_role(core, reuse_factors)
