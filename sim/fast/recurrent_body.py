"""What gru, lstm and simple_rnn do around the product of a fast step, in place on (units, sequences) floats."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..fixed import Fixed
from ..ops.gru import GRU
from ..ops.lstm import LSTM
from ..ops.simple_rnn import SimpleRNN
from ..recurrent import Recurrent
from .function import Function, bind_rounding, needs_of, reach
from .steps import Array, Buffers, Run


@dataclass(frozen=True)
class Block:
    """Rows of the product for some gates, ``value * 2**unit + offset``: of the state, of gate inputs, or of both."""

    gates: tuple[int, ...]
    unit: int
    offset: float = 0.0
    state: bool = True
    input: bool = True


class Body(ABC):
    """A step in two halves: the new states in place of the old, exact; and their rounding."""

    kind: ClassVar[type[Recurrent]]

    def __init__(self, op: Any, inputs: int) -> None:
        """``inputs`` bounds every partial sum of the gate inputs, raw of the operator's ``input_type``."""
        self.op, self.inputs = op, inputs

    @property
    def exact(self) -> tuple[Fixed, ...]:
        """The type of each new state before its rounding."""
        return (self.op.output_type,)

    @property
    def bias(self) -> NDArray[np.float64]:
        """What is added to the recurrent kernel's sums (gates * units,), as real values."""
        return np.zeros(self.op.gates * self.op.units)

    @property
    @abstractmethod
    def blocks(self) -> tuple[Block, ...]:
        """In this order: those of state and gate inputs, of the state alone, of gate inputs alone."""

    @abstractmethod
    def needs(self) -> list[int]:
        """The largest magnitude of every value and partial sum, each in units of its own last place."""

    @abstractmethod
    def bind(self, parts: list[Array], states: list[Array], buffers: Buffers) -> Run:
        """The first half. ``parts`` are the blocks' rows, which it may spoil unless they are of gate inputs alone;
        ``states`` hold raw integers and then ``exact`` values in the same units."""

    def bind_settle(self, states: list[Array], buffers: Buffers) -> Run:
        """The second half."""
        casts = zip(self.exact, self.op.state_casts(), states)
        runs = [bind_rounding(type, cast, state, buffers) for type, cast, state in casts]

        def settle() -> None:
            for run in runs:
                run()

        return settle

    def sums(self) -> tuple[int, int]:
        """The reach of gate input plus product, and its fraction."""
        acc, fraction = self.op.accumulator, self.op.gates_type.fraction
        from_input = self.inputs << (fraction - self.op.input_type.fraction)
        return from_input + (acc.magnitude << (fraction - acc.type.fraction)), fraction


class SimpleBody(Body):
    """simple_rnn."""

    kind = SimpleRNN

    @cached_property
    def function(self) -> Function:
        return Function(self.op.gates_type, self.op.gate_input, self.op.activation)

    @property
    def blocks(self) -> tuple[Block, ...]:
        return (Block((0,), self.function.unit, self.function.offset),)

    def needs(self) -> list[int]:
        return [self.function.needs(*self.sums())]

    def bind(self, parts: list[Array], states: list[Array], buffers: Buffers) -> Run:
        return self.function.bind(parts[0], states[0], self.op.state.type.fraction, buffers)


class LSTMBody(Body):
    """lstm."""

    kind = LSTM

    @cached_property
    def functions(self) -> tuple[Function, Function, Function]:
        """The functions of gates, candidate and new cell."""
        op = self.op
        return (
            Function(op.gates_type, op.gate_input, op.recurrent_activation),
            Function(op.gates_type, op.candidate_input, op.activation),
            Function(op.new_cell_type, None, op.cell_activation),
        )

    @property
    def exact(self) -> tuple[Fixed, ...]:
        return self.op.hidden_type, self.op.new_cell_type

    @property
    def blocks(self) -> tuple[Block, ...]:
        gates, candidate, _ = self.functions
        return Block((0, 1, 3), gates.unit, gates.offset), Block((2,), candidate.unit, candidate.offset)

    def needs(self) -> list[int]:
        gates, candidate, output = self.functions
        cell = self.op.new_cell_type  # zero is in every type, so each term's range is inside the sum's
        return [
            gates.needs(*self.sums()),
            candidate.needs(*self.sums()),
            output.needs(reach(cell), cell.fraction),
            *map(reach, self.exact),
        ]

    def bind(self, parts: list[Array], states: list[Array], buffers: Buffers) -> Run:
        (gates, g), (h, cell), units = parts, states, self.op.units
        unit, (of_gates, of_candidate, of_cell) = self.op.cell.type.fraction, self.functions
        open_gates = of_gates.bind(gates, gates, 0, buffers)
        candidate = of_candidate.bind(g, g, unit, buffers)
        i, f, o = gates[:units], gates[units : 2 * units], gates[2 * units :]
        show = of_cell.bind(g, h, self.op.state.type.fraction, buffers)
        scale, offset = 2.0 ** (of_cell.unit - unit), of_cell.offset

        def run() -> None:
            open_gates()
            candidate()
            np.multiply(cell, f, out=cell)
            np.multiply(g, i, out=g)
            np.add(cell, g, out=cell)
            np.multiply(cell, scale, out=g)
            if offset:
                np.add(g, offset, out=g)
            show()
            np.multiply(h, o, out=h)

        return run


