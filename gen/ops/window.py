"""Attributes that every sliding window shares: one or two dimensions, strides, dilation, padding."""

from __future__ import annotations

from ...sim.errors import BitsmithError
from ...sim.params import NO_PADDING, Padding, Pair
from ..read.attributes import Attributes
from ..read.build import Tensor
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


def same_padding(size: int, window: int, stride: int, dilation: int = 1) -> Pair:
    """Keras's ``same``: ceil(size / stride) outputs, the odd place behind."""
    reach = (window - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def padding_of(
    a: Attributes, layer: Layer, x: Tensor, window: Pair, strides: Pair, dilation: Pair = (1, 1), causal: bool = False
) -> Padding:
    """The zeros around the input, those that a ZeroPadding layer left included."""
    word = a.choice("padding", ("valid", "same", "causal") if causal else ("valid", "same"))
    if x.padding != NO_PADDING and word != "valid":
        raise BitsmithError(
            f"'{layer.name}': padding='{word}' behind a ZeroPadding layer is not supported; supported: valid"
        )
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
