"""Attributes that every sliding window shares: one or two dimensions, strides, dilation, padding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from ...sim.errors import BitsmithError
from ...sim.params import NO_PADDING, Padding, Pair
from ..read.attributes import LARGEST, Attributes, is_count
from ..read.build import Builder, Tensor
from ..read.network import Layer


def dimensions(layer: Layer) -> int:
    """1 for the classes that end in 1D (images of height 1), 2 for the others."""
    return 1 if "1D" in layer.class_name else 2


def pair(values: tuple[int, ...]) -> Pair:
    """Height and width; a sequence has height 1."""
    return (1, values[0]) if len(values) == 1 else (values[0], values[1])


def check_rank(layer: Layer, x: Tensor, count: int) -> None:
    """BitsmithError unless the input has ``count`` axes and channels."""
    if len(x.shape) != count + 1:
        raise BitsmithError(
            f"'{layer.name}' ({layer.class_name}) has an input of shape {x.shape}; it needs {count + 1} axes"
        )


def around(a: Attributes, name: str, d: int) -> Padding:
    """1, (1, 2) or ((1, 2), (3, 4)) as ((top, bottom), (left, right)); a sequence has columns only."""
    value = a.get(name, 1)
    items: list[Any] = list(value) if isinstance(value, (list, tuple)) else [value] * 2
    rows = [list(i) if isinstance(i, (list, tuple)) else [i, i] for i in ([[0, 0], items] if d == 1 else items)]
    flat = [n for row in rows for n in row]
    if [len(row) for row in rows] != [2, 2] or not all((n == 0 and type(n) is int) or is_count(n) for n in flat):
        a.refuse(name, value, f"whole numbers, none negative, up to {LARGEST}")
    return (flat[0], flat[1]), (flat[2], flat[3])


def same_padding(size: int, window: int, stride: int, dilation: int = 1) -> Pair:
    """Keras's ``same``: ceil(size / stride) outputs, the odd place behind."""
    reach = (window - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


class Window(NamedTuple):
    """A convolution's window on ``x``; the zeros that were pending around ``x`` are in ``padding``."""

    x: Tensor
    size: tuple[int, ...]
    strides: Pair
    padding: Padding
    dilation: Pair


def sliding_window(build: Builder, a: Attributes, layer: Layer, x: Tensor) -> Window:
    """The window that a convolution's attributes describe; BitsmithError where it does not fit its input."""
    d = dimensions(layer)
    check_rank(layer, x, d)
    size = a.sizes("kernel_size", d)
    strides, dilation = pair(a.sizes("strides", d, 1)), pair(a.sizes("dilation_rate", d, 1))
    x = _pending(build, a, layer, x, pair(size), dilation)
    padding = padding_of(a, layer, x, pair(size), strides, dilation, causal=d == 1)
    check_fits(layer, x, pair(size), padding, dilation)
    return Window(replace(x, padding=NO_PADDING), size, strides, padding, dilation)


def _pending(build: Builder, a: Attributes, layer: Layer, x: Tensor, window: Pair, dilation: Pair) -> Tensor:
    """A convolution's input: zeros pending around it stay where they can be the layer's own padding, smaller than its
    window, and become an operator where not."""
    spans = ((size - 1) * step + 1 for size, step in zip(window, dilation))
    small = all(sum(pair) < span or sum(pair) == 0 for pair, span in zip(x.padding, spans))
    own = a.get("pads") is not None or str(a.get("padding", "valid")).lower() != "valid"
    return build.plain(layer, x) if own or not small else x


def padding_of(
    a: Attributes, layer: Layer, x: Tensor, window: Pair, strides: Pair, dilation: Pair = (1, 1), causal: bool = False
) -> Padding:
    """The zeros around the input: ONNX's numbers, Keras's word, or for ``valid`` those that are pending."""
    if a.get("pads") is not None:
        return around(a, "pads", dimensions(layer))
    word = a.choice("padding", ("valid", "same", "causal") if causal else ("valid", "same"))
    if word == "valid":
        return x.padding
    if word == "causal":
        return (0, 0), (dilation[1] * (window[1] - 1), 0)
    height, width = x.spec.shape[:2]
    top = same_padding(height, window[0], strides[0], dilation[0])
    return top, same_padding(width, window[1], strides[1], dilation[1])


def check_fits(layer: Layer, x: Tensor, window: Pair, padding: Padding, dilation: Pair = (1, 1)) -> None:
    """BitsmithError where the window is larger than the padded input: Keras's output would be empty."""
    for axis in range(2):
        padded = x.spec.shape[axis] + sum(padding[axis])
        reach = (window[axis] - 1) * dilation[axis] + 1
        if padded < reach:
            raise BitsmithError(
                f"'{layer.name}': a window of {reach} on an input of {padded} leaves no output; use a smaller window"
            )
