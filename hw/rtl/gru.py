"""Streaming GRU: sequences side by side, one pipeline (see recurrent.py); the cell in its three strategies."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Value

from ...sim.ops.gru import GRU
from . import cell
from .cell import Cell, Values, applied, hold_value, lift, multiplied, packed, register, rounded, settle, wait
from .core import delay, elements
from .layout import Layout
from .matrix import MatrixKernel, check_reuse, legal_reuse
from .recurrent import RecurrentCore, recurrent_role


class GRUCell(Cell):
    """One step; the cycle of each tensor follows from those before it."""

    op: GRU

    def __init__(self, name: str, op: GRU, strategy: str, reuse: int) -> None:
        super().__init__(name, op, strategy, reuse, op.units)
        units, kernel = op.units, op.recurrent_kernel
        used = kernel if op.reset_after else kernel[:, : 2 * units]
        bias = op.recurrent_bias[: used.shape[1]]
        self.product = cell.matrix(used, op.accumulator, bias, op.state.type, strategy, reuse)
        self.inner: MatrixKernel | None = None
        if op.candidate_accumulator is not None:
            acc, type_ = op.candidate_accumulator, op.reset_product_type
            self.inner = cell.matrix(kernel[:, 2 * units :], acc, bias[:units] * 0, type_, strategy, reuse)
        self._times()
        for key, count in {"gates": 2 * units, "reset_product": units, "candidate": units, "state": units}.items():
            self.probe(key, count, self.times[key])

    def _times(self) -> None:
        """When each tensor is there, in cycles after ``start``."""
        op, t = self.op, {"product": self.product.latency}
        t["gate_input"] = t["product"] + 1 + cell.cast_cycles(op.gate_input)
        t["gates"] = t["gate_input"] + self.functions["gates"].latency
        t["reset_product"] = t["gates"] + 1 + cell.cast_cycles(op.reset_product)
        t["inner"] = t["reset_product"] + (1 + self.inner.latency if self.inner else 0)
        t["candidate_input"] = t["inner"] + 1 + cell.cast_cycles(op.candidate_input)
        t["candidate"] = t["candidate_input"] + self.functions["candidate"].latency
        t["output"] = t["candidate"] + 3
        t["state"] = t["output"] + 1
        self.times, self.latency, self.state_latency = t, t["output"], t["state"]

    def kernels(self) -> dict[str, MatrixKernel]:
        inner = {f"{self.name}_inner": self.inner} if self.inner else {}
        return {f"{self.name}_product": self.product, **inner}

    def elaborate(self, platform: Any) -> Module:
        m, op, t, units = Module(), self.op, self.times, self.op.units
        x, h = elements(self.x, op.input_type), elements(self.h, op.state.type)
        a = multiplied(m, self.product, f"{self.name}_product", self.start, h)
        x = wait(m, x, t["product"], "x")
        gate_inputs = rounded(m, self.sums(m, x, a, 2 * units), op.gates_type, op.gate_input, "gate_input")
        gates = applied(m, self.functions["gates"], gate_inputs)
        z, r = gates[:units], gates[units:]
        h = wait(m, h, t["gates"], "h")
        kept = wait(m, a[2 * units :], t["gates"] - t["product"], "a") if op.reset_after else h
        exact = [settle(m, r[k] * kept[k], op.reset_type, f"reset_{k}") for k in range(units)]
        p = rounded(m, exact, op.reset_type, op.reset_product, "reset_product")
        added = self._inner(m, p)
        x = wait(m, x[2 * units :], t["inner"] - t["product"], "x_h")
        c = applied(m, self.functions["candidate"], self._candidate_inputs(m, x, added))
        z, h = (wait(m, v, t["candidate"] - t["gates"], n) for v, n in ((z, "z"), (h, "old_h")))
        outputs = [self._blend(m, *values, k) for k, values in enumerate(zip(z, h, c))]
        states = rounded(m, list(outputs), op.output_type, op.state, "state")
        m.d.comb += [self.o.eq(packed(outputs, op.output_type)), self.h_next.eq(packed(states, op.state.type))]
        for key, values in (("gates", gates), ("reset_product", p), ("candidate", c), ("state", states)):
            self.show(m, key, values)
        return m

    def _inner(self, m: Module, p: Values) -> Values:
        """What is added to the candidate's gate input: p, or without reset_after p @ U_h."""
        if self.inner is None:
            return p
        there = delay(m, self.start, self.times["reset_product"], "reset_product_tvalid")
        held = [hold_value(m, there, value, f"held_{k}") for k, value in enumerate(p)]
        return multiplied(m, self.inner, f"{self.name}_inner", delay(m, there, 1, "inner_start"), held)

    def _candidate_inputs(self, m: Module, x: Values, added: Values) -> Values:
        op, type_ = self.op, self.op.candidate_sum_type
        source = op.reset_product_type if self.inner is None else self.inner.spec.y_type
        sums: Values = []
        for k in range(op.units):
            total = lift(x[k], op.input_type, type_) + lift(added[k], source, type_)
            sums.append(settle(m, total, type_, f"candidate_sum_{k}"))
        return rounded(m, sums, type_, op.candidate_input, "candidate_input")

    def _blend(self, m: Module, z: Value, h: Value, c: Value, k: int) -> Value:
        """``z * h + (1 - z) * c`` as ``c + z * (h - c)``, in three cycles: one product for each unit."""
        op = self.op
        fraction = op.output_type.fraction - op.gate_type.fraction
        wide_h, wide_c = h << (fraction - op.state.type.fraction), c << (fraction - op.activation.output_type.fraction)
        difference = register(m, wide_h - wide_c, f"difference_{k}")
        product = register(m, delay(m, z, 1, f"z_wait_{k}") * difference, f"blend_{k}")
        wide = delay(m, c, 2, f"c_wait_{k}") << (op.output_type.fraction - op.activation.output_type.fraction)
        return settle(m, product + wide, op.output_type, f"output_{k}")


def core(name: str, op: GRU, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> RecurrentCore:
    """The core for gate inputs (steps, sequences, 3 * units) and, where the operator has one, an initial state."""
    check_reuse(reuse, strategy, reuse_factors(op, strategy, layouts[0]))
    return RecurrentCore(name, op, layouts, GRUCell(f"{name}_cell", op, strategy, reuse), op.units)


def reuse_factors(op: GRU, strategy: str, layout: Layout) -> list[int]:
    """Every reuse factor that the recurrent products can have; without reset_after there are two."""
    units, state = op.units, op.state.type
    if op.reset_after:
        return legal_reuse(strategy, (1, units, 3 * units), state)
    second = legal_reuse(strategy, (1, units, units), op.reset_product_type)
    return [r for r in legal_reuse(strategy, (1, units, 2 * units), state) if r in second]


ROLE = recurrent_role(core, reuse_factors)
