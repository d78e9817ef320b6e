"""Layers of a model to a graph of integers: ``.h5`` and ``.keras`` files, and models in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError
from ...sim.graph import Graph
from ..config.schema import Config
from ..read import network_of, one_line, read_network_file
from ..read.live import live_json
from ..read.network import Network
from ..read.weights import LiveWeights
from .layers import convert

__all__ = ["read_any", "read_model"]


def read_model(model: Any, config: Config | None = None, weights: Path | None = None) -> Graph:
    """The graph of integers of a model file's path, or of a live Keras model. ``weights`` belong to a model in JSON.

    BitsmithError, in one line, for everything that does not fit.
    """
    network = read_any(model, weights)
    try:
        return convert(network, config or Config())
    except BitsmithError as error:  # names in a file may hold anything
        raise BitsmithError(one_line(error)) from None


def read_any(model: Any, weights: Path | None = None, whole: bool = True) -> Network:
    """The layers and weights of a model file's path, or of a Keras model in memory; nothing converted yet. ``whole`` as
    of ``read_network_file``."""
    if isinstance(model, (str, Path)):
        return read_network_file(Path(model), weights, whole)
    if weights is not None:
        raise BitsmithError(f"a model in memory has its weights; leave out weights={weights}")
    if not hasattr(model, "to_json"):
        raise BitsmithError(f"a {type(model).__name__} is no model; give a path or a Keras model")
    _check_order(model)
    return network_of(live_json(model), LiveWeights(model), f"model '{model.name}'")


def _check_order(model: Any) -> None:
    """BitsmithError where a dictionary of inputs or outputs is not in the order of its keys: JSON knows no other.

    Keras 3 keeps the order of an OrderedDict; a file of such a model does not load in Keras itself.
    """
    for one, several in (("input", "inputs"), ("output", "outputs")):
        ends, tensors = getattr(model, one, None), list(getattr(model, several, ()))
        in_order = [ends[key] for key in sorted(ends)] if isinstance(ends, dict) else tensors
        if len(in_order) == len(tensors) and any(a is not b for a, b in zip(in_order, tensors)):
            raise BitsmithError(
                f"model '{model.name}': its {several} are an OrderedDict, whose order is lost when it is written; "
                "use a plain dictionary or a list"
            )
