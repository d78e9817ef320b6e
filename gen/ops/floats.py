"""Weights of the float forms: in float64, through the layer's own quantizers."""

from __future__ import annotations

from typing import Any

from ...sim.fixed import to_float
from ..quantize.quantizers import parse_quantizer
from ..quantize.weights import quantize_weights
from ..read.attributes import Attributes
from ..read.hgq import is_hgq
from ..read.hgq_weights import quantized_weights
from ..read.network import Layer

Array = Any
"""float64 arrays of any shape, batch first; numpy's stubs lose the dtype in nearly every call."""


def float_weight(layer: Layer, index: int, names: tuple[str, ...], quantizer: str = "") -> Array:
    """A weight, through its quantizer where it has one: that of its first name unless another is named."""
    value, name = layer.variable(*names, str(index), f"layer/{index}"), quantizer or names[0]
    if is_hgq(layer):
        return quantized_weights(layer, value, name)
    q = parse_quantizer(layer.config.get(f"{name}_quantizer"), f"'{layer.name}' ({name}_quantizer)")
    if q is None:
        return value
    grid = quantize_weights(q, value, f"'{layer.name}': {names[0]}")
    return to_float(grid.raw, grid.type) * (1.0 if grid.scale is None else grid.scale)


def float_bias(layer: Layer, index: int = 1) -> Array:
    """The bias, 0 where the layer has none."""
    return float_weight(layer, index, ("bias",)) if Attributes(layer.name, layer.config).flag("use_bias", True) else 0.0


def same(layer: Layer, x: Array) -> Array:
    """Of layers that do nothing when a model runs, or nothing but their ``activation=``."""
    return x
