"""Flatten and Reshape, and the layers that do nothing when a model runs."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from ...sim.errors import BitsmithError
from ...sim.op import Operator, Shape
from ...sim.ops.flatten import Flatten
from ..classes import short
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .floats import Array, same
from .forms import interleaved_shape, interleaves
from .per_step import last_axis
from .registry import converts


def flattened(layer: Layer, x: Array) -> Array:
    return x.reshape(len(x), -1)


def each_flattened(inner: Layer, shape: Shape) -> Layer:
    Attributes(inner.name, inner.config).finish("data_format")
    config = {"name": inner.name, "target_shape": [shape[0], prod(shape[1:])]}
    return replace(inner, class_name="Reshape", config=config)


@converts("Flatten", floats=flattened, moves=True, each_step=each_flattened, hls4ml="Reshape")
def convert_flatten(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    build.attributes(layer).finish()
    x = build.plain(layer, inputs[0])
    return build.reshape(layer, x, (prod(x.shape),))


def reshaped(layer: Layer, x: Array) -> Array:
    return x.reshape(len(x), *target_shape(Attributes(layer.name, layer.config), x.shape[1:]))


def each_reshaped(inner: Layer, shape: Shape) -> Layer:
    target = inner.config.get("target_shape")
    within = [shape[0], *target] if isinstance(target, (list, tuple)) else target
    return replace(inner, config=inner.config | {"target_shape": within})


@converts("Reshape", floats=reshaped, moves=True, each_step=each_reshaped)
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
    if any(n < 1 and n != -1 for n in target):
        a.refuse("target_shape", target, "sizes of 1 or more, and -1 for what is left")
    total, known = prod(shape), prod(n for n in target if n != -1)
    free = list(target).count(-1)
    if free > 1 or known < 1 or (total != known if not free else total % known):
        raise BitsmithError(
            f"target_shape={short(target)} on '{a.layer}': {shape} cannot be reshaped to it; the sizes must agree"
        )
    return tuple(total // known if n == -1 else n for n in target)


@converts("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout",
          "ActivityRegularization", floats=same, moves=True, each_step=last_axis)  # fmt: skip
def convert_identity(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """Layers that act while training only."""
    a = build.attributes(layer)
    a.harmless("rate", "seed", "noise_shape", "stddev", "l1", "l2")
    a.finish()
    return inputs[0]


@interleaves(Flatten)
def interleaved(op: Flatten, x: Shape, sequences: int) -> Operator:
    source, target = (interleaved_shape(shape, sequences) for shape in (x, op.shape))
    if source != target and sequences > 1:
        raise BitsmithError(
            f"reshapes {x} to {op.shape}, which sequences side by side cannot; give Bitsmith: interleaved_sequences: 1"
        )
    return replace(op, shape=target)
