"""Every attribute of a layer is understood, known to be harmless, or an error that names layer, attribute and value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...sim.errors import BitsmithError
from ..classes import GROUPED, config_of, short

LARGEST = 1 << 24
"""No size, count or factor of a layer is larger: a tensor has not more values."""
_LARGEST_NUMBER = 2.0**32

_HARMLESS = {"name", "trainable", "build_config", "batch_input_shape", "batch_shape", "input_shape", "input_dtype",
             "autocast", "dtype", "quantization_config", "kernel_range", "bias_range", "depthwise_range", "gamma_range",
             "beta_range"}  # fmt: skip
"""``dtype`` and ``quantization_config`` are judged before any attribute is read (``policy.py``)."""
_HARMLESS_ENDINGS = ("_initializer", "_regularizer", "_constraint")
_ONLY: dict[str, tuple[Any, ...]] = {
    "data_format": ("channels_last", None),
    "groups": (1,),
    "sparse": (False,),
    "ragged": (False,),
    "lora_rank": (None,),
    "lora_alpha": (None,),
}
"""Attributes of many layers that have one meaning only here."""
_NO_LORA = "None; save the model before enable_lora, or with layers that have LoRA's share in their kernels"


class Attributes:
    """A layer's configuration; what was not asked for in the end is an error (``finish``)."""

    def __init__(self, layer: str, config: dict[str, Any]) -> None:
        self.layer = layer
        self._config = config
        self._asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        """The raw value of an attribute that the caller understands."""
        self._asked.add(name)
        return self._config.get(name, default)

    def only(self, name: str, *supported: Any) -> Any:
        """The value, which must be one of ``supported`` or missing; a list of equal values stands for one."""
        value = self.get(name, supported[0])
        if not any(_same(value, s) for s in supported):
            self.refuse(name, value, ", ".join(map(str, supported)))
        return value

    def refuse(self, name: str, value: Any, supported: str) -> None:
        """Raise the error that every unsupported attribute gives."""
        raise BitsmithError(f"{name}={short(value)} on '{self.layer}' is not supported; supported: {supported}")

    def flag(self, name: str, default: bool) -> bool:
        value = self.get(name, default)
        if not isinstance(value, bool):
            self.refuse(name, value, "true, false")
        return bool(value)

    def number(self, name: str, default: float | None) -> float | None:
        """A number of at most 2**32; None only where that is the default."""
        given = self.get(name, default)
        value = config_of(given).get("value", given) if isinstance(given, dict) else given  # Keras's "__numpy__"
        if not _is_number(value) and (value is not None or default is not None):
            self.refuse(name, given, "a number up to 2**32")
        return None if value is None else float(value)

    def integer(self, name: str) -> int:
        """A positive integer."""
        value = self.get(name)
        if not is_count(value):
            self.refuse(name, value, f"a positive whole number up to {LARGEST}")
        return int(value)

    def sizes(self, name: str, count: int, default: Any = None, optional: bool = False) -> tuple[int, ...]:
        """``count`` positive integers; one stands for all. None means the default too where they are ``optional``."""
        value = self.get(name, default)
        value = default if value is None and optional else value
        items = list(value) if isinstance(value, (list, tuple)) else [value] * count
        if len(items) != count or not all(is_count(i) for i in items):
            self.refuse(name, value, f"{count} positive whole number{'s' if count > 1 else ''} up to {LARGEST}")
        return tuple(items)

    def function(self, name: str, default: str | None) -> Any:
        """An activation: None, a function's name (Keras may wrap it), or a quantizer as text or object."""
        value = self.get(name, default)
        wrapped = _is_object(value) and value["class_name"] == "function"
        if not (isinstance(value.get("config"), str) if wrapped else value is None or _is_text_or_object(value)):
            self.refuse(name, value, "the name of a function, or a quantizer")
        return value

    def quantizer(self, name: str) -> Any:
        """A quantizer as text or as an object with a class, or None."""
        value = self.get(name)
        if value is not None and not _is_text_or_object(value):
            self.refuse(name, value, "a quantizer, e.g. quantized_bits(8,0,alpha=1)")
        return value

    def choice(self, name: str, supported: Sequence[str]) -> str:
        """One of a few words, whatever its case."""
        value = self.get(name, supported[0])
        if not isinstance(value, str) or value.lower() not in supported:
            self.refuse(name, value, ", ".join(supported))
        return str(value).lower()

    def harmless(self, *names: str) -> None:
        """Attributes that do not change what the layer computes."""
        self._asked.update(names)

    def check_general(self, class_name: str = "") -> None:
        """BitsmithError for a value, of an attribute that many layers have, that no layer supports, or none but those
        of other classes."""
        for name, supported in _ONLY.items():
            if name == "groups" and class_name in GROUPED:
                continue
            value = self._config.get(name, supported[0])
            if not any(_same(value, s) for s in supported):
                self.refuse(name, value, ", ".join(str(s) for s in supported if s is not None) or _NO_LORA)

    def finish(self, *later: str) -> None:
        """BitsmithError for the first attribute that nobody understands; ``later`` are still to be asked for.

        It comes before the layer's weights are looked at: what is not understood may be why they have another shape.
        """
        for name, value in self._config.items():
            if name in self._asked or name in _HARMLESS or name.endswith(_HARMLESS_ENDINGS):
                continue
            if name not in _ONLY and name not in later:
                raise BitsmithError(
                    f"{name}={short(value)} on '{self.layer}' is not understood; remove it or train without it"
                )


def is_count(value: Any) -> bool:
    """Whether a value is a positive integer that a size may be."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST_NUMBER


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("class_name"), str)


def _is_text_or_object(value: Any) -> bool:
    return isinstance(value, str) or _is_object(value)


def _same(value: Any, supported: Any) -> bool:
    if isinstance(value, (list, tuple)) and value and not isinstance(supported, (list, tuple)):
        return all(not isinstance(item, (list, tuple)) and _same(item, supported) for item in value)
    if isinstance(value, bool) != isinstance(supported, bool):
        return False
    return bool(value == supported)
