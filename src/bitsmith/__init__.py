"""Trained Keras and QKeras models as FPGA hardware, compared with one fixed-point reference integer by integer.

>>> graph = bitsmith.load("model.h5", "config.yaml")
>>> built = bitsmith.build(graph, "config.yaml", "build")
>>> built.reference.predict(x)  # and built.hls, built.rtl: the same integers
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .gen.build import build, load
    from .sim.errors import BitsmithError

__all__ = ["BitsmithError", "__version__", "build", "load"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that ``import bitsmith`` and the command line start fast."""
    if name == "BitsmithError":
        from .sim.errors import BitsmithError

        return BitsmithError
    if name in ("build", "load"):
        from .gen import build as module

        return getattr(module, name)
    raise AttributeError(f"module 'bitsmith' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
