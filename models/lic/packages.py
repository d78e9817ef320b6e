"""Packages of the extra ``lic``, imported when they are first needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ...sim.errors import BitsmithError, install_extra


def package(name: str) -> Any:
    """The module; BitsmithError where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        top = name.partition(".")[0]
        raise BitsmithError(f"the package {top} is not installed; {install_extra('lic')}") from None
