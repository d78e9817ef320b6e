"""A configuration as it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError
from . import schema as configuration
from .schema import Config


def read_config(config: str | Path | dict[str, Any] | Config | None) -> Config:
    """A checked configuration from a file's path, from plain data, or the default for None."""
    if isinstance(config, Config):
        return config
    if config is None or isinstance(config, dict):
        return configuration.parse_config(config)
    if not isinstance(config, (str, Path)):
        raise BitsmithError(f"a {type(config).__name__} is no configuration; give a YAML file's path or a dictionary")
    return configuration.load_config(Path(config))
