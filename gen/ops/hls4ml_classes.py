"""hls4ml's classes of activations: what their functions are."""

from __future__ import annotations

from typing import Any

from ...sim.errors import BitsmithError
from ..config.hls4ml_classes import ACTIVATION, function_class
from ..quantize.quantizers import is_quantizer, parse_quantizer
from ..read.build import value_of

_REAL = {"quantized_tanh": "use_real_tanh", "quantized_sigmoid": "use_real_sigmoid"}


def own_classes(config: dict[str, Any]) -> tuple[str, ...]:
    """Of a layer that is an activation and nothing else."""
    return (activation_class(config.get("activation")),)


def relu_classes(config: dict[str, Any]) -> tuple[str, ...]:
    """Of a ReLU in a model of Keras 3, and of Keras 2."""
    return "LeakyReLU" if config.get("negative_slope") else "ThresholdedReLU", ACTIVATION


def activation_class(activation: Any) -> str:
    """The class of an activation, given as ``activation=`` has it."""
    if not is_quantizer(activation):
        return function_class(str(value_of(activation)))
    try:
        q = parse_quantizer(activation, "")
    except BitsmithError:  # the layer's converter says what is wrong
        return ACTIVATION
    assert q is not None
    parameters = dict(q.parameters)
    if q.name in _REAL:
        return ACTIVATION if parameters[_REAL[q.name]] else "HardActivation"
    return "LeakyReLU" if parameters.get("negative_slope") else function_class(q.name)
