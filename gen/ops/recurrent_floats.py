"""Recurrent layers in float64, as Keras computes them: what gru, lstm and simple_rnn share around their steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..classes import STATES
from ..read.attributes import Attributes
from ..read.network import Layer
from .activation_floats import activate
from .floats import Array, float_weight

Function = Callable[[Array], Array]
Step = Callable[[Array, tuple[Array, ...]], tuple[Array, ...]]
"""One step: the gate inputs and the states to the next states, the first of which is the output."""
MakeStep = Callable[[Layer, Array, Array, Function, Function], Step]
"""Of a layer, its recurrent kernel and bias, and its two functions."""

STEPS: dict[str, MakeStep] = {}
"""By the class name of the Keras layer; gru, lstm and simple_rnn put theirs here."""


def recurred(layer: Layer, *inputs: Array) -> dict[str, Array]:
    """The float form of a layer that stands by itself."""
    found = sequences(layer, layer.class_name, list(inputs))
    return results(layer, returned(layer, found), [found])


def results(layer: Layer, outputs: list[Array], sequences: list[list[Array]]) -> dict[str, Array]:
    """Every output of the layer by its key, and under ``<key>:state`` and ``<key>:cell`` the states of all steps."""
    names = [f"{layer.key}:{name}" for name in ("state", "cell")]
    states = {name: np.stack(parts) for name, parts in zip(names, zip(*sequences))}
    return dict(zip(layer.outputs, outputs)) | states


def returned(layer: Layer, sequences: list[Array]) -> list[Array]:
    """The output, then each state where they are returned."""
    a = Attributes(layer.name, layer.config)
    first = sequences[0] if a.flag("return_sequences", False) else sequences[0][:, -1]
    return [first, *(s[:, -1] for s in sequences)] if a.flag("return_state", False) else [first]


def sequences(layer: Layer, class_name: str, inputs: list[Array]) -> list[Array]:
    """Each state after each step, in the order of processing: (batch, steps, units).

    ``inputs`` are a sequence (batch, steps, channels) and initial states (batch, units).
    """
    a = Attributes(layer.name, layer.config)
    units, x = a.integer("units"), inputs[0][:, ::-1] if a.flag("go_backwards", False) else inputs[0]
    inner, gate = a.function("activation", "tanh"), a.function("recurrent_activation", "sigmoid")
    kernel = float_weight(layer, 0, ("kernel",))
    recurrent_kernel = float_weight(layer, 1, ("recurrent_kernel",), "recurrent")
    bias = float_weight(layer, 2, ("bias",)) if a.flag("use_bias", True) else np.zeros(kernel.shape[1])
    first, second = bias if bias.ndim == 2 else (bias, 0 * bias)
    states = tuple(inputs[1:]) or tuple(np.zeros((len(x), units)) for _ in range(STATES[class_name]))

    def sigmoid(values: Array) -> Array:
        return activate(layer, gate, values)

    def tanh(values: Array) -> Array:
        return activate(layer, inner, values)

    step = STEPS[class_name](layer, recurrent_kernel, second, sigmoid, tanh)
    found = []
    for gate_inputs in np.moveaxis(x @ kernel + first, 1, 0):
        states = step(gate_inputs, states)
        found.append(states)
    return [np.stack(values, axis=1) for values in zip(*found)]
