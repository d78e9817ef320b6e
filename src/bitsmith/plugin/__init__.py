"""Bitsmith as a backend of hls4ml: ``convert_from_keras_model(model, backend="Bitsmith")``.

hls4ml finds ``register`` through the entry point group ``hls4ml.backends`` and calls it while hls4ml itself is still
being imported, so nothing here imports hls4ml when it is loaded. Why hls4ml's own reader is passed by, and how:
docs/decisions/0018-hls4ml-plugin.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["register"]


def register(register_backend: Callable[[str, type], None], register_writer: Any = None) -> None:
    """Enter the backends ``Bitsmith`` (for Vitis HLS) and ``BitsmithVivado`` (for Vivado HLS) into hls4ml's list.

    ``register_writer`` is part of hls4ml's call and not used: the project is written by ``bitsmith.build``.
    """
    from .attach import attach
    from .backend import BACKENDS

    for backend in BACKENDS:
        register_backend(backend.name, backend)
    attach()
