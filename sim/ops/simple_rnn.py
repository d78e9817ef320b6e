"""Simple (Elman) recurrent layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from ..cast import Cast, cast, cast_type
from ..fixed import Fixed, IntArray
from ..interval import aligned, exact_sum
from ..ranges import Accumulator
from ..recurrent import Recurrent, Tensors
from .activation import Activation


@dataclass(frozen=True, eq=False, kw_only=True)
class SimpleRNN(Recurrent):
    """``output = activation(gate_input(x + h @ U))``, ``h' = state(output)`` (Elman 1990)."""

    stem: ClassVar[str] = "simple_rnn"
    gates: ClassVar[int] = 1

    activation: Activation
    gate_input: Cast | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_activation("output", cast_type(self.gates_type, self.gate_input))

    @property
    def activations(self) -> Mapping[str, Activation]:
        return {"output": self.activation}

    @cached_property
    def accumulator(self) -> Accumulator:
        """``h @ U``."""
        return self.product()

    @property
    def gates_type(self) -> Fixed:
        """``x + h @ U``, exact."""
        return exact_sum(self.input_type, self.accumulator.type)

    @property
    def output_type(self) -> Fixed:
        return self.activation.output_type

    def internals(self) -> Mapping[str, Fixed]:
        return {
            "product": self.accumulator.type,
            "gate_input": cast_type(self.gates_type, self.gate_input),
            "output": self.output_type,
            "state": self.state.type,
        }

    def step(self, x: IntArray, states: tuple[IntArray, ...]) -> Tensors:
        a = (states[0] @ self.recurrent_kernel) << self.accumulator.product_shift
        total = aligned(x, self.input_type, self.gates_type) + aligned(a, self.accumulator.type, self.gates_type)
        gate_input = cast(total, self.gates_type, self.gate_input)
        output = self.activation.compute(gate_input)
        state = self.state(output, self.output_type.fraction)
        return {"product": a, "gate_input": gate_input, "output": output, "state": state}
