"""One module for each operator: which Keras and QKeras layers become it, and what the passes ask of it.

Importing this package imports every module that it holds; each registers itself.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from .registry import CONVERTERS, DESCRIPTIONS, FLOAT_FORMS, HLS4ML, MOVES, NORMS, SEVERAL, Norm

__all__ = ["CONVERTERS", "DESCRIPTIONS", "FLOAT_FORMS", "HLS4ML", "MOVES", "NORMS", "SEVERAL", "Norm"]

for _name in sorted(module.name for module in iter_modules(__path__)):
    import_module(f"{__name__}.{_name}")
