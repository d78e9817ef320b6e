"""Trained Keras and QKeras models as FPGA hardware, compared with one fixed-point reference integer by integer.

>>> built = bitsmith.build("model.h5", "config.yaml", "out")
>>> built.reference.predict(x)  # and built.hls, built.rtl: the same integers
>>> bitsmith.verify(built, inputs=x)  # compares all three
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .api import build, calibrate, estimate, inspect, load, load_build, report, synth, verify
    from .gen.build import Build
    from .result import Result
    from .sim.errors import BitsmithError

_HOMES = {
    **dict.fromkeys(("build", "calibrate", "estimate", "inspect", "load", "load_build"), "api"),
    **dict.fromkeys(("report", "synth", "verify"), "api"),
    "BitsmithError": "sim.errors",
    "Build": "gen.build",
    "Result": "result",
}
"""Where each public name stands."""

__all__ = [
    "BitsmithError",
    "Build",
    "Result",
    "__version__",
    "build",
    "calibrate",
    "estimate",
    "inspect",
    "load",
    "load_build",
    "report",
    "synth",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that ``import bitsmith`` and the command line start fast."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'bitsmith' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
