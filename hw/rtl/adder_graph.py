"""Constant matrices as graphs of adders: the solver is alkaid's, the proof that the graph is the matrix is ours.

Source: C. Sun et al., "da4ml: Distributed Arithmetic for Real-time Neural Networks on FPGAs", arXiv:2507.04535.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import IntArray

EachBounds = tuple[tuple[int, int], ...]
"""The least and the largest of each input."""


@dataclass(frozen=True)
class Adder:
    """``a * 2**shift_a ± b * 2**shift_b``; ``a`` and ``b`` count the inputs first, then the adders."""

    a: int
    b: int
    shift_a: int
    shift_b: int
    subtract: bool


@dataclass(frozen=True)
class Output:
    """``± source * 2**shift``; a source of -1 is the constant 0, a negative shift divides without remainder."""

    source: int
    shift: int
    negate: bool


@dataclass(frozen=True)
class AdderGraph:
    """Adders in topological order, all on integers."""

    inputs: int
    adders: tuple[Adder, ...]
    outputs: tuple[Output, ...]

    def rows(self) -> IntArray:
        """(inputs + adders, inputs).

        Every value as a sum of the inputs, found by running the graph on the unit vectors.
        """
        rows = np.zeros((self.inputs + len(self.adders), self.inputs), dtype=np.int64)
        rows[: self.inputs] = np.eye(self.inputs, dtype=np.int64)
        for k, add in enumerate(self.adders, self.inputs):
            term = rows[add.b] << add.shift_b
            rows[k] = (rows[add.a] << add.shift_a) + (-term if add.subtract else term)
        return rows

    def matrix(self) -> IntArray:
        """The (inputs, outputs) matrix that the graph multiplies by."""
        rows = self.rows()
        zero = np.zeros(self.inputs, dtype=np.int64)
        columns = [zero if o.source < 0 else _scaled(rows[o.source], o) for o in self.outputs]
        return np.stack(columns, axis=1)

    def depths(self) -> list[int]:
        """Adders in a row before each value: 0 for the inputs."""
        depth = [0] * self.inputs
        for add in self.adders:
            depth.append(max(depth[add.a], depth[add.b]) + 1)
        return depth


def solve(matrix: IntArray, lo: int, hi: int) -> AdderGraph:
    """A graph for ``matrix`` (inputs, outputs) whose inputs lie in [lo, hi].

    Proven equal to it before it is returned.
    """
    rows, columns = matrix.shape
    return _solve(matrix.astype(np.int64).tobytes(), rows, columns, ((lo, hi),) * rows, -1)


def solve_each(matrix: IntArray, bounds: EachBounds) -> AdderGraph:
    """The same for inputs that each lie between bounds of their own, with as few adders in a row as there can be.

    A value that waits for others takes registers, and from three on a LUT for each bit.
    """
    return _solve(matrix.astype(np.int64).tobytes(), matrix.shape[0], matrix.shape[1], bounds, 0)


@lru_cache(maxsize=64)
def _solve(data: bytes, rows: int, columns: int, bounds: EachBounds, deeper: int) -> AdderGraph:
    matrix = np.frombuffer(data, dtype=np.int64).reshape(rows, columns)
    if np.abs(matrix).max(initial=0) >= 1 << 24:
        raise BitsmithError(
            "distributed_arithmetic takes weights of at most 24 bits; use the strategy resource for this layer"
        )
    graph = _Builder(matrix.shape[0]).build(matrix, bounds, deeper)
    if not np.array_equal(graph.matrix(), matrix):
        raise AssertionError("the adder graph is not its matrix")  # never seen; a wrong solver must not pass in silence
    return graph


class _Builder:
    """Turns the solver's cascade of two programs over dyadic rationals into one graph over integers."""

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self.adders: list[Adder] = []

    def build(self, matrix: IntArray, bounds: EachBounds, deeper: int) -> AdderGraph:
        if not matrix.any():
            return AdderGraph(self.inputs, (), (Output(-1, 0, False),) * matrix.shape[1])
        # A value is (index, exponent, sign): sign * values[index] * 2**exponent; None is zero.
        values: list[tuple[int, int, int] | None] = [(k, 0, 1) for k in range(self.inputs)]
        for program in _run_solver(matrix, bounds, deeper):
            values = self._append(program, values)
        outputs = tuple(Output(-1, 0, False) if v is None else Output(v[0], v[1], v[2] < 0) for v in values)
        return AdderGraph(self.inputs, tuple(self.adders), outputs)

    def _append(self, program: object, inputs: list[tuple[int, int, int] | None]) -> list[tuple[int, int, int] | None]:
        values: list[tuple[int, int, int] | None] = []
        for op in program.ops:  # type: ignore[attr-defined]
            if op.opcode == -1:
                values.append(_shifted(inputs[op.data[0]], program.inp_shifts[op.data[0]]))  # type: ignore[attr-defined]
            elif op.opcode == -2:
                values.append(_negated(values[op.addr[0]]))
            elif op.opcode in (0, 1):
                right = _shifted(values[op.addr[1]], op.data[0])
                values.append(self._add(values[op.addr[0]], _negated(right) if op.opcode else right))
            else:
                raise AssertionError(f"the solver used an operation that is no adder: {op.opcode}")
        wanted = zip(program.out_idxs, program.out_shifts, program.out_negs)  # type: ignore[attr-defined]
        ends = [(None if k < 0 else _shifted(values[k], s), n) for k, s, n in wanted]
        return [_negated(v) if n else v for v, n in ends]

    def _add(
        self, left: tuple[int, int, int] | None, right: tuple[int, int, int] | None
    ) -> tuple[int, int, int] | None:
        if left is None or right is None:
            return right if left is None else left
        if left[2] < 0 < right[2]:
            left, right = right, left
        exponent = min(left[1], right[1])
        self.adders.append(Adder(left[0], right[0], left[1] - exponent, right[1] - exponent, left[2] != right[2]))
        return self.inputs + len(self.adders) - 1, exponent, left[2]


def _scaled(row: IntArray, output: Output) -> IntArray:
    scaled = row << output.shift if output.shift >= 0 else row >> -output.shift
    return -scaled if output.negate else scaled


def _shifted(value: tuple[int, int, int] | None, shift: int) -> tuple[int, int, int] | None:
    return None if value is None else (value[0], value[1] + int(shift), value[2])


def _negated(value: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
    return None if value is None else (value[0], value[1], -value[2])


def _run_solver(matrix: IntArray, bounds: EachBounds, deeper: int) -> tuple[object, ...]:
    """``deeper``: how many adders more than needed may stand in a row; any number where it is -1."""
    from alkaid._binary.cmvm_bin import cmvm_solve

    intervals = [(float(lo), float(hi), 1.0) for lo, hi in bounds]
    kernel, latencies = matrix.astype(np.float32), [0.0] * matrix.shape[0]
    return tuple(cmvm_solve(kernel, hard_dc=deeper, qintervals=intervals, latencies=latencies))
