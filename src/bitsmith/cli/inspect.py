"""``bitsmith inspect MODEL``."""

from __future__ import annotations

from typing import Any

from .options import Config, Json, Model
from .outcome import Outcome, table


def inspect(model: Model, config: Config = None, json: Json = False) -> Outcome:
    """Layers, shapes, quantizers; what is not supported."""
    from ..gen.inspect import inspect as look

    data = look(model, config)
    return Outcome(data, text(data), json)


def text(data: dict[str, Any]) -> str:
    """One row a layer."""
    return table(["layer", "type"], [])
