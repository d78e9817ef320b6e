"""TimeDistributed: the layer inside of it, as a layer on the whole sequence that does the same at every step.

A layer that computes each value, or the last axis, by itself stays as it is. One with a window over a sequence of its
own (an input (steps, length, channels)) is one with a window of height 1 over an image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

from ...sim.op import Shape
from ..read.attributes import Attributes
from ..read.network import Layer, inner_layer

LAST_AXIS = ("Dense", "QDense", "Activation", "QActivation", "ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "Dropout",
             "Softmax", "BatchNormalization", "QBatchNormalization", "LayerNormalization", "Rescaling",
             "Normalization")  # fmt: skip
"""Layers that compute every step by itself anyway."""
_SIZES = ("kernel_size", "strides", "dilation_rate", "pool_size", "size")
"""Attributes of a window; in two dimensions it has height 1."""
_AROUND = ("padding", "cropping")
"""Attributes that are places before and behind, where they are no word."""
_IMAGES = {
    "AveragePooling1D": "AveragePooling2D",
    "Conv1D": "Conv2D",
    "Cropping1D": "Cropping2D",
    "DepthwiseConv1D": "DepthwiseConv2D",
    "MaxPooling1D": "MaxPooling2D",
    "QConv1D": "QConv2D",
    "QSeparableConv1D": "QSeparableConv2D",
    "SeparableConv1D": "SeparableConv2D",
    "UpSampling1D": "UpSampling2D",
    "ZeroPadding1D": "ZeroPadding2D",
}
_WHOLE = {"GlobalAveragePooling1D": "AveragePooling2D", "GlobalMaxPooling1D": "MaxPooling2D"}


def distributed(layer: Layer) -> Layer:
    """The layer inside, with its own weights and the outer name."""
    class_name, config = inner_layer(layer.config)
    weights = {key.removeprefix("layer/"): value for key, value in layer.weights.items()}
    return replace(layer, class_name=class_name, config=config, weights=weights)


def on_sequence(layer: Layer, shape: Shape) -> tuple[Layer, Shape | None]:
    """The layer that does at every step of an input of ``shape`` what the one inside of ``layer`` does, and the shape
    that its result is brought to, if any. BitsmithError for a class that has no such layer."""
    inner = distributed(layer)
    windows = len(shape) == 3 and (inner.class_name in _IMAGES or inner.class_name in _WHOLE)
    if inner.class_name not in (*LAST_AXIS, "Flatten", "Reshape") and not windows:
        others = ", ".join((*LAST_AXIS, "Flatten", "Reshape"))
        windows_of = ", ".join((*_IMAGES, *_WHOLE))
        text = f"{others}, and on an input (steps, length, channels) {windows_of}"
        Attributes(layer.name, layer.config).refuse("layer", inner.class_name, text)
    if inner.class_name in _WHOLE:
        return _over_all(inner, shape)
    if inner.class_name in _IMAGES:
        return _as_image(inner), None
    return _MADE.get(inner.class_name, _last_axis)(inner, shape), None


def _as_image(inner: Layer) -> Layer:
    """A layer of two dimensions whose rows are the steps."""
    config = dict(inner.config)
    config |= {name: _flat(config[name]) for name in _SIZES if name in config}
    config |= {name: [[0, 0], config[name]] for name in _AROUND if isinstance(config.get(name), (int, list, tuple))}
    weights = {key: value[None] if value.ndim == 3 else value for key, value in inner.weights.items()}
    inner.taken.update(id(inner.weights[key]) for key in weights if inner.weights[key] is not weights[key])
    return replace(inner, class_name=_IMAGES[inner.class_name], config=config, weights=weights)


def _flat(value: Any) -> Any:
    """A length as height 1 and that width; what is none stays, and is refused by the layer."""
    if isinstance(value, (list, tuple)):
        return [1, *value]
    return value if value is None else [1, value]


def _over_all(inner: Layer, shape: Shape) -> tuple[Layer, Shape | None]:
    """A global pool at every step: one window as long as the step's sequence."""
    a = Attributes(inner.name, inner.config)
    keep = a.flag("keepdims", False)
    a.finish("data_format")
    config = {"name": inner.name, "pool_size": [1, shape[1]], "strides": [1, 1], "padding": "valid"}
    whole = replace(inner, class_name=_WHOLE[inner.class_name], config=config)
    return whole, None if keep else (shape[0], shape[2])


def _flatten(inner: Layer, shape: Shape) -> Layer:
    Attributes(inner.name, inner.config).finish("data_format")
    config = {"name": inner.name, "target_shape": [shape[0], prod(shape[1:])]}
    return replace(inner, class_name="Reshape", config=config)


def _reshape(inner: Layer, shape: Shape) -> Layer:
    target = inner.config.get("target_shape")
    within = [shape[0], *target] if isinstance(target, (list, tuple)) else target
    return replace(inner, config=inner.config | {"target_shape": within})


def _last_axis(inner: Layer, shape: Shape) -> Layer:
    """``axis`` counts the axes of a step; the last one is always -1."""
    axis = inner.config.get("axis")
    items = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    last = items == [len(shape) - 1] and not isinstance(items[0], bool)
    return replace(inner, config=inner.config | {"axis": -1}) if last else inner


_MADE: dict[str, Callable[[Layer, Shape], Layer]] = {"Flatten": _flatten, "Reshape": _reshape}
