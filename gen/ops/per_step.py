"""TimeDistributed: the layer inside of it, as a layer on the whole sequence that does the same at every step.

A layer that computes each value, or the last axis, by itself stays as it is. One with a window over a sequence of its
own (an input (steps, length, channels)) is one with a window of height 1 over an image.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...sim.op import Shape
from ..read.attributes import Attributes
from ..read.network import Layer, inner_layer
from .registry import CONVERTERS, EACH_STEP

_SIZES = ("kernel_size", "strides", "dilation_rate", "pool_size", "size")
"""Attributes of a window; in two dimensions it has height 1."""
_AROUND = ("padding", "cropping")
"""Attributes that are places before and behind, where they are no word."""


def distributed(layer: Layer) -> Layer:
    """The layer inside, with its own weights and the outer name."""
    class_name, config = inner_layer(layer.config)
    weights = {key.removeprefix("layer/"): value for key, value in layer.weights.items()}
    return replace(layer, class_name=class_name, config=config, weights=weights)


def on_sequence(layer: Layer, shape: Shape) -> tuple[Layer, Shape | None]:
    """The layer that does at every step of an input of ``shape`` what the one inside of ``layer`` does, and the shape
    that its result is brought to, if any. BitsmithError for a class that has no such layer."""
    inner = distributed(layer)
    name = inner.class_name
    if name in EACH_STEP:
        return EACH_STEP[name](inner, shape), None
    image = _image_of(name) if len(shape) == 3 else None
    if image is not None:
        return _over_all(inner, image, shape) if name.startswith("Global") else (_as_image(inner, image), None)
    windows = ", ".join(sorted(n for n in CONVERTERS if _image_of(n) and n not in EACH_STEP))
    text = f"{', '.join(sorted(EACH_STEP))}, and on an input (steps, length, channels) {windows}"
    Attributes(layer.name, layer.config).refuse("layer", name, text)
    raise AssertionError("refuse returns")


def _image_of(name: str) -> str | None:
    """The class of two dimensions that has the windows of one of one dimension; a global pool is a plain one."""
    image = name.removeprefix("Global").removesuffix("1D") + "2D"
    return image if name.endswith("1D") and image in CONVERTERS else None


def _as_image(inner: Layer, image: str) -> Layer:
    """A layer of two dimensions whose rows are the steps."""
    config = dict(inner.config)
    config |= {name: _flat(config[name]) for name in _SIZES if name in config}
    config |= {name: [[0, 0], config[name]] for name in _AROUND if isinstance(config.get(name), (int, list, tuple))}
    weights = {key: value[None] if value.ndim == 3 else value for key, value in inner.weights.items()}
    inner.taken.update(id(inner.weights[key]) for key in weights if inner.weights[key] is not weights[key])
    return replace(inner, class_name=image, config=config, weights=weights)


def _flat(value: Any) -> Any:
    """A length as height 1 and that width; what is none stays, and is refused by the layer."""
    if isinstance(value, (list, tuple)):
        return [1, *value]
    return value if value is None else [1, value]


def _over_all(inner: Layer, image: str, shape: Shape) -> tuple[Layer, Shape | None]:
    """A global pool at every step: one window as long as the step's sequence."""
    a = Attributes(inner.name, inner.config)
    keep = a.flag("keepdims", False)
    a.finish("data_format")
    config = {"name": inner.name, "pool_size": [1, shape[1]], "strides": [1, 1], "padding": "valid"}
    whole = replace(inner, class_name=image, config=config)
    return whole, None if keep else (shape[0], shape[2])


def last_axis(inner: Layer, shape: Shape) -> Layer:
    """One that computes each value, or the last axis, by itself: ``axis`` counts the axes of a step."""
    axis = inner.config.get("axis")
    items = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    last = items == [len(shape) - 1] and not isinstance(items[0], bool)
    return replace(inner, config=inner.config | {"axis": -1}) if last else inner
