"""Recurrent operators in float64 from Keras's equations, and what builds their cases.

Every value in these tests has far fewer than 53 bits, so the float64 results are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from definitions import Real, quantized
from hardware import SEED, draw

from bitsmith.gen.verify import vectors
from bitsmith.sim.cast import Cast
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Constant, Fixed, IntArray, Overflow, Rounding, to_float
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.crop import Crop
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.recurrent import Recurrent

S8, U8, S5, S12 = Fixed(True, 3, 4), Fixed(False, 0, 8), Fixed(True, 1, 3), Fixed(True, 3, 8)
KERNEL, STATE = Fixed(True, 0, 7), Cast(Fixed(True, 0, 7))
TO_S8 = Cast(S8, Rounding.RND, Overflow.SAT)
HALF, ONE, ZERO = Constant(1, 1), Constant(1), Constant(0)

UNITS, STEPS = 3, 5  # of every layer in a Network

Step = Callable[[Any, Real, tuple[Real, ...]], tuple[Real, tuple[Real, ...]]]

FUNCTIONS: dict[str, Callable[[Real], Real]] = {"sigmoid": lambda x: 1 / (1 + np.exp(-x)), "tanh": np.tanh}
OPTIONS: dict[str, dict[str, Any]] = {
    "sigmoid": {"kind": Kind.TABLE, "function": "sigmoid"},
    "tanh": {"kind": Kind.TABLE, "function": "tanh"},
    "hard_sigmoid": {"kind": Kind.HARD_SIGMOID, "slope": HALF, "offset": HALF, "lower": ZERO, "upper": ONE},
    "hard_tanh": {"kind": Kind.HARD_TANH, "lower": Constant(-1), "upper": ONE},
    "relu": {"kind": Kind.RELU},
    "linear": {"kind": Kind.LINEAR},
}


def function(name: str, x: Fixed, y: Fixed) -> Activation:
    """A function inside of a cell; a table's address is x itself where that is narrow."""
    options = dict(OPTIONS[name])
    if options["kind"] is Kind.TABLE:
        options["table_type"] = x if x.width <= 10 else S8
    return Activation(x, output_type=y, **options)


def activated(op: Activation, x: Real) -> Real:
    """A function's definition with its one rounding; a table's function of the nearest address, ties up."""
    if op.table_type is not None:
        y = FUNCTIONS[op.function](quantized(x, op.table_type, Rounding.RND, Overflow.SAT))
    elif op.kind is Kind.RELU:
        y = np.maximum(x, 0)
    else:
        y = float(op.slope) * x + float(op.offset)
    y = y if op.lower is None else np.maximum(y, float(op.lower))
    y = y if op.upper is None else np.minimum(y, float(op.upper))
    return quantized(y, op.output_type, op.rounding, op.overflow)


def rounded_by(cast: Cast | None, x: Real) -> Real:
    return x if cast is None else quantized(x, cast.type, cast.rounding, cast.overflow)


def over_steps(op: Recurrent, step: Step, x: Real, *initial: Real) -> Real:
    """The outputs of ``step`` for one step after another of (frames, 1, steps, channels), the states carried over.

    Interleaved: (frames, steps, sequences, channels).
    """
    by_step = np.moveaxis(x, 1, 0) if op.interleaved else np.moveaxis(x[:, 0], 1, 0)
    zero = np.zeros((*by_step.shape[1:-1], op.units))
    given = initial or (zero,) * len(op.states)
    states = tuple(rounded_by(c, h.reshape(zero.shape)) for c, h in zip(op.state_casts(), given))
    outputs = []
    for one in by_step:
        y, states = step(op, one, states)
        outputs.append(y)
    if not op.return_sequences:
        return outputs[-1][:, np.newaxis] if op.interleaved else outputs[-1]
    return np.stack(outputs, axis=1) if op.interleaved else np.stack(outputs, axis=1)[:, np.newaxis]


def specs(op: Recurrent, steps: int, sequences: int = 1) -> tuple[Spec, ...]:
    """The inputs of so many steps; ``sequences`` side by side where interleaved."""
    image = (steps, sequences) if op.interleaved else (1, steps)
    gates = Spec((*image, op.gates * op.units), op.input_type)
    if op.initial_type is None:
        return (gates,)
    state = (1, sequences, op.units) if op.interleaved else (op.units,)
    return (gates, *[Spec(state, op.initial_type)] * len(op.states))


def kernel(units: int, gates: int, type: Fixed) -> IntArray:
    return draw(type, units, gates * units)


def check_interleaved(op: Recurrent, step: Step) -> None:
    """Sequences side by side: ``compute`` gives the definition's integers, and the fast reference too."""
    inputs = tuple((f"x{k}", spec) for k, spec in enumerate(specs(op, 4, 3)))
    batch = vectors.make(inputs, 8, SEED)
    got = op.compute(*batch.values())
    exact = over_steps(op, step, *(to_float(batch[name], spec.type) for name, spec in inputs))
    np.testing.assert_array_equal(got, np.ldexp(exact, op.output_type.fraction))
    graph = Graph("interleaved", inputs, (Node("y", op, tuple(batch)),), ("y",))
    np.testing.assert_array_equal(Reference(graph).predict_raw(*batch.values())[0], got)


class Network:
    """A graph that grows node by node."""

    def __init__(self, name: str, channels: int = 2) -> None:
        self.name, self.nodes = name, list[Node]()
        self.specs = {"x": Spec((1, STEPS, channels), S8)}
        self.inputs = dict(self.specs)

    def add(self, name: str, op: Operator, *sources: str) -> str:
        self.specs[name] = op.infer(*(self.specs[source] for source in sources))
        self.nodes.append(Node(name, op, sources, name))
        return name

    def projected(self, name: str, source: str, columns: int) -> str:
        """``x @ kernel + bias`` for each step, or for a vector."""
        x = self.specs[source]
        kernel, bias = draw(KERNEL, x.shape[-1], columns), draw(S5, columns)
        if len(x.shape) == 1:
            return self.add(name, Dense(x.type, kernel, KERNEL, bias, S5), source)
        return self.add(name, Conv2D(x.type, kernel[np.newaxis, np.newaxis], KERNEL, bias, S5), source)

    def recurrent(self, name: str, make: Callable[..., Recurrent], source: str, *states: str, **options: Any) -> str:
        """A layer on ``source`` (its gate inputs, made here), its output rounded."""
        gates = {"gru": 3, "lstm": 4, "simple_rnn": 1}[make.__name__]
        inner = self.projected(f"{name}_gates", source, gates * UNITS)
        return self.cell(name, make, inner, *states, **options)

    def cell(self, name: str, make: Callable[..., Recurrent], inner: str, *states: str, **options: Any) -> str:
        if states:
            options["initial_type"] = self.specs[states[0]].type
        op = make(UNITS, x=self.specs[inner].type, **options)
        exact = self.add(name, op, inner, *states)
        return self.add(f"{name}_out", Activation(op.output_type, Kind.LINEAR, S8), exact)

    def last(self, name: str, source: str, first: int = 0) -> str:
        """The last step's channels from ``first`` on as a vector: a final state."""
        _, steps, channels = self.specs[source].shape
        part = Crop(self.specs[source].type, (0, 1), (steps - 1, steps), (first, first + UNITS))
        assert first + UNITS <= channels
        return self.add(name, Flatten(part.input_type, (UNITS,)), self.add(f"{name}_crop", part, source))

    def graph(self, *outputs: str) -> Graph:
        return Graph(self.name, tuple(self.inputs.items()), tuple(self.nodes), outputs)
