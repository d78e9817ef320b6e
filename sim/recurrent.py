"""What gru, lstm and simple_rnn share: one step after the other, the state rounded between them.

The input of a recurrent operator is not ``x`` but its *gate inputs* ``x @ kernel + bias``, exact, which a conv2d or a
dense node before it computes: that part has no recurrence, so it is an ordinary layer in every back end, and where the
input is the same at each step (RepeatVector) it is computed once. The operator holds what depends on the state.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .cast import Cast
from .errors import BitsmithError
from .fixed import Fixed, IntArray
from .interval import aligned, exact_sum
from .op import Operator, Spec
from .params import freeze_array
from .ranges import Accumulator, accumulator
from .watch import Began, watched

if TYPE_CHECKING:
    from .graph import Graph
    from .ops.activation import Activation  # which imports this module's package

Tensors = dict[str, IntArray]
BIT = Fixed(False, 1, 0)  # the type of a bias of zeros


@dataclass(frozen=True, eq=False, kw_only=True)
class Recurrent(Operator):
    """Steps along the time axis of gate inputs ``(1, steps, gates * units)``.

    Where ``interleaved``, of (steps, sequences, gates * units): independent sequences side by side, as hardware takes
    them.

    ``recurrent_kernel`` (units, gates * units) is raw, its columns in Keras's order of gates. ``state`` rounds each
    state between two steps, and also an initial state: a second input (one more for each further state) of shape
    (units,), or (1, sequences, units), where ``initial_type`` is given; without it sequences start from zero.
    The output is exact, before that rounding: (1, steps, units) or the last step's (units,); interleaved (steps,
    sequences, units) or (1, sequences, units).
    """

    gates: ClassVar[int]
    states: ClassVar[tuple[str, ...]] = ("state",)
    """Names of the tensors that are carried from step to step."""

    input_type: Fixed
    recurrent_kernel: IntArray
    recurrent_kernel_type: Fixed
    state: Cast
    return_sequences: bool = True
    initial_type: Fixed | None = None
    interleaved: bool = False

    def __post_init__(self) -> None:
        kernel = freeze_array(self, "recurrent_kernel", (None, None), self.recurrent_kernel_type)
        if kernel.shape[1] != self.gates * kernel.shape[0]:
            raise BitsmithError(
                f"{self.stem}: recurrent_kernel has shape {kernel.shape}; give (units, {self.gates} * units)"
            )
        self.output_type  # noqa: B018  a type that is too wide is an error now, not later

    @property
    def units(self) -> int:
        return int(self.recurrent_kernel.shape[0])

    @property
    @abstractmethod
    def output_type(self) -> Fixed:
        """The exact type of the new output."""

    @property
    @abstractmethod
    def activations(self) -> Mapping[str, Activation]:
        """Every function inside, by the name of the tensor that it makes."""

    @abstractmethod
    def internals(self) -> Mapping[str, Fixed]:
        """The type of every tensor inside of a step, in the order of computation."""

    @abstractmethod
    def step(self, x: IntArray, states: tuple[IntArray, ...]) -> Tensors:
        """All ``internals`` of one step for gate inputs (n, gates * units) and states (n, units), the rounded ones of
        ``states`` and ``output`` among them."""

    def state_casts(self) -> tuple[Cast, ...]:
        """The casts of the states, one for each of ``states``."""
        return (self.state,)

    def product(self, bias: IntArray | None = None, bias_type: Fixed | None = None) -> Accumulator:
        """``state @ recurrent_kernel + bias`` for every gate, exact."""
        kernel, type = self.recurrent_kernel, self.recurrent_kernel_type
        bias = np.zeros(kernel.shape[1], dtype=np.int64) if bias is None else bias
        return accumulator(self.stem, self.state.type, kernel, type, bias, bias_type or BIT)

    @cached_property
    def accumulator(self) -> Accumulator:
        """``h @ U``, and what is added to it with each state."""
        return self.product()

    @property
    def gates_type(self) -> Fixed:
        """The gate inputs and ``accumulator`` added up, exact."""
        return exact_sum(self.input_type, self.accumulator.type)

    def gates_sum(self, x: IntArray, product: IntArray) -> IntArray:
        """The sum in ``gates_type``."""
        return aligned(x, self.input_type, self.gates_type) + aligned(product, self.accumulator.type, self.gates_type)

    def infer(self, *inputs: Spec) -> Spec:
        initial = () if self.initial_type is None else (self.initial_type,) * len(self.states)
        self.expect(inputs, (self.input_type, *initial))
        shape = inputs[0].shape
        if len(shape) != 3 or shape[2] != self.gates * self.units or not (self.interleaved or shape[0] == 1):
            wanted = "(steps, sequences, " if self.interleaved else "(1, steps, "
            raise BitsmithError(
                f"{self.stem}: the input has shape {shape}, expected {wanted}{self.gates * self.units})"
            )
        last = (1, shape[1], self.units) if self.interleaved else (self.units,)
        for spec in inputs[1:]:
            if spec.shape != last:
                raise BitsmithError(f"{self.stem}: an initial state has shape {spec.shape}, expected {last}")
        return Spec((*shape[:2], self.units) if self.return_sequences else last, self.output_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        steps = self.arranged(self.trace(*inputs)["output"], len(inputs[0]))
        if self.return_sequences:
            return steps
        return steps[:, -1:] if self.interleaved else steps[:, 0, -1]

    def trace(self, *inputs: IntArray) -> Tensors:
        """Every internal tensor by name, (steps, batch * sequences, width)."""
        by_step = np.moveaxis(inputs[0], 1 if self.interleaved else 2, 0)
        x = by_step.reshape(len(by_step), -1, by_step.shape[-1])
        states = self._initial(x.shape[1], inputs[1:])
        found: dict[str, list[IntArray]] = {name: [] for name in self.internals()}
        for gate_inputs in x:
            if watcher := watched():
                watcher(gate_inputs, Began())
            tensors = self.step(gate_inputs, states)
            for name, values in found.items():
                values.append(tensors[name])
            states = tuple(tensors[name] for name in self.states)
        return {name: np.stack(values) for name, values in found.items()}

    def arranged(self, values: IntArray, batch: int) -> IntArray:
        """An internal tensor of ``trace`` in the output's order: (batch, 1, steps, width) or (batch, steps, sequences,
        width)."""
        steps, _, width = values.shape
        by_frame: IntArray = values.reshape(steps, batch, -1, width)
        result: IntArray = by_frame.transpose((1, 0, 2, 3) if self.interleaved else (1, 2, 0, 3))
        return result

    def _initial(self, sequences: int, given: tuple[IntArray, ...]) -> tuple[IntArray, ...]:
        if self.initial_type is None:
            return tuple(np.zeros((sequences, self.units), dtype=np.int64) for _ in self.states)
        fraction = self.initial_type.fraction
        return tuple(c(x.reshape(sequences, self.units), fraction) for c, x in zip(self.state_casts(), given))

    def check_activation(self, name: str, expected: Fixed) -> None:
        """BitsmithError where a function inside does not take what comes to it."""
        found = self.activations[name].input_type
        if found != expected:
            raise BitsmithError(f"{self.stem}: the activation of {name} takes {found}, what comes to it is {expected}")


def recurrent(graph: Graph) -> bool:
    """Whether a graph has a layer that waits for itself."""
    return any(isinstance(node.op, Recurrent) for node in graph.nodes)
