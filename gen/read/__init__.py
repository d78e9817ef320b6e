"""Model files to graphs: ``.h5`` and ``.keras`` of tf_keras, QKeras and Keras 3, without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..config import Config
from ..ir import Graph
from .container import open_container, parse_json
from .network import Network, read_network
from .weights import LiveWeights

__all__ = ["read_live", "read_model", "read_network_file"]


def read_model(path: Path, config: Config | None = None) -> Graph:
    """The graph of integers of a model file; BitsmithError, in one line, for everything that does not fit."""
    from .convert import convert

    return convert(read_network_file(path), config or Config())


def read_network_file(path: Path) -> Network:
    """The layers and float weights of a model file, nothing converted yet."""
    path = Path(path)
    container = open_container(path)
    return read_network(container.model, container.weights, path)


def read_live(model: Any, config: Config | None = None) -> Graph:
    """The graph of a Keras model in memory, by way of its own JSON and weights."""
    from .convert import convert

    data = parse_json(model.to_json(), f"model '{model.name}'")
    return convert(read_network(data, LiveWeights(model), f"model '{model.name}'"), config or Config())
