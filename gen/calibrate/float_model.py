"""A network in plain float64, as Keras computes it: for measured ranges, and to hold the reader to Keras.

Quantizers of weights and the plain ones of activations are applied; every layer that the reader supports is here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, FloatArray, quantize, to_float
from ...sim.op import Spec
from ...sim.table import FUNCTIONS
from ...sim.window import pad, windows
from ..config.layer import GDN_CLASSES
from ..ops.activation import is_keras3
from ..ops.batch_norm import normalization
from ..ops.conv2d_transpose import trimmed
from ..ops.dense import PER_STEP
from ..ops.flatten import target_shape
from ..ops.gdn import normalized
from ..ops.window import around, dimensions, pair, same_padding
from ..quantize.activation import activation_operators, plain_type
from ..quantize.quantizers import Quantizer, is_quantizer, parse_quantizer
from ..quantize.weights import quantize_weights
from ..read.attributes import Attributes
from ..read.build import value_of
from ..read.network import BIDIRECTIONAL, STATES, Layer, Network, inner_layer
from .float_recurrent import recurrent

Array = Any  # float64 arrays of any shape; numpy's stubs lose the dtype in nearly every call below


def run(network: Network, inputs: list[FloatArray]) -> dict[str, FloatArray]:
    """Every layer's output (batch first, Keras's shape) by its key; ``<key>:exact`` before a fused activation.

    For recurrent layers also what ``float_recurrent.recurrent`` gives.
    """
    values: dict[str, FloatArray] = dict(zip(network.inputs, inputs, strict=True))
    for layer in network.layers:
        if layer.class_name == "InputLayer":
            continue
        x = [values[key] for key in layer.inputs]
        if layer.class_name in (*STATES, *BIDIRECTIONAL):
            values |= _fitting(recurrent, layer, x, activate)
            continue
        y = _fitting(_layer, layer, x)
        values[f"{layer.key}:exact"] = y
        activation = Attributes(layer.name, layer.config).function("activation", None)
        values[layer.key] = y if activation is None else activate(layer, activation, y)
    return values


def _fitting(compute: Callable[..., Any], layer: Layer, x: list[Array], *more: Any) -> Any:
    """``compute(layer, x, …)``; BitsmithError where shapes of weights and inputs do not agree."""
    try:
        return compute(layer, x, *more)
    except ValueError as error:
        text = " ".join(str(error).split())[:60]
        raise BitsmithError(
            f"'{layer.name}': its weights do not fit its input ({text}); save the model again"
        ) from None


def activate(layer: Layer, activation: Any, x: Array) -> Array:
    """A Keras function, or a quantizer of QKeras."""
    if is_quantizer(activation):
        return _quantized(parse_quantizer(activation, f"'{layer.name}'"), f"'{layer.name}'", x)
    name = str(value_of(activation))
    if name == "hard_sigmoid" and (own := _hard_sigmoid_slope(layer)):
        return np.clip(own * x + 0.5, 0, 1)
    if name not in _FUNCTIONS:
        raise BitsmithError(f"activation={name} on '{layer.name}' is not supported; supported: {', '.join(_FUNCTIONS)}")
    return _FUNCTIONS[name](x)


_WIDE = Fixed(True, 15, 16)
"""What the input of a quantizer that does more than round is taken as."""


def _quantized(q: Quantizer | None, where: str, x: Array) -> Array:
    """A quantizer's values; those of one that does more than round, from its operators."""
    plain = plain_type(q)
    if q is None or plain is not None:
        return x if plain is None else to_float(quantize(x, plain[0], overflow=plain[1]), plain[0])
    raw, spec = quantize(x, _WIDE), Spec(x.shape[1:], _WIDE)
    for op in activation_operators(q, spec, where, table_bits=16):
        raw, spec = op.compute(raw), op.infer(spec)
    return to_float(raw, spec.type)


def _hard_sigmoid_slope(layer: Layer) -> float:
    """0 for Keras 2, whose slope is the usual one here."""
    if layer.class_name == "FixedGRU" or layer.class_name.startswith("Q"):
        return 0.5
    return 1 / 6 if is_keras3(layer) else 0.0


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "abs": np.abs,
    "absolute": np.abs,
    "round": np.rint,
    "silu": FUNCTIONS["swish"],
    "exponential": FUNCTIONS["exp"],
    "softmax": softmax,
    **FUNCTIONS,
}


def _layer(layer: Layer, x: list[Array]) -> Array:
    """What the layer computes before its ``activation=``."""
    name = layer.class_name
    if name in ("Add", "Concatenate"):
        return sum(x) if name == "Add" else np.concatenate(x, axis=-1)
    for ending, function in _BY_CLASS.items():
        if name.removeprefix("Q").startswith(ending):
            return function(layer, x[0])
    raise BitsmithError(f"'{layer.name}' is a {name}, which is not supported here; calibrate knows the reader's layers")


