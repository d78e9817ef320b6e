"""A Keras model in memory as JSON, completed with what its quantizers' ``get_config`` leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..classes import MODELS, class_name, is_object
from ..quantize.quantizers import NOT_SAVED
from .container import parse_json

_INSIDE = {"layer": ("forward_layer", "layer"), "backward_layer": ("backward_layer",), "cell": ("cell",)}
"""Where the layer object is that an entry of a wrapper's configuration describes."""


def live_json(model: Any) -> dict[str, Any]:
    """The model's own JSON; each quantizer has the parameters (``NOT_SAVED``) of the object that computes."""
    data = parse_json(model.to_json(), f"model '{model.name}'")
    _complete_model(data, model)
    return data


def _complete_model(data: dict[str, Any], model: Any) -> None:
    for item in data["config"]["layers"]:
        if item["class_name"] == "InputLayer":  # a Sequential does not list its own
            continue
        layer = model.get_layer(item["config"].get("name") or item.get("name"))
        if class_name(item) in MODELS:
            _complete_model(item, layer)
        else:
            _complete_layer(item["config"], layer)


def _complete_layer(config: dict[str, Any], layer: Any) -> None:
    for key, value in config.items():
        if not is_object(value):
            continue
        if key in _INSIDE:
            inner = next((getattr(layer, name) for name in _INSIDE[key] if hasattr(layer, name)), None)
            _complete_layer(value["config"], inner)
        for name in NOT_SAVED.get(value.get("class_name", ""), ()):
            for quantizer in _quantizers(layer, key, value["class_name"]):
                if hasattr(quantizer, name):  # qkeras 0.9.0 does not have all of them
                    value["config"].setdefault(name, getattr(quantizer, name))


def _quantizers(layer: Any, attribute: str, kind: str) -> Iterator[Any]:
    """The objects behind an attribute: qkeras keeps those that compute as ``…_internal``, a recurrent layer's in its
    cell, a QActivation's as ``quantizer``."""
    names = (f"{attribute}_internal", attribute, *(("quantizer",) if attribute == "activation" else ()))
    for owner in (layer, getattr(layer, "cell", None)):
        for found in (getattr(owner, name, None) for name in names):
            if type(found).__name__ == kind:
                yield found
