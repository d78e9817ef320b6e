"""The fast step of gru, lstm and simple_rnn: a chunk's sequences side by side, (features, sequences) in memory.

Each time step is one BLAS product ``M @ (h, x, 1)``: the recurrent kernel, the 1x1 conv2d that makes the gate inputs
(where nothing else reads them), every bias, and what shifts a sum to a table's index. A row's unit is folded into its
weights, and gates are blocks of rows. All is in one float dtype in which every value is proven exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..fixed import Fixed
from ..op import Operator, Spec
from ..ops.conv2d import Conv2D
from ..ops.gru import GRU
from ..params import NO_PADDING
from ..recurrent import Recurrent
from .epilogue import DType, carrier
from .function import bind_rounding, needs_of, reach
from .recurrent_body import Block, Body, make_body
from .steps import Array, Buffers, Run, Step

At = Callable[[int], object]


@dataclass(frozen=True)
class RecurrentStep(Step):
    """A recurrent operator; with ``projection``, also the conv2d before it; ``rounded``: the state is the output."""

    op: Recurrent
    projection: Conv2D | None
    rounded: bool
    dtype: DType

    @cached_property
    def body(self) -> Body:
        return _body(self.op, self.projection)

    def bind(self, buffers: Buffers) -> Run:
        out, source = self.new_output(buffers), _by_step(buffers[self.inputs[0]], self.op.interleaved)
        units, (steps, features, *batch) = self.op.units, source.shape
        sequences = batch[0] * batch[1]
        stack = buffers.new((units + (features if self.projection else 0) + 1, sequences), self.dtype)
        stack[-1] = 1
        states = [stack[:units], *(buffers.new((units, sequences), self.dtype) for _ in self.op.states[1:])]
        begin = self._bind_begin(states, buffers)
        load, product, parts = self._bind_product(source, stack, buffers)
        advance, settle = self.body.bind(parts, states, buffers), self.body.bind_settle(states, buffers)
        emit = self._bind_emit(out, states, (batch[0], batch[1]), steps)
        constant, rounded = source.strides[0] == 0, self.rounded

        def run() -> None:
            begin()
            for t in range(steps):
                if t == 0 or not constant:
                    load(t)
                product()
                advance()
                if not rounded:
                    emit(t)
                settle()
                if rounded:
                    emit(t)

        return run

    def _bind_begin(self, states: list[Array], buffers: Buffers) -> Run:
        """What writes the initial states."""
        type, loads, rounds = self.op.initial_type, list[tuple[Callable[[Array], object], Array]](), list[Run]()
        for name, state, cast in zip(self.inputs[1:], states, self.op.state_casts()):
            assert type is not None
            source = _last(buffers[name], self.op.interleaved)
            load = _bind_scale(source, cast.type.fraction - type.fraction, self.dtype)
            loads.append((load, state.reshape(source.shape)))
            rounds.append(bind_rounding(type, cast, state, buffers))

        def run() -> None:
            for state in states:
                state.fill(0)
            for (load, target), round in zip(loads, rounds):
                load(target)
                round()

        return run

    def _bind_product(self, source: Array, stack: Array, buffers: Buffers) -> tuple[At, Run, list[Array]]:
        """What takes a step's inputs in, what multiplies, and the rows of each block."""
        blocks, units = self.body.blocks, self.op.units
        ends = np.cumsum([len(block.gates) * units for block in blocks]).tolist()
        total = buffers.new((ends[-1], stack.shape[1]), self.dtype)
        parts = [total[end - len(block.gates) * units : end] for block, end in zip(blocks, ends)]
        matrix = self._matrix([block for block in blocks if block.state])
        made = total[: len(matrix)]
        if self.projection is not None:
            load = self._bind_projection(source, stack, total[len(matrix) :])
            return load, lambda: np.matmul(matrix, stack, out=made), parts
        both = total[: sum(len(part) for part, block in zip(parts, blocks) if block.state and block.input)]
        gate_inputs = buffers.new(both.shape, self.dtype)

        def product() -> None:
            np.matmul(matrix, stack, out=made)
            np.add(both, gate_inputs, out=both)

        return self._bind_load(source, gate_inputs, parts), product, parts

    def _bind_projection(self, source: Array, stack: Array, alone: Array) -> At:
        """The projection's inputs to the columns of the product; what is of gate inputs alone, multiplied here."""
        units = self.op.units
        inside = stack[units:-1].reshape(source.shape[1:])
        matrix = (
            self._matrix([block for block in self.body.blocks if not block.state])[:, units:] if len(alone) else None
        )

        def load(t: int) -> None:
            np.copyto(inside, source[t], "unsafe")
            if matrix is not None:
                np.matmul(matrix, stack[units:], out=alone)

        return load

    def _bind_load(self, source: Array, gate_inputs: Array, parts: list[Array]) -> At:
        """Gate inputs from their tensor: to be added to the product, or straight into rows of their own."""
        units, copies, rest = self.op.units, list[tuple[slice, Array, float, float]](), gate_inputs
        for block, part in zip(self.body.blocks, parts):
            if not block.input:
                continue
            target, rest = (rest[: len(part)], rest[len(part) :]) if block.state else (part, rest)
            scale, offset = 2.0 ** (block.unit - self.op.input_type.fraction), 0.0 if block.state else block.offset
            for gate, rows in zip(block.gates, target.reshape(-1, units, *source.shape[2:])):
                copies.append((slice(gate * units, (gate + 1) * units), rows, scale, offset))

        def load(t: int) -> None:
            for gate, rows, scale, offset in copies:
                np.multiply(source[t, gate], scale, out=rows, dtype=self.dtype, casting="unsafe")
                if offset:
                    np.add(rows, offset, out=rows)

        return load

    def _matrix(self, blocks: Sequence[Block]) -> Array:
        """Rows of the blocks; columns of the state, the projection's input and the constant 1."""
        op, conv = self.op, self.projection
        rows = []
        for block in blocks:
            columns = np.concatenate([np.arange(gate * op.units, (gate + 1) * op.units) for gate in block.gates])
            unit, used = 2.0**block.unit, float(block.state)
            from_state = 2.0 ** -(op.state.type.fraction + op.recurrent_kernel_type.fraction)
            parts = [op.recurrent_kernel[:, columns] * (used * unit * from_state)]
            bias = block.offset + used * unit * self.body.bias[columns]
            if conv is not None:
                used = float(block.input)
                from_input = 2.0 ** -(conv.input_type.fraction + conv.kernel_type.fraction)
                parts += [conv.kernel[0, 0][:, columns] * (used * unit * from_input)]
                bias = bias + conv.bias[columns] * (used * unit * 2.0**-conv.bias_type.fraction)
            rows.append(np.concatenate([*parts, bias[np.newaxis]]).T)
        return np.ascontiguousarray(np.concatenate(rows), self.dtype)

    def _bind_emit(self, out: Array, states: list[Array], batch: tuple[int, int], steps: int) -> At:
        """What writes the first state (and, with_cell, the second) as the output of a step."""
        op, units, type = self.op, self.op.units, self.spec.type
        places = _by_step(out, op.interleaved) if op.return_sequences else _last(out, op.interleaved)[np.newaxis]
        parts = [(slice(k * units, (k + 1) * units), k) for k in range(places.shape[1] // units)]
        first = steps - len(places)
        copies = [
            (part, _bind_scale(states[k].reshape(units, *batch), type.fraction - cast.type.fraction, self.dtype))
            for (part, k), cast in zip(parts, op.state_casts())
        ]

        def emit(t: int) -> None:
            if t >= first:
                for part, copy in copies:
                    copy(places[t - first, part])

        return emit


def recurrent_step(
    inputs: tuple[str, ...], output: str, spec: Spec, op: Recurrent, projection: Conv2D | None, rounded: bool
) -> RecurrentStep | None:
    """The step, or None where a value inside is exact in no float dtype; ``inputs`` begin with the projection's."""
    dtype = carrier(max(_needs(op, projection)), 3 * max(_fractions(op, projection)))
    return None if dtype is None else RecurrentStep(inputs, output, spec, op, projection, rounded, dtype)


def is_projection(op: Operator) -> bool:
    """Whether it is a product of each step's channels by themselves, which the recurrent product may take in."""
    return (
        isinstance(op, Conv2D) and op.kernel.shape[:2] == (1, 1) and op.strides == (1, 1) and op.padding == NO_PADDING
    )


def _body(op: Recurrent, projection: Conv2D | None) -> Body:
    return make_body(op, reach(op.input_type) if projection is None else projection.accumulator.magnitude)


def _types(op: Recurrent, projection: Conv2D | None) -> list[Fixed]:
    """The types of all tensors and parameters."""
    types = [op.input_type, op.recurrent_kernel_type, op.output_type, *op.internals().values()]
    types += [op.recurrent_bias_type] if isinstance(op, GRU) else []
    types += [] if op.initial_type is None else [op.initial_type]
    return types + ([] if projection is None else [projection.input_type, projection.kernel_type, projection.bias_type])


def _needs(op: Recurrent, projection: Conv2D | None) -> list[int]:
    """The largest integers that the dtype must hold."""
    body = _body(op, projection)
    found = [*map(reach, _types(op, projection)), *body.needs(), *map(needs_of, body.exact, op.state_casts())]
    if op.initial_type is not None:
        found += [needs_of(op.initial_type, cast) for cast in op.state_casts()]
    return found


def _fractions(op: Recurrent, projection: Conv2D | None) -> list[int]:
    """Magnitudes of every exponent that scales a value."""
    found = [abs(type.fraction) for type in _types(op, projection)]
    for activation in op.activations.values():
        table = activation.table_type
        found += [abs(activation.exact_fraction), 0 if table is None else abs(table.fraction)]
    return found


def _by_step(x: Array, interleaved: bool) -> Array:
    """(batch, 1, steps, features) or (batch, steps, sequences, features) as (steps, features, batch, sequences)."""
    result: Array = x.transpose((1, 3, 0, 2) if interleaved else (2, 3, 0, 1))
    return result


def _last(x: Array, interleaved: bool) -> Array:
    """(batch, features) or (batch, 1, sequences, features) as (features, batch, sequences)."""
    result: Array = x[:, 0].transpose(2, 0, 1) if interleaved else x.T[:, :, np.newaxis]
    return result


def _bind_scale(source: Array, exponent: int, dtype: DType) -> Callable[[Array], object]:
    """What writes ``source * 2**exponent``, computed in ``dtype``, to an array of any dtype that holds it."""
    if exponent == 0:
        return lambda out: np.copyto(out, source, "unsafe")
    scale = 2.0**exponent
    return lambda out: np.multiply(source, scale, out=out, dtype=dtype, casting="unsafe")
