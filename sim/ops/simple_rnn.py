"""Simple (Elman) recurrent layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ..cast import Cast, cast, cast_type
from ..fixed import Fixed, IntArray
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
        gate_input = cast(self.gates_sum(x, a), self.gates_type, self.gate_input)
        output = self.activation.compute(gate_input)
        state = self.state(output, self.output_type.fraction)
        return {"product": a, "gate_input": gate_input, "output": output, "state": state}
