"""Weights of HGQ2's layers through their quantizers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from .attributes import Attributes
from .hdf5 import FloatArray
from .hgq import ATTRIBUTES, quantizer
from .network import Layer


def quantized_weights(layer: Layer, values: Any, name: str) -> FloatArray:
    """The values of a weight that HGQ2 computes with: ``bq`` quantizes the one called ``bias``, ``kq`` all others."""
    role = "bq" if name == "bias" else "kq"
    q = quantizer(layer, role)
    if q is None:
        raise BitsmithError(f"'{layer.name}': {role}_conf quantizes nothing (dummy); give its {name} bits")
    try:
        found: Any = q.values(values.astype(np.float32))
    except ValueError:
        found = None
    if found is None or found.shape != values.shape:
        raise BitsmithError(
            f"'{layer.name}': {name} has shape {values.shape} and its bits {q.signs.shape}; save the model again"
        )
    return np.asarray(found, dtype=np.float64)


def fused_dense(layer: Layer) -> Layer:
    """QBatchNormDense as a dense layer: the kernel times the scale, the bias less the mean's share, in float32."""
    a = Attributes(layer.name, layer.config)
    a.harmless(*ATTRIBUTES, *NORM, "units", "activation", "use_bias")
    scaled, epsilon = a.flag("scale", True), np.float32(a.number("epsilon", 1e-3))
    a.finish()
    kernel = np.float32(layer.variable("kernel", "0"))
    if kernel.ndim != 2:
        raise BitsmithError(f"'{layer.name}': kernel has shape {kernel.shape}, expected two axes; save the model again")
    inputs, outputs = kernel.shape
    bias = np.float32(layer.weight(1, ("bias",), (outputs,)))
    gamma = np.float32(layer.weight(2, ("bn_gamma",), (inputs,)) if scaled else np.ones(inputs))
    mean, variance = (
        np.float32(layer.weight(2 + scaled + k, (name,), (inputs,)))
        for k, name in enumerate(("moving_mean", "moving_variance"))
    )
    root = positive_root(layer, variance + epsilon)
    weights = {
        "kernel": ((gamma / root)[:, None] * kernel).astype(np.float64),
        "bias": (bias - (mean.astype(np.float64) @ kernel).astype(np.float32)).astype(np.float64),
    }
    bits = {name: value for name, value in layer.weights.items() if "quantizer/" in name}
    config = {name: value for name, value in layer.config.items() if name not in (*NORM, "scale", "epsilon")}
    return replace(layer, weights=weights | bits, config=config)


NORM = ("momentum", "synchronized")
"""Attributes of a normalization that only training reads."""


def positive_root(layer: Layer, variance: Any) -> Any:
    """The square root of a variance plus epsilon; BitsmithError where that is not positive."""
    if (variance <= 0).any():
        raise BitsmithError(f"'{layer.name}': a variance plus epsilon is not positive; train the model again")
    return np.sqrt(variance)


def einsum_dense(layer: Layer) -> Layer:
    """QEinsumDense as a dense layer; BitsmithError for an equation that is none."""
    a = Attributes(layer.name, layer.config)
    equation, axes = a.get("equation"), a.get("bias_axes")
    a.harmless(*ATTRIBUTES, "activation", "output_shape")
    a.finish()
    source, _, rest = str(equation).replace("...", "").replace(" ", "").partition(",")
    kernel, _, result = rest.partition("->")
    same = len(source) > 0 and len(kernel) == 2 and kernel == source[-1] + result[-1:]
    if not same or source[:-1] != result[:-1] or result[-1] in source:
        a.refuse("equation", equation, "a product over the last axis, such as ab,bc->ac or abc,cd->abd")
    if axes != result[-1] and (axes is not None or {"bias", "1"} & set(layer.weights)):
        a.refuse("bias_axes", axes, f"None, {result[-1]}")
    values, shape = layer.variable("kernel", "0"), layer.config.get("output_shape")
    if values.ndim != 2:
        raise BitsmithError(f"'{layer.name}': kernel has shape {values.shape}, expected two axes; save the model again")
    units = int(values.shape[1])
    given = list(shape) if isinstance(shape, (list, tuple)) else [shape]
    if units not in (given if "..." in str(equation) else given[-1:]):
        a.refuse("output_shape", shape, f"{units} outputs, as the kernel has")
    own = ("equation", "bias_axes", "output_shape")
    config = {name: value for name, value in layer.config.items() if name not in own}
    return replace(layer, config=config | {"units": units, "use_bias": axes is not None})
