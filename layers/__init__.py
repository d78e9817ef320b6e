"""Keras layers to train with: ``GDN``, ``FixedGDN`` and ``FixedGRU``, whose integers are those of the hardware.

>>> from bitsmith.layers import FixedGRU, GDN

They are layers of tf_keras, which is imported with the first of them, and registered with it as ``Bitsmith>…``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    GDN: Any
    FixedGDN: Any
    FixedGRU: Any

__all__ = ["GDN", "FixedGDN", "FixedGRU"]


def __getattr__(name: str) -> Any:
    """The layer's class, made when it is first asked for."""
    if name == "GDN":
        from .gdn import gdn

        return gdn()
    if name == "FixedGDN":
        from .gdn import fixed_gdn

        return fixed_gdn()
    if name == "FixedGRU":
        from .gru import fixed_gru

        return fixed_gru()
    raise AttributeError(f"module 'bitsmith.layers' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
