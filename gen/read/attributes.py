"""Every attribute of a layer is understood, known to be harmless, or an error that names layer, attribute and value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...sim.errors import BitsmithError

_HARMLESS = {"name", "trainable", "build_config", "batch_input_shape", "batch_shape", "input_shape", "input_dtype",
             "autocast", "kernel_range", "bias_range", "depthwise_range", "gamma_range", "beta_range"}  # fmt: skip
_HARMLESS_ENDINGS = ("_initializer", "_regularizer", "_constraint")
_ONLY: dict[str, tuple[Any, ...]] = {
    "dtype": ("float32", "float64", None),
    "data_format": ("channels_last", None),
    "groups": (1,),
    "sparse": (False,),
    "ragged": (False,),
    "lora_rank": (None,),
    "lora_alpha": (None,),
    "quantization_config": (None,),
}
"""Attributes of many layers that have one meaning only here."""


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
        raise BitsmithError(f"{name}={_short(value)} on '{self.layer}' is not supported; supported: {supported}")

    def flag(self, name: str, default: bool) -> bool:
        value = self.get(name, default)
        if not isinstance(value, bool):
            self.refuse(name, value, "true, false")
        return bool(value)

    def number(self, name: str, default: float | None) -> float | None:
        value = self.get(name, default)
        if isinstance(value, dict) and isinstance(value.get("config"), dict):  # Keras's {"class_name": "__numpy__", …}
            value = value["config"].get("value")
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            self.refuse(name, value, "a number")
        return None if value is None else float(value)

    def integer(self, name: str) -> int:
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            self.refuse(name, value, "a positive whole number")
        return int(value)

    def sizes(self, name: str, count: int, default: Any = 1) -> tuple[int, ...]:
        """``count`` positive integers; one stands for all."""
        value = self.get(name)
        value = default if value is None else value
        items = list(value) if isinstance(value, (list, tuple)) else [value] * count
        if len(items) != count or any(isinstance(i, bool) or not isinstance(i, int) or i < 1 for i in items):
            self.refuse(name, value, f"{count} positive whole number{'s' if count > 1 else ''}")
        return tuple(items)

    def choice(self, name: str, supported: Sequence[str]) -> str:
        """One of a few words, whatever its case."""
        value = self.get(name, supported[0])
        if not isinstance(value, str) or value.lower() not in supported:
            self.refuse(name, value, ", ".join(supported))
        return str(value).lower()

    def harmless(self, *names: str) -> None:
        """Attributes that do not change what the layer computes."""
        self._asked.update(names)

    def finish(self) -> None:
        """BitsmithError for the first attribute that nobody understands."""
        for name, value in self._config.items():
            if name in self._asked or name in _HARMLESS or name.endswith(_HARMLESS_ENDINGS):
                continue
            if name not in _ONLY:
                raise BitsmithError(
                    f"{name}={_short(value)} on '{self.layer}' is not understood; remove it or train without it"
                )
            if not any(_same(_dtype(value) if name == "dtype" else value, s) for s in _ONLY[name]):
                self.refuse(name, value, ", ".join(str(s) for s in _ONLY[name] if s is not None) or "None")


def _dtype(value: Any) -> Any:
    """A dtype policy's name."""
    config = value.get("config") if isinstance(value, dict) else None
    return config.get("name") if isinstance(config, dict) else value


def _same(value: Any, supported: Any) -> bool:
    if isinstance(value, (list, tuple)) and value and not isinstance(supported, (list, tuple)):
        return all(_same(item, supported) for item in value)
    if isinstance(value, bool) != isinstance(supported, bool):
        return False
    return bool(value == supported)


def _short(value: Any) -> str:
    text = str(_dtype(value)) if isinstance(value, dict) else str(tuple(value) if isinstance(value, list) else value)
    return text if len(text) <= 40 else text[:37] + "…"