def _weight(layer: Layer, index: int, names: tuple[str, ...]) -> Array:
    """A weight, through its quantizer where it has one."""
    value = layer.variable(*names, str(index), f"layer/{index}")
    q = parse_quantizer(layer.config.get(f"{names[0]}_quantizer"), f"'{layer.name}' ({names[0]}_quantizer)")
    if q is None:
        return value
    grid = quantize_weights(q, value, f"'{layer.name}': {names[0]}")
    return to_float(grid.raw, grid.type) * (1.0 if grid.scale is None else grid.scale)


def _bias(layer: Layer, index: int = 1) -> Array:
    return _weight(layer, index, ("bias",)) if Attributes(layer.name, layer.config).flag("use_bias", True) else 0.0


def _dense(layer: Layer, x: Array) -> Array:
    return x @ _weight(layer, 0, ("kernel",)) + _bias(layer)


def _time_distributed(layer: Layer, x: Array) -> Array:
    class_name, config = inner_layer(layer.config)
    if class_name not in PER_STEP:
        Attributes(layer.name, layer.config).refuse("layer", layer.config.get("layer"), ", ".join(PER_STEP))
    weights = {key.removeprefix("layer/"): value for key, value in layer.weights.items()}
    inner = replace(layer, class_name=class_name, config=config, inputs=(), weights=weights)
    y = _layer(inner, [x])
    activation = Attributes(layer.name, config).function("activation", None)
    return y if activation is None else activate(inner, activation, y)


def _view(layer: Layer, x: Array, size: tuple[int, ...]) -> Array:
    """Windows (batch, rows, columns, channels, kh, kw) of an image, or of a sequence as an image of height 1."""
    d = dimensions(layer)
    a = Attributes(layer.name, layer.config)
    image = x if d == 2 else x[:, np.newaxis]
    strides, dilation = (
        pair(a.sizes("strides", d, size if "pool_size" in layer.config else 1, optional=True)),
        pair(a.sizes("dilation_rate", d, 1)),
    )
    padding, (kh, kw) = a.choice("padding", ("valid", "same", "causal") if d == 1 else ("valid", "same")), pair(size)
    if padding == "causal":
        image = pad(image, ((0, 0), (dilation[1] * (kw - 1), 0)))
    if padding == "same":
        rows = same_padding(image.shape[1], kh, strides[0], dilation[0])
        columns = same_padding(image.shape[2], kw, strides[1], dilation[1])
        fill = -np.inf if "Max" in layer.class_name else 0
        image = np.pad(image, ((0, 0), rows, columns, (0, 0)), constant_values=fill)
    return windows(image, (kh, kw), strides, dilation)


def _flat(layer: Layer, y: Array) -> Array:
    return y if dimensions(layer) == 2 else y[:, 0]


def _convolution(layer: Layer, x: Array) -> Array:
    kernel = _weight(layer, 0, ("kernel",))
    kernel = kernel if kernel.ndim == 4 else kernel[np.newaxis]
    view = _view(layer, x, kernel.shape[:2] if dimensions(layer) == 2 else kernel.shape[1:2])
    return _flat(layer, np.einsum("bhwcij,ijco->bhwo", view, kernel, optimize=True)) + _bias(layer)


def _transposed(layer: Layer, x: Array) -> Array:
    kernel = _weight(layer, 0, ("kernel",))
    kernel, d = kernel if kernel.ndim == 4 else kernel[np.newaxis], dimensions(layer)
    image, a = x if d == 2 else x[:, np.newaxis], Attributes(layer.name, layer.config)
    (sh, sw), (dh, dw) = pair(a.sizes("strides", d, 1)), pair(a.sizes("dilation_rate", d, 1))
    (rows, columns), (kh, kw) = image.shape[1:3], kernel.shape[:2]
    crop, extend = trimmed(a, (rows, columns), (kh, kw), (sh, sw), (dh, dw), d)
    height, width = (rows - 1) * sh + (kh - 1) * dh + 1 + extend[0], (columns - 1) * sw + (kw - 1) * dw + 1 + extend[1]
    y = np.zeros((len(x), height, width, kernel.shape[2]))
    for i, j in np.ndindex(kh, kw):
        places = y[:, i * dh :, j * dw :][:, : (rows - 1) * sh + 1 : sh, : (columns - 1) * sw + 1 : sw]
        places += image @ kernel[i, j].T
    (top, bottom), (left, right) = crop
    return _flat(layer, y[:, top : height - bottom, left : width - right]) + _bias(layer)


def _depthwise(layer: Layer, x: Array, bias: bool = True) -> Array:
    names = ("depthwise", "depthwise_kernel", "kernel")
    kernel = _weight(layer, 0, names)
    kernel = kernel if kernel.ndim == 4 else kernel[np.newaxis]
    view = _view(layer, x, kernel.shape[:2] if dimensions(layer) == 2 else kernel.shape[1:2])
    y = np.einsum("bhwcij,ijcm->bhwcm", view, kernel, optimize=True)
    y = _flat(layer, y.reshape(*y.shape[:3], -1))
    return y + _bias(layer) if bias else y


