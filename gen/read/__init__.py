"""Model files to graphs: ``.h5`` and ``.keras`` of tf_keras, QKeras and Keras 3, without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError
from ...sim.graph import Graph
from ..config.schema import Config
from .container import open_container
from .network import Network, read_network
from .weights import LiveWeights

DAMAGE = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, MemoryError)

__all__ = ["read_live", "read_model", "read_network_file"]


def read_model(model: Any, config: Config | None = None) -> Graph:
    """The graph of integers of a model file's path, or of a live Keras model.

    BitsmithError, in one line, for everything that does not fit.
    """
    from ..convert.layers import convert

    if not isinstance(model, (str, Path)):
        return read_live(model, config)
    network = read_network_file(Path(model))
    try:
        return convert(network, config or Config())
    except BitsmithError as error:  # names in a file may hold anything
        raise BitsmithError(one_line(error)) from None


def one_line(error: BaseException) -> str:
    """The message without line breaks and other control characters."""
    text = "".join(c if c.isprintable() else " " for c in str(error))
    return " ".join(text.split())


def read_network_file(path: Path) -> Network:
    """The layers and float weights of a model file, nothing converted yet."""
    try:
        container = open_container(path)
        return read_network(container.model, container.weights, path)
    except BitsmithError as error:
        raise BitsmithError(one_line(error)) from None
    except DAMAGE as error:  # what h5py and damaged JSON raise is no fixed list
        text = one_line(error)[:80]
        raise BitsmithError(f"{path} is damaged ({type(error).__name__}: {text}); save the model again") from None


def read_live(model: Any, config: Config | None = None) -> Graph:
    """The graph of a Keras model in memory, by way of its own JSON, quantizers and weights."""
    from ..convert.layers import convert
    from .live import live_json

    if not hasattr(model, "to_json"):
        raise BitsmithError(f"a {type(model).__name__} is no model; give a path or a Keras model")
    _check_order(model)
    network = read_network(live_json(model), LiveWeights(model), f"model '{model.name}'")
    return convert(network, config or Config())


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
