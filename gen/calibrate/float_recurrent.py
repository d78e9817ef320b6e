"""GRU, LSTM, SimpleRNN and Bidirectional in plain float64, as Keras computes them; for ``float_model``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops.reverse import bidirectional, directions
from ..quantize.quantizers import parse_quantizer
from ..quantize.weights import quantize_weights
from ..read.attributes import Attributes
from ..read.network import BIDIRECTIONAL, STATES, Layer

Array = Any
Function = Callable[[Array], Array]
Activate = Callable[[Layer, Any, Array], Array]
FUNCTIONS = {"activation": "tanh", "recurrent_activation": "sigmoid"}
"""By attribute, where a layer has none of its own."""
Step = Callable[[Array, tuple[Array, ...]], tuple[Array, ...]]
"""One step: the gate inputs and the states to the next states, the first of which is the output."""


def recurrent(layer: Layer, inputs: list[Array], activate: Activate) -> dict[str, Array]:
    """Every output of the layer by its key, and under ``<key>:state`` and ``<key>:cell`` the states of all steps.

    ``inputs`` are a sequence (batch, steps, channels) and initial states (batch, units).
    """
    if layer.class_name not in BIDIRECTIONAL:
        sequences = _sequences(layer, layer.class_name, inputs, activate)
        return _results(layer, _outputs(layer, sequences), [sequences])
    mode, class_name = bidirectional(Attributes(layer.name, layer.config))
    initial = inputs[1:]
    halves = initial[: len(initial) // 2], initial[len(initial) // 2 :]
    both = [
        (direction, _sequences(direction, class_name, [inputs[0], *half], activate))
        for direction, half in zip(directions(layer), halves)
    ]
    forward, backward = (_outputs(direction, sequences) for direction, sequences in both)
    second = backward[0][:, ::-1] if backward[0].ndim == 3 else backward[0]
    merged = _merge(mode, forward[0], second)
    return _results(layer, [merged, *forward[1:], *backward[1:]], [sequences for _, sequences in both])


def _results(layer: Layer, outputs: list[Array], sequences: list[list[Array]]) -> dict[str, Array]:
    names = [f"{layer.key}:{name}" for name in ("state", "cell")]
    states = {name: np.stack(parts) for name, parts in zip(names, zip(*sequences))}
    return dict(zip(layer.outputs, outputs)) | states


def _outputs(layer: Layer, sequences: list[Array]) -> list[Array]:
    """The output, then each state where they are returned."""
    a = Attributes(layer.name, layer.config)
    first = sequences[0] if a.flag("return_sequences", False) else sequences[0][:, -1]
    return [first, *(s[:, -1] for s in sequences)] if a.flag("return_state", False) else [first]


def _merge(mode: str, a: Array, b: Array) -> Array:
    return np.concatenate([a, b], axis=-1) if mode == "concat" else (a + b) / (2 if mode == "ave" else 1)


def _sequences(layer: Layer, class_name: str, inputs: list[Array], activate: Activate) -> list[Array]:
    """Each state after each step, in the order of processing: (batch, steps, units)."""
    a = Attributes(layer.name, layer.config)
    units, x = a.integer("units"), inputs[0][:, ::-1] if a.flag("go_backwards", False) else inputs[0]
    named = {name: a.function(name, default) for name, default in FUNCTIONS.items()}
    kernel, recurrent_kernel = (_weight(layer, i, name) for i, name in enumerate(("kernel", "recurrent_kernel")))
    bias = _weight(layer, 2, "bias") if a.flag("use_bias", True) else np.zeros(kernel.shape[1])
    first, second = bias if bias.ndim == 2 else (bias, 0 * bias)
    states = tuple(inputs[1:]) or tuple(np.zeros((len(x), units)) for _ in range(STATES[class_name]))

    def sigmoid(values: Array) -> Array:
        return activate(layer, named["recurrent_activation"], values)

    def tanh(values: Array) -> Array:
        return activate(layer, named["activation"], values)

    step = _STEPS[class_name.removeprefix("Q").removeprefix("Fixed")](layer, recurrent_kernel, second, sigmoid, tanh)
    found = []
    for gate_inputs in np.moveaxis(x @ kernel + first, 1, 0):
        states = step(gate_inputs, states)
        found.append(states)
    return [np.stack(values, axis=1) for values in zip(*found)]


def _weight(layer: Layer, index: int, name: str) -> Array:
    """A variable, through its quantizer where it has one."""
    value = layer.variable(name, str(index))
    short = name.removesuffix("_kernel")
    q = parse_quantizer(layer.config.get(f"{short}_quantizer"), f"'{layer.name}' ({short}_quantizer)")
    if q is None:
        return value
    grid = quantize_weights(q, value, f"'{layer.name}': {name}")
    return np.ldexp(grid.raw * (1.0 if grid.scale is None else grid.scale), -grid.type.fraction)


def _gru(layer: Layer, u: Array, bias: Array, sigmoid: Function, tanh: Function) -> Step:
    a = Attributes(layer.name, layer.config)
    n, reset_after = a.integer("units"), a.flag("reset_after", not layer.class_name.startswith("Q"))

    def step(x: Array, states: tuple[Array, ...]) -> tuple[Array, ...]:
        (h,) = states
        a = h @ u + bias
        z, r = np.split(sigmoid(x[:, : 2 * n] + a[:, : 2 * n]), 2, axis=1)
        reset = r * a[:, 2 * n :] if reset_after else (r * h) @ u[:, 2 * n :]
        return (z * h + (1 - z) * tanh(x[:, 2 * n :] + reset),)

    return step


def _lstm(layer: Layer, u: Array, bias: Array, sigmoid: Function, tanh: Function) -> Step:
    def step(x: Array, states: tuple[Array, ...]) -> tuple[Array, ...]:
        i, f, c, o = np.split(x + states[0] @ u, 4, axis=1)
        cell = sigmoid(f) * states[1] + sigmoid(i) * tanh(c)
        return sigmoid(o) * tanh(cell), cell

    return step


def _simple_rnn(layer: Layer, u: Array, bias: Array, sigmoid: Function, tanh: Function) -> Step:
    return lambda x, states: (tanh(x + states[0] @ u),)


_STEPS = {"GRU": _gru, "LSTM": _lstm, "SimpleRNN": _simple_rnn}
