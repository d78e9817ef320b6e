"""A network in plain float64, as Keras computes it: for measured ranges, and to hold the reader to Keras.

Quantizers of weights and the plain ones of activations are applied; quantized reciprocals of averages are left exact.
Every layer that the reader supports is here: its form in floats stands beside its converter, in ``ops``.
"""

from __future__ import annotations

from typing import Any

from ...sim.errors import BitsmithError
from ...sim.fixed import FloatArray
from ..ops import FLOAT_FORMS
from ..ops.activation_floats import activated
from ..read.network import Layer, Network


def run(network: Network, inputs: list[FloatArray]) -> dict[str, FloatArray]:
    """Every layer's output (batch first, Keras's shape) by its key; ``<key>:exact`` before a fused activation.

    For recurrent layers also what ``ops.recurrent_floats.results`` gives.
    """
    values: dict[str, FloatArray] = dict(zip(network.inputs, inputs, strict=True))
    for layer in network.layers:
        if layer.class_name != "InputLayer":
            values |= _results(layer, [values[key] for key in layer.inputs])
    return values


def _results(layer: Layer, x: list[FloatArray]) -> dict[str, FloatArray]:
    y = _exact(layer, x)
    return y if isinstance(y, dict) else {f"{layer.key}:exact": y, layer.key: activated(layer, y)}


def _exact(layer: Layer, x: list[FloatArray]) -> Any:
    """What the layer's form gives; BitsmithError where shapes of weights and inputs do not agree."""
    if layer.class_name not in FLOAT_FORMS:
        raise BitsmithError(f"'{layer.name}' is a {layer.class_name}, which is not supported; see 'bitsmith inspect'")
    try:
        return FLOAT_FORMS[layer.class_name](layer, *x)
    except ValueError as error:
        text = " ".join(str(error).split())[:60]
        raise BitsmithError(
            f"'{layer.name}': its weights do not fit its input ({text}); save the model again"
        ) from None
