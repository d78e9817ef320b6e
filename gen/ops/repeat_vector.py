"""RepeatVector: a vector as every step of a sequence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.ops.repeat_vector import RepeatVector
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .floats import Array
from .registry import converts


def repeated(layer: Layer, x: Array) -> Array:
    return np.repeat(x[:, np.newaxis], Attributes(layer.name, layer.config).integer("n"), axis=1)


@converts("RepeatVector", floats=repeated, moves=True)
def convert_repeat_vector(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    steps = a.integer("n")
    a.finish()
    if len(x.shape) != 1:
        raise BitsmithError(f"'{layer.name}': RepeatVector needs a vector; its input has shape {x.shape}")
    return repeat(build, layer, x, steps)


def repeat(build: Builder, layer: Layer, x: Tensor, steps: int, suffix: str = "") -> Tensor:
    """The sequence of ``steps`` times ``x``; who computes step by step may take the vector (``repeated``) instead."""
    y = build.add(layer, RepeatVector(x.type, steps), x, suffix=suffix, shape=(steps, *x.shape))
    return replace(y, repeated=x)