def _separable(layer: Layer, x: Array) -> Array:
    pointwise = _weight(layer, 1, ("pointwise", "pointwise_kernel"))
    y: Array = _depthwise(layer, x, bias=False)
    return y @ pointwise.reshape(pointwise.shape[-2:]) + _bias(layer, 2)


def _max_pool(layer: Layer, x: Array) -> Array:
    return _flat(layer, _view(layer, x, _pool(layer)).max(axis=(-2, -1)))


def _average_pool(layer: Layer, x: Array) -> Array:
    ones = np.ones((1, *x.shape[1:-1], 1))
    sums, counts = (_view(layer, v, _pool(layer)).sum(axis=(-2, -1)) for v in (x, ones))
    return _flat(layer, sums / counts)


def _pool(layer: Layer) -> tuple[int, ...]:
    return Attributes(layer.name, layer.config).sizes("pool_size", dimensions(layer), 2)


def _global(layer: Layer, x: Array, function: Callable[..., Array]) -> Array:
    keep = Attributes(layer.name, layer.config).flag("keepdims", False)
    return function(x, axis=tuple(range(1, x.ndim - 1)), keepdims=keep)


def _batch_norm(layer: Layer, x: Array) -> Array:
    gamma, beta, mean, variance, epsilon = normalization(
        layer, Attributes(layer.name, layer.config), x.shape[-1], x.ndim - 1
    )
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def _zero_padding(layer: Layer, x: Array) -> Array:
    padding = around(Attributes(layer.name, layer.config), "padding", dimensions(layer))
    return _flat(layer, pad(x if dimensions(layer) == 2 else x[:, np.newaxis], padding))


def _cropping(layer: Layer, x: Array) -> Array:
    cut = around(Attributes(layer.name, layer.config), "cropping", dimensions(layer))
    rows, columns = (slice(a, n - b) for (a, b), n in zip(cut, x.shape[1:3] if x.ndim == 4 else (1, x.shape[1])))
    return x[:, rows, columns] if x.ndim == 4 else x[:, columns]


def _up_sampling(layer: Layer, x: Array) -> Array:
    for axis, factor in enumerate(Attributes(layer.name, layer.config).sizes("size", dimensions(layer), 2), 1):
        x = np.repeat(x, factor, axis=axis)
    return x


def _relu(layer: Layer, x: Array) -> Array:
    a = Attributes(layer.name, layer.config)
    slope, upper = a.number("negative_slope", 0.0), a.number("max_value", None)
    return np.minimum(np.where(x > 0, x, slope * x), np.inf if upper is None else upper)


def _leaky_relu(layer: Layer, x: Array) -> Array:
    slope = Attributes(layer.name, layer.config).number("negative_slope", None)
    slope = Attributes(layer.name, layer.config).number("alpha", 0.3) if slope is None else slope
    return np.where(x > 0, x, (slope or 0.0) * x)


def _size(layer: Layer, name: str) -> int:
    return Attributes(layer.name, layer.config).integer(name)


def _same(layer: Layer, x: Array) -> Array:
    return x


_BY_CLASS: dict[str, Callable[[Layer, Array], Array]] = {
    "Conv2DTranspose": _transposed,
    "Conv1DTranspose": _transposed,
    "Conv": _convolution,
    "DepthwiseConv": _depthwise,
    "SeparableConv": _separable,
    "Dense": _dense,
    "TimeDistributed": _time_distributed,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "AvgPool": _average_pool,
    "GlobalMax": lambda layer, x: _global(layer, x, np.max),
    "GlobalA": lambda layer, x: _global(layer, x, np.mean),
    "BatchNormalization": _batch_norm,
    "ZeroPadding": _zero_padding,
    "Cropping": _cropping,
    "UpSampling": _up_sampling,
    "RepeatVector": lambda layer, x: np.repeat(x[:, np.newaxis], _size(layer, "n"), axis=1),
    "Flatten": lambda layer, x: x.reshape(len(x), -1),
    "Reshape": lambda layer, x: x.reshape(len(x), *target_shape(Attributes(layer.name, layer.config), x.shape[1:])),
    **dict.fromkeys(GDN_CLASSES, normalized),
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "ELU": lambda layer, x: FUNCTIONS["elu"](x),
    "TFOpLambda": lambda layer, x: activate(layer, str(layer.config.get("function")).removeprefix("math."), x),
    "Absolute": lambda layer, x: np.abs(x),
    "Round": lambda layer, x: np.rint(x),
    "Softmax": lambda layer, x: softmax(x),
    "Activation": _same,
    "Dropout": _same,
    "SpatialDropout": _same,
    "Gaussian": _same,
    "AlphaDropout": _same,
    "ActivityRegularization": _same,
}
"""By the beginning of the class name, QKeras's Q left out; quantized reciprocals of averages are left exact."""
