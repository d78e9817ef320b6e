"""Model files to networks: ``.h5``, ``.keras``, ``.json`` with weights, of (Q)Keras without TensorFlow, ``.onnx``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError
from .container import check_whole, open_container
from .integers import as_values
from .network import Network, read_network
from .weights import WeightSource

DAMAGE = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, MemoryError)

__all__ = ["network_of", "one_line", "read_network_file"]


def one_line(error: BaseException) -> str:
    """The message without line breaks and other control characters."""
    text = "".join(c if c.isprintable() else " " for c in str(error))
    return " ".join(text.split())


def network_of(model: dict[str, Any], weights: WeightSource, path: object) -> Network:
    """The network of a model's JSON, with the values of integer weights; ``path`` is for messages."""
    return as_values(read_network(model, weights, path))


def read_network_file(path: Path, weights: Path | None = None, whole: bool = True) -> Network:
    """The layers and float weights of a model file, nothing converted yet; ``weights`` belong to a model in JSON.

    Without ``whole``, what an ONNX file has that is not supported is no error, but ``Network.lost``.
    """
    try:
        if path.suffix.lower() == ".onnx":
            from .onnx import read_onnx  # the package onnx is an extra

            check_whole(path, weights)
            return read_onnx(path, whole)
        container = open_container(path, weights)
        return network_of(container.model, container.weights, path)
    except BitsmithError as error:
        raise BitsmithError(one_line(error)) from None
    except DAMAGE as error:  # what h5py and damaged JSON raise is no fixed list
        text = one_line(error)[:80]
        raise BitsmithError(f"{path} is damaged ({type(error).__name__}: {text}); save the model again") from None
