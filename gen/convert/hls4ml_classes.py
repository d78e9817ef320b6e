"""hls4ml's classes of a model's layers: one with an ``activation=`` is two layers there."""

from __future__ import annotations

from typing import Any

from ..classes import ATTENTION
from ..ops import HLS4ML
from ..ops.hls4ml_classes import activation_class
from ..read.attention import ATTENTION_PARTS
from ..read.build import value_of
from ..read.network import Layer, inner_layer


def own_classes(layer: Layer) -> tuple[str, ...]:
    """The classes that the layer itself may have."""
    return _classes(layer.class_name, layer.config)


def _classes(name: str, config: dict[str, Any]) -> tuple[str, ...]:
    return HLS4ML[name](config) if name in HLS4ML else (name,)


def hls4ml_classes(layer: Layer) -> set[str]:
    """The class of the layer, and those of what it becomes besides: its activation, the layer inside it."""
    inner, config = inner_layer(layer.config)
    found = {*own_classes(layer), *(_classes(inner, config) if inner else ())}
    return found | {activation_class(part["activation"]) for part in (layer.config, config) if "activation" in part}


def functions_inside(layer: Layer) -> set[str]:
    """The names of the activation functions and quantizers inside of a layer, whose sections are ``<layer>_<name>``."""
    parts = [layer.config, *(inner_layer(layer.config, key)[1] for key in ("layer", "backward_layer"))]
    given = [part.get(key) for part in parts for key in ("activation", "recurrent_activation")]
    # The parts of an attention that was not taken apart: that it is not supported is said later.
    inside = ATTENTION_PARTS if layer.class_name in ATTENTION else ()
    return {str(value_of(value)).partition("(")[0] for value in given if value is not None} | {"linear", *inside}
