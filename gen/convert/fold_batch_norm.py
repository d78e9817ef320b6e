"""Batch normalization into the weights before it, in floating point, before anything is quantized.

Plain layers: exactly, in float64. QKeras's folded layers: in float32, in the order in which QKeras computes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ..config.schema import Config
from ..ops import NORMS, Norm
from ..ops.batch_norm import ATTRIBUTES, normalization
from ..quantize.integers import is_integers, rescaled
from ..read.attributes import Attributes
from ..read.hdf5 import FloatArray
from ..read.network import Layer, Network

_WINDOW = ("filters", "kernel_size", "strides", "padding", "dilation_rate", "depth_multiplier", "activation",
           "use_bias", "kernel_quantizer", "depthwise_quantizer", "bias_quantizer", "folding_mode",
           "ema_freeze_delay")  # fmt: skip
"""What a folded layer has besides the attributes of its normalization."""
_KERNELS = ("kernel", "depthwise_kernel")


def fold_batch_norm(network: Network, config: Config) -> Network:
    """The network without the batch normalizations that belong to a layer.

    A BatchNormalization is folded where the layer before it is a plain convolution or dense layer with no activation
    and nothing else reads that, unless the configuration gives it a scale of its own. BitsmithError for bad statistics.
    """
    layers = {layer.key: _fold_itself(layer) for layer in network.layers}
    gone: dict[str, str] = {}
    for norm in network.layers:
        if norm.class_name != "BatchNormalization" or len(norm.inputs) != 1:
            continue
        before = layers.get(gone.get(norm.inputs[0], norm.inputs[0]))
        if before is not None and _foldable(before, norm, network, config):
            layers[before.key] = _fold(before, norm)
            gone[norm.key] = before.key
            del layers[norm.key]
    kept = tuple(replace(layer, inputs=tuple(gone.get(key, key) for key in layer.inputs)) for layer in layers.values())
    return replace(network, layers=kept, outputs=tuple(gone.get(key, key) for key in network.outputs))


def _foldable(layer: Layer, norm: Layer, network: Network, config: Config) -> bool:
    if config.named(norm.name, norm.class_name, "scale") is not None:
        return False
    if (
        NORMS.get(layer.class_name) is not Norm.BEHIND
        or layer.folded
        or layer.config.get("activation") not in (None, "linear")
    ):
        return False
    return len(network.consumers(layer.key)) == 1 and layer.key not in network.outputs


def _kernel(layer: Layer) -> tuple[str, FloatArray]:
    key = next((k for k in (*_KERNELS, "0") if k in layer.weights), "")
    kernel = layer.variable(*_KERNELS, "0")
    if kernel.ndim < 2:
        raise BitsmithError(f"'{layer.name}': the kernel has shape {kernel.shape}; save the model again")
    return key, kernel


def _bias(layer: Layer, outputs: int) -> FloatArray:
    used = Attributes(layer.name, layer.config).flag("use_bias", True)
    return layer.weight(1, ("bias",), (outputs,)) if used else np.zeros(outputs)


def _fold(layer: Layer, norm: Layer) -> Layer:
    """``kernel * s`` and ``(bias - mean) * s + beta`` with ``s = gamma / sqrt(variance + epsilon)``, in float64."""
    key, kernel = _kernel(layer)
    depthwise = "Depthwise" in layer.class_name
    outputs = int(np.prod(kernel.shape[-2:])) if depthwise else kernel.shape[-1]
    a = Attributes(norm.name, norm.config)
    a.check_general()
    a.finish(*ATTRIBUTES)
    gamma, beta, mean, variance, epsilon = normalization(norm, a, outputs, kernel.ndim - 1)
    bias = _bias(layer, outputs)
    scale = gamma / np.sqrt(variance + epsilon)
    folded = kernel * (scale.reshape(kernel.shape[-2:]) if depthwise else scale)
    weights = {key: folded, "bias": (bias - mean) * scale + beta}
    config = layer.config | {"use_bias": True}
    if is_integers(grid := layer.config.get("kernel_quantizer")):
        config["kernel_quantizer"] = rescaled(grid, scale, folded, f"'{layer.name}': kernel")
    return replace(layer, weights=weights, config=config, folded=norm.name)


def _fold_itself(layer: Layer) -> Layer:
    """QConv2DBatchnorm and its depthwise form as plain quantized layers."""
    if NORMS.get(layer.class_name) is not Norm.INSIDE:
        return layer
    key, kernel = _kernel(layer)
    layer.taken.update(id(value) for value in layer.weights.values() if value.ndim == 0)  # it counts training steps
    depthwise = "Depthwise" in layer.class_name
    outputs = int(np.prod(kernel.shape[-2:])) if depthwise else kernel.shape[-1]
    a = Attributes(layer.name, layer.config)
    a.check_general()
    a.only("folding_mode", "ema_stats_folding", "batch_stats_folding")
    a.finish(*ATTRIBUTES, *_WINDOW)
    parts = normalization(layer, a, outputs, kernel.ndim - 1, first="batchnorm/")
    gamma, beta, mean, variance = (np.float32(part) for part in parts[:4])
    bias = _bias(layer, outputs)
    inverse = np.float32(1) / np.sqrt(variance + np.float32(parts[4]))
    inverse = inverse * gamma
    folded: Any = (inverse.reshape(kernel.shape[-2:]) if depthwise else inverse) * np.float32(kernel)
    weights = {key: folded.astype(np.float64)}
    weights["bias"] = (inverse * (np.float32(bias) - mean) + beta).astype(np.float64)
    dropped = (*ATTRIBUTES, "folding_mode", "ema_freeze_delay")
    config = {name: value for name, value in layer.config.items() if name not in dropped} | {"use_bias": True}
    return replace(layer, weights=weights, config=config)
