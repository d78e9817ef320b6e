"""Long short-term memory, as in Keras; every tensor inside that is rounded has its own type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..cast import Cast, cast, cast_type
from ..fixed import Fixed, IntArray
from ..interval import aligned, exact_product, exact_sum, union
from ..op import Spec
from ..recurrent import Recurrent, Tensors
from .activation import Activation


@dataclass(frozen=True, eq=False, kw_only=True)
class LSTM(Recurrent):
    """One step, with gate inputs ``x = (x_i, x_f, x_c, x_o)``, states ``h`` and ``c``, recurrent kernel ``U``::

        i, f, o = recurrent_activation(gate_input(x_ifo + h @ U_ifo))           input, forget and output gate
        g = activation(candidate_input(x_c + h @ U_c))                          candidate
        new_cell = f * c + i * g                                                exact
        output = o * cell_activation(new_cell)                                  exact
        h' = state(output),  c' = cell(new_cell)

    (Hochreiter and Schmidhuber 1997, with Gers's forget gate; no peepholes.) ``gate_input`` and ``candidate_input``
    round, or are None: exact. ``cell_activation`` is the activation once more, for the new cell. Where ``with_cell``,
    the output has 2 * units channels, the new cell behind the output, both in one type that holds them exactly.
    """

    stem: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4
    states: ClassVar[tuple[str, ...]] = ("state", "cell")

    cell: Cast
    recurrent_activation: Activation
    activation: Activation
    cell_activation: Activation
    gate_input: Cast | None = None
    candidate_input: Cast | None = None
    with_cell: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_activation("gates", cast_type(self.gates_type, self.gate_input))
        self.check_activation("candidate", cast_type(self.gates_type, self.candidate_input))
        self.check_activation("cell_output", self.new_cell_type)

    @property
    def activations(self) -> Mapping[str, Activation]:
        return {
            "gates": self.recurrent_activation,
            "candidate": self.activation,
            "cell_output": self.cell_activation,
        }

    def state_casts(self) -> tuple[Cast, ...]:
        return self.state, self.cell

    @property
    def gate_type(self) -> Fixed:
        return self.recurrent_activation.output_type

    @property
    def new_cell_type(self) -> Fixed:
        """``f * c + i * g``, exact."""
        kept = exact_product(self.gate_type, self.cell.type)
        return exact_sum(kept, exact_product(self.gate_type, self.activation.output_type))

    @property
    def hidden_type(self) -> Fixed:
        """``o * cell_activation(new_cell)``, exact."""
        return exact_product(self.gate_type, self.cell_activation.output_type)

    @property
    def output_type(self) -> Fixed:
        return union([self.hidden_type, self.new_cell_type]) if self.with_cell else self.hidden_type

    def infer(self, *inputs: Spec) -> Spec:
        spec = super().infer(*inputs)
        return Spec((*spec.shape[:-1], spec.shape[-1] * (2 if self.with_cell else 1)), spec.type)

    def internals(self) -> Mapping[str, Fixed]:
        return {
            "product": self.accumulator.type,
            "gate_input": cast_type(self.gates_type, self.gate_input),
            "candidate_input": cast_type(self.gates_type, self.candidate_input),
            "gates": self.gate_type,
            "candidate": self.activation.output_type,
            "new_cell": self.new_cell_type,
            "cell_output": self.cell_activation.output_type,
            "output": self.output_type,
            "state": self.state.type,
            "cell": self.cell.type,
        }

    def step(self, x: IntArray, states: tuple[IntArray, ...]) -> Tensors:
        (h, c), acc, units = states, self.accumulator, self.units
        a = (h @ self.recurrent_kernel) << acc.product_shift
        total = self.gates_sum(x, a)
        candidate_input = cast(total[:, 2 * units : 3 * units], self.gates_type, self.candidate_input)
        others = np.concatenate([total[:, : 2 * units], total[:, 3 * units :]], axis=1)
        gate_input = cast(others, self.gates_type, self.gate_input)
        gates = self.recurrent_activation.compute(gate_input)
        i, f, o = gates[:, :units], gates[:, units : 2 * units], gates[:, 2 * units :]
        g = self.activation.compute(candidate_input)
        new_cell = self._new_cell(f * c, i * g)
        cell_output = self.cell_activation.compute(new_cell)
        hidden = o * cell_output
        return {
            "product": a,
            "gate_input": gate_input,
            "candidate_input": candidate_input,
            "gates": gates,
            "candidate": g,
            "new_cell": new_cell,
            "cell_output": cell_output,
            "output": self._output(hidden, new_cell),
            "state": self.state(hidden, self.hidden_type.fraction),
            "cell": self.cell(new_cell, self.new_cell_type.fraction),
        }

    def _new_cell(self, kept: IntArray, added: IntArray) -> IntArray:
        type = self.new_cell_type
        first, second = (exact_product(self.gate_type, t) for t in (self.cell.type, self.activation.output_type))
        return aligned(kept, first, type) + aligned(added, second, type)

    def _output(self, hidden: IntArray, new_cell: IntArray) -> IntArray:
        if not self.with_cell:
            return hidden
        type = self.output_type
        parts = [aligned(hidden, self.hidden_type, type), aligned(new_cell, self.new_cell_type, type)]
        return np.concatenate(parts, axis=1)