class GRUBody(Body):
    """gru."""

    kind = GRU

    @cached_property
    def functions(self) -> tuple[Function, Function]:
        """The functions of gates and candidate."""
        op = self.op
        return (
            Function(op.gates_type, op.gate_input, op.recurrent_activation),
            Function(op.candidate_sum_type, op.candidate_input, op.activation),
        )

    @property
    def bias(self) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.ldexp(self.op.recurrent_bias, -self.op.recurrent_bias_type.fraction)
        return found

    @property
    def blocks(self) -> tuple[Block, ...]:
        gates, candidate = self.functions
        first, last = Block((0, 1), gates.unit, gates.offset), Block((2,), candidate.unit, candidate.offset, False)
        inner = Block((2,), self._reset_unit, input=False)
        return (first, inner, last) if self.op.reset_after else (first, last)

    @property
    def _reset_unit(self) -> int:
        """The unit of the reset product: that of its rounding, or else of where it goes or comes from."""
        op = self.op
        if op.reset_product is not None:
            return int(op.reset_product.type.fraction)
        return self.functions[1].unit if op.reset_after else int(op.state.type.fraction)

    def needs(self) -> list[int]:
        op, (gates, candidate), inner = self.op, self.functions, self.op.candidate_accumulator
        reset = op.reset_product_type
        most, fraction = (reach(reset), reset.fraction) if inner is None else (inner.magnitude, inner.type.fraction)
        finest = op.candidate_sum_type.fraction
        from_input = self.inputs << (finest - op.input_type.fraction)
        found = [gates.needs(*self.sums()), op.accumulator.magnitude, reach(reset), self._blend()]
        found += [candidate.needs(from_input + (most << (finest - fraction)), finest)]
        return found + ([] if op.reset_product is None else [needs_of(op.reset_type, op.reset_product)])

    def _blend(self) -> int:
        """The reach of ``z * (h - c) + c`` and of its parts."""
        types: tuple[Fixed, Fixed, Fixed] = self.op.gate_type, self.op.state.type, self.op.activation.output_type
        z, h, c = types
        fraction = max(h.fraction, c.fraction)
        most_h, most_c = reach(h) << (fraction - h.fraction), reach(c) << (fraction - c.fraction)
        return reach(z) * (most_h + most_c) + (most_c << z.fraction)

    def bind(self, parts: list[Array], states: list[Array], buffers: Buffers) -> Run:
        (of_gates, of_candidate), units, (h,) = self.functions, self.op.units, states
        gates, x = parts[0], parts[-1]
        z, r = gates[:units], gates[units:]
        open_gates = of_gates.bind(gates, gates, 0, buffers)
        p, reset = self._bind_reset(r, h, parts, buffers)
        candidate = of_candidate.bind(p, p, self.op.state.type.fraction, buffers)

        def run() -> None:
            open_gates()
            reset()
            np.add(p, x, out=p)
            candidate()
            np.subtract(h, p, out=h)
            np.multiply(h, z, out=h)
            np.add(h, p, out=h)

        return run

    def _bind_reset(self, r: Array, h: Array, parts: list[Array], buffers: Buffers) -> tuple[Array, Run]:
        """What is added to the candidate's gate input, in the candidate's unit, and what fills it."""
        op, after = self.op, self.op.reset_after
        p = parts[1] if after else buffers.new(h.shape, h.dtype)
        source, factor = (p, 1.0) if after else (h, 2.0 ** (self._reset_unit - op.state.type.fraction))
        cast = op.reset_product
        round: Run = bind_rounding(op.reset_type, cast, p, buffers) if cast else lambda: None
        out, finish = self._bind_inner(p, buffers)

        def run() -> None:
            np.multiply(source, r, out=p)
            if factor != 1:
                np.multiply(p, factor, out=p)
            round()
            finish()

        return out, run

    def _bind_inner(self, p: Array, buffers: Buffers) -> tuple[Array, Run]:
        """From the reset product to the candidate's unit: a factor with reset_after, else the product with ``U_h``."""
        op, factor = self.op, 2.0 ** (self.functions[1].unit - self._reset_unit)
        if op.reset_after:
            return p, (lambda: None) if factor == 1 else lambda: np.multiply(p, factor, out=p)
        kernel = op.recurrent_kernel[:, 2 * op.units :].T * (factor * 2.0**-op.recurrent_kernel_type.fraction)
        weights, out = np.ascontiguousarray(kernel, p.dtype), buffers.new(p.shape, p.dtype)
        return out, lambda: np.matmul(weights, p, out=out)


def make_body(op: Recurrent, inputs: int) -> Body:
    """The body of an operator."""
    return next(body for body in Body.__subclasses__() if body.kind is type(op))(op, inputs)
