"""Streaming LSTM: sequences side by side, one pipeline (see recurrent.py); the cell in its three strategies."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Value

from ...sim.fixed import Fixed
from ...sim.interval import exact_product
from ...sim.ops.lstm import LSTM
from . import cell
from .cell import Cell, Values, applied, lift, multiplied, packed, rounded, settle, wait
from .core import elements
from .layout import Layout
from .matrix import MatrixKernel, check_reuse, fit, legal_reuse
from .recurrent import RecurrentCore, recurrent_role


class LSTMCell(Cell):
    """One step; the cycle of each tensor follows from those before it. The states are h and, behind it, c."""

    op: LSTM

    def __init__(self, name: str, op: LSTM, strategy: str, reuse: int) -> None:
        super().__init__(name, op, strategy, reuse, op.units * (2 if op.with_cell else 1))
        units, zeros = op.units, op.recurrent_kernel[0] * 0
        self.product = cell.matrix(op.recurrent_kernel, op.accumulator, zeros, op.state.type, strategy, reuse)
        self._times()
        counts = {"gates": 3 * units, "candidate": units, "new_cell": units, "cell_output": units, "state": units}
        for key, count in {**counts, "cell": units}.items():
            self.probe(key, count, self.times[key])

    def _times(self) -> None:
        """When each tensor is there, in cycles after ``start``."""
        op, t = self.op, {"product": self.product.latency}
        t["sum"] = t["product"] + 1
        t["gates"] = t["sum"] + cell.cast_cycles(op.gate_input) + self.functions["gates"].latency
        t["candidate"] = t["sum"] + cell.cast_cycles(op.candidate_input) + self.functions["candidate"].latency
        t["both"] = max(t["gates"], t["candidate"])
        t["new_cell"] = t["both"] + 2
        t["cell_output"] = t["new_cell"] + self.functions["cell_output"].latency
        t["output"] = t["cell_output"] + 1
        t["state"] = t["cell"] = t["output"] + 1
        self.times, self.latency, self.state_latency = t, t["output"], t["state"]

    def kernels(self) -> dict[str, MatrixKernel]:
        return {f"{self.name}_product": self.product}

    def elaborate(self, platform: Any) -> Module:
        m, op, t, units = Module(), self.op, self.times, self.op.units
        half = units * op.state.type.width
        h, c = elements(self.h[:half], op.state.type), elements(self.h[half:], op.cell.type)
        a = multiplied(m, self.product, f"{self.name}_product", self.start, h)
        sums = self.sums(m, wait(m, elements(self.x, op.input_type), t["product"], "x"), a, 4 * units)
        gate_inputs = rounded(m, sums[: 2 * units] + sums[3 * units :], op.gates_type, op.gate_input, "gate_input")
        candidate_inputs = rounded(m, sums[2 * units : 3 * units], op.gates_type, op.candidate_input, "candidate_input")
        gates = applied(m, self.functions["gates"], gate_inputs)
        candidates = applied(m, self.functions["candidate"], candidate_inputs)
        both = wait(m, gates, t["both"] - t["gates"], "gate")
        g = wait(m, candidates, t["both"] - t["candidate"], "candidate_wait")
        i, f, o = both[:units], both[units : 2 * units], both[2 * units :]
        new_cell = self._new_cell(m, f, wait(m, c, t["both"], "cell"), i, g)
        cell_output = applied(m, self.functions["cell_output"], new_cell)
        o = wait(m, o, t["cell_output"] - t["both"], "o")
        hidden: Values = [settle(m, o[k] * cell_output[k], op.hidden_type, f"hidden_{k}") for k in range(units)]
        kept = wait(m, new_cell, t["output"] - t["new_cell"], "kept")
        states = rounded(m, hidden, op.hidden_type, op.state, "state")
        cells = rounded(m, kept, op.new_cell_type, op.cell, "new_cell")
        m.d.comb += self.o.eq(self._output(m, hidden, kept))
        m.d.comb += self.h_next.eq(Cat(packed(states, op.state.type), packed(cells, op.cell.type)))
        shown = (gates, candidates, new_cell, cell_output, states, cells)
        for key, values in zip(self.probes, shown):
            self.show(m, key, values)
        return m

    def _new_cell(self, m: Module, f: Values, c: Values, i: Values, g: Values) -> Values:
        """``f * c + i * g``, two cycles later."""
        op, type_ = self.op, self.op.new_cell_type
        first, second = (exact_product(op.gate_type, t) for t in (op.cell.type, op.activation.output_type))
        totals: Values = []
        for k in range(op.units):
            kept = settle(m, f[k] * c[k], first, f"kept_{k}")
            added = settle(m, i[k] * g[k], second, f"added_{k}")
            totals.append(settle(m, lift(kept, first, type_) + lift(added, second, type_), type_, f"cell_{k}"))
        return totals

    def _output(self, m: Module, hidden: Values, new_cell: Values) -> Value:
        op, type_ = self.op, self.op.output_type
        if not op.with_cell:
            return packed(hidden, type_)
        sources: list[tuple[Fixed, Values]] = [(op.hidden_type, hidden), (op.new_cell_type, new_cell)]
        parts = []
        for n, (source, values) in enumerate(sources):
            parts += [fit(m, lift(v, source, type_), type_, f"out_{n}_{k}") for k, v in enumerate(values)]
        return packed(parts, type_)


def core(name: str, op: LSTM, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> RecurrentCore:
    """The core for gate inputs (steps, sequences, 4 * units) and, where the operator has them, two initial states."""
    check_reuse(reuse, strategy, reuse_factors(op, strategy, layouts[0]))
    unit = LSTMCell(f"{name}_cell", op, strategy, reuse)
    return RecurrentCore(name, op, layouts, unit, op.units * (2 if op.with_cell else 1))


def reuse_factors(op: LSTM, strategy: str, layout: Layout) -> list[int]:
    return legal_reuse(strategy, (1, op.units, 4 * op.units), op.state.type)


ROLE = recurrent_role(core, reuse_factors)
