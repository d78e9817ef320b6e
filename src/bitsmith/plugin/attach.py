"""Where hls4ml hands a model to its own reader, those for Bitsmith's backends come here instead.

hls4ml asks a backend for the first time when the model has been read and its graph is being made. That is too late for
models that only Bitsmith reads, so five of hls4ml's functions are wrapped. For any other backend they do what they did.
A sixth, ``convert_from_config``, is defined behind hls4ml's last import, where nothing can wrap it: the module gets a
class that wraps it when somebody asks for it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from ..sim.errors import BitsmithError
from .backend import ours

READERS = ("keras_v2_to_hls", "keras_v3_to_hls", "onnx_to_hls", "pytorch_to_hls")
"""The functions that read a model, as ``hls4ml.converters`` calls them."""
_CONFIG = "config_from_keras_model"
_PLACES = (
    *(("hls4ml.converters", name) for name in READERS),
    ("hls4ml.utils.config", _CONFIG),
    ("hls4ml.utils", _CONFIG),
)
"""Modules, and the names in them that are wrapped."""
_MARK = "_bitsmith"

Function = Callable[..., Any]


def attach() -> None:
    """Wrap hls4ml's functions, at once or as soon as all of them are there. A second time does nothing."""
    if _all_there() or hasattr(sys.modules.get("hls4ml"), "__version__"):
        _wrap_all()
    elif not any(isinstance(finder, _Waiting) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Waiting())


def check_attached() -> None:
    """BitsmithError where this hls4ml has other functions than the ones that are wrapped."""
    import hls4ml

    attach()
    missing = [name for name in READERS if not hasattr(getattr(hls4ml.converters, name, None), _MARK)]
    if missing:
        raise BitsmithError(
            f"hls4ml {hls4ml.__version__} reads models without {missing[0]}; "
            "install 'hls4ml~=1.3.0', or use bitsmith.build"
        )


class _Waiting(MetaPathFinder):
    """Finds nothing: looks, whenever hls4ml goes on to import a module, whether the functions are there by now."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname.startswith("hls4ml.") and _all_there():
            _wrap_all()


def _all_there() -> bool:
    """Whether they can be called: before it is imported whole, a package shows modules under the same names."""
    return all(callable(getattr(sys.modules.get(module), name, None)) for module, name in _PLACES)


def _wrap_all() -> None:
    """What is not there is left alone: ``import hls4ml`` must not fail because of us (see ``check_attached``)."""
    # A new list: in the old one, which the import under way goes through, the next finder would be passed over.
    sys.meta_path = [finder for finder in sys.meta_path if not isinstance(finder, _Waiting)]
    for module, name in _PLACES:
        _replace(module, name, _configuration if name == _CONFIG else _reader)
    converters = sys.modules.get("hls4ml.converters")
    if type(converters) is ModuleType:
        converters.__class__ = _Converters


class _Converters(ModuleType):
    """hls4ml.converters, whose ``convert_from_config`` also takes ``KerasH5`` and ``KerasJson`` for our backends."""

    @property
    def convert_from_config(self) -> Function:
        try:
            return _from_config(self.__dict__["convert_from_config"], self)
        except KeyError:
            raise AttributeError("module 'hls4ml.converters' has no attribute 'convert_from_config'") from None

    @convert_from_config.setter
    def convert_from_config(self, function: Function) -> None:
        self.__dict__["convert_from_config"] = function


def _from_config(original: Function, converters: Any) -> Function:
    """hls4ml's ``convert_from_config``, which makes nothing of files that are no ``KerasModel``."""

    @wraps(original)
    def convert(config: Any) -> Any:
        folder = Path()
        if isinstance(config, str):
            folder, config = Path(config).parent, converters.parse_yaml_config(config)
        from .settings import MODELS

        named = isinstance(config, dict) and any(config.get(key) is not None for key in MODELS)
        if named or not isinstance(config, dict) or not ours(config.get("Backend")):
            return original(config)
        from ..gen.config.named_model import files_of
        from .model import BitsmithModel

        model, weights = files_of(config, folder)
        return BitsmithModel(model, config, weights)

    return convert


def _replace(module: str, name: str, wrapped: Callable[[Function], Function]) -> None:
    original = getattr(sys.modules.get(module), name, None)
    if callable(original) and not hasattr(original, _MARK):
        replacement = wrapped(original)
        setattr(replacement, _MARK, True)
        setattr(sys.modules[module], name, replacement)


def _reader(original: Function) -> Function:
    """hls4ml's reader, but for our backends ours: ``config`` is hls4ml's whole configuration with the model in it."""

    @wraps(original)
    def read(config: Any, *others: Any, **named: Any) -> Any:
        if not isinstance(config, dict) or not ours(config.get("Backend")):
            return original(config, *others, **named)
        from .model import BitsmithModel
        from .settings import model_of

        return BitsmithModel(model_of(config), config)

    return read


def _configuration(original: Function) -> Function:
    """hls4ml's ``config_from_keras_model``, but for our backends what our reader says of the model."""
    signature = inspect.signature(original)

    @wraps(original)
    def configuration(*given: Any, **named: Any) -> Any:
        arguments = signature.bind(*given, **named).arguments
        if not ours(arguments.pop("backend", None)):
            return original(*given, **named)
        from .settings import config_of

        return config_of(**arguments)

    return configuration
