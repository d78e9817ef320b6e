"""Flatten and Reshape, and the layers that do nothing when a model runs."""

from __future__ import annotations

from math import prod

from ...sim.errors import BitsmithError
from ...sim.op import Shape
from ..classes import short
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .registry import converts


@converts("Flatten")
def convert_flatten(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    build.attributes(layer).finish()
    x = build.plain(layer, inputs[0])
    return build.reshape(layer, x, (prod(x.shape),))


@converts("Reshape")
def convert_reshape(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    shape = target_shape(a, x.shape)
    a.finish()
    return build.reshape(layer, x, shape)


def target_shape(a: Attributes, shape: Shape) -> Shape:
    """What a tensor of ``shape`` is reshaped to; -1 is what is left."""
    target = a.get("target_shape")
    if not isinstance(target, (list, tuple)) or any(isinstance(n, bool) or not isinstance(n, int) for n in target):
        a.refuse("target_shape", target, "whole numbers")
    total, known = prod(shape), prod(n for n in target if n != -1)
    free = list(target).count(-1)
    if free > 1 or known < 1 or (total != known if not free else total % known):
        raise BitsmithError(
            f"target_shape={short(target)} on '{a.layer}': {shape} cannot be reshaped to it; the sizes must agree"
        )
    return tuple(total // known if n == -1 else n for n in target)


@converts("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout",
          "ActivityRegularization")  # fmt: skip
def convert_identity(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """Layers that act while training only."""
    a = build.attributes(layer)
    a.harmless("rate", "seed", "noise_shape", "stddev", "l1", "l2")
    a.finish()
    return inputs[0]
