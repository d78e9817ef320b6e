"""The arithmetic of one recurrent step as a pipeline, in the operator's own types.

The strategy is that of the constant matrices. What is multiplied unit by unit (gates, states) is no constant: these few
products are DSP blocks in every strategy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, ResetSignal, Signal, Value

from ...sim.cast import Cast
from ...sim.fixed import Fixed, IntArray
from ...sim.ranges import Accumulator
from ...sim.recurrent import Recurrent
from .activation import ActivationPointwise
from .conv2d import kernel_instance
from .core import Hardware, delay, elements, shape_of
from .layout import Layout
from .matrix import MatrixKernel, MatrixSpec
from .requantize import requantize

Values = list[Value]


class Cell(Hardware):
    """``start`` comes with gate inputs ``x`` and states ``h`` that stay for ``reuse`` cycles.

    The output ``o`` is there ``latency`` cycles after ``start``, the rounded new states ``h_next`` ``state_latency``
    cycles after it, both for one cycle. ``probes`` has a signal for every tensor inside and the cycle it is there.
    ``functions`` are the modules of the activations for one value: a table stands once, however many units there are.
    """

    latency: int
    state_latency: int

    def __init__(self, name: str, op: Recurrent, strategy: str, reuse: int, channels: int) -> None:
        self.name, self.op, self.strategy, self.reuse = name, op, strategy, reuse
        self.state_bits = sum(op.units * cast.type.width for cast in op.state_casts())
        self.start = Signal()
        self.x = Signal(op.gates * op.units * op.input_type.width)
        self.h = Signal(self.state_bits)
        self.o = Signal(channels * op.output_type.width)
        self.h_next = Signal(self.state_bits)
        self.probes: dict[str, tuple[Signal, int]] = {}
        self.functions = {
            key: ActivationPointwise(f"{name}_{key}_function", one, Layout(1, 1, 1, 1, one.input_type))
            for key, one in op.activations.items()
        }

    def about(self) -> str:
        return (
            f"One step of {self.op.units} units: x are its gate inputs, h the states before it. Both stay for "
            f"{self.reuse} cycles from start on; o comes {self.latency} cycles after start, h_next, the states behind "
            f"it, {self.state_latency} cycles after it. probe_ ports show what is inside, for comparing."
        )

    def probe(self, name: str, elements: int, cycle: int) -> None:
        """A port for an internal tensor that is there ``cycle`` cycles after ``start``."""
        width = elements * self.op.internals()[name].width
        self.probes[name] = Signal(width, name=f"probe_{name}"), cycle

    def ports(self) -> list[Signal]:
        return [self.start, self.x, self.h, self.o, self.h_next, *(signal for signal, _ in self.probes.values())]

    def kernels(self) -> dict[str, MatrixKernel]:
        """The constant matrices, by module name."""
        raise NotImplementedError

    def sums(self, m: Module, x: Values, product: Values, count: int) -> Values:
        """The first ``count`` gate inputs and products added up, exact, a cycle later."""
        op, type_ = self.op, self.op.gates_type
        found: Values = []
        for k in range(count):
            total = lift(x[k], op.input_type, type_) + lift(product[k], op.accumulator.type, type_)
            found.append(settle(m, total, type_, f"sum_{k}"))
        return found

    def show(self, m: Module, name: str, values: Sequence[Value]) -> None:
        m.d.comb += self.probes[name][0].eq(packed(values, self.op.internals()[name]))


def packed(values: Sequence[Value], type_: Fixed) -> Value:
    """The values one behind the other, each in the type's bits."""
    parts = []
    for value in values:
        assert len(value) == type_.width, "a value inside has another width than its type"
        parts.append(value)
    return Cat(*parts)


def lift(value: Value, source: Fixed, target: Fixed) -> Value:
    """The same number with the target's (larger or equal) fraction."""
    return value << (target.fraction - source.fraction)


def settle(m: Module, value: Value, type_: Fixed, name: str) -> Signal:
    """The value in exactly the type's bits, a cycle later."""
    out = Signal(shape_of(type_), name=name, reset_less=True)
    m.d.sync += out.eq(value)
    return out


def register(m: Module, value: Value, name: str) -> Signal:
    """The value in its own bits, a cycle later."""
    out = Signal(value.shape(), name=name, reset_less=True)
    m.d.sync += out.eq(value)
    return out


def hold_value(m: Module, there: Value, value: Value, name: str) -> Signal:
    """The value of the cycle in which ``there`` is high, from the next cycle on."""
    out = Signal(value.shape(), name=name, reset_less=True)
    with m.If(there):
        m.d.sync += out.eq(value)
    return out


def wait(m: Module, values: Values, cycles: int, name: str) -> Values:
    """The values, ``cycles`` registers later."""
    return [delay(m, value, cycles, f"{name}_{k}") for k, value in enumerate(values)]


def rounded(m: Module, values: Values, source: Fixed, to: Cast | None, name: str) -> Values:
    """The values cast, a cycle later; as they are where nothing rounds them."""
    if to is None:
        return values
    parts = []
    for k, value in enumerate(values):
        following = requantize(m, value, source.fraction, to.type, to.rounding, to.overflow, f"next_{name}_{k}")
        parts.append(settle(m, following, to.type, f"{name}_{k}"))
    return parts


def cast_cycles(*casts: Cast | None) -> int:
    return sum(cast is not None for cast in casts)


def applied(m: Module, module: ActivationPointwise, values: Values) -> Values:
    """The function of each value, ``module.latency`` cycles later: one module, an instance for each value."""
    results: Values = []
    for k, value in enumerate(values):
        out = Signal(shape_of(module.output.type), name=f"{module.name}_{k}")
        ports = {"i_clk": ClockSignal(), "i_rst": ResetSignal(), "i_i_tvalid": Const(0), "i_i_tdata": value}
        there = Signal(name=f"{module.name}_{k}_tvalid")
        m.submodules[f"apply_{module.name}_{k}"] = Instance(module.name, **ports, o_o_tvalid=there, o_o_tdata=out)
        results.append(out)
    return results


def matrix(
    kernel: IntArray, acc: Accumulator, bias: IntArray, x_type: Fixed, strategy: str, reuse: int
) -> MatrixKernel:
    """``x @ kernel + bias``; ``bias`` in its own type's steps."""
    shifted = (bias << acc.bias_shift).reshape(1, -1)
    return MatrixKernel(MatrixSpec(kernel[np.newaxis], shifted, acc.product_shift, x_type, acc.type, strategy, reuse))


def multiplied(m: Module, kernel: MatrixKernel, module: str, start: Value, x: Values) -> Values:
    """The kernel's results, its latency after ``start``."""
    valid, result = Signal(name=f"{module}_tvalid"), Signal(len(kernel.o), name=f"{module}_tdata")
    m.submodules[module] = kernel_instance(module, start, packed(x, kernel.spec.x_type), valid, result)
    return elements(result, kernel.spec.y_type)
